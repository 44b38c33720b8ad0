"""The menu to take along what is on screen."""
