"""The map of all entries of a level, and what belongs to it."""
