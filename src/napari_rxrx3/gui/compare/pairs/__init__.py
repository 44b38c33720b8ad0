"""Two screens, or two maps, against each other."""
