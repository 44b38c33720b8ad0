"""A well beside what it is to be compared with: what is asked for, and what the numbers say."""
