"""Strips, wells shown side by side: the choice of one, and measurements of its wells."""
