"""Every entry of a level as a point."""
