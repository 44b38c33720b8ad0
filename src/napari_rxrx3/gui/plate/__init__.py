"""The plate map and what belongs to it."""
