"""How much of what is known a map tells."""
