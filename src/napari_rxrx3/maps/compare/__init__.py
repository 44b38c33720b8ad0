"""Two maps, or two screens, against each other."""
