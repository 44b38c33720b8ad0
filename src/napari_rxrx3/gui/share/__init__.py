"""Figures, scripts, planes and sessions of what is on screen."""
