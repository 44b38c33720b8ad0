"""The chosen set of entries, and what can be done with it."""
