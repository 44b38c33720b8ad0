"""Counting cells for the window."""
