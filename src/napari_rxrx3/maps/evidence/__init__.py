"""How far to trust what a map says."""
