"""Files that this plugin keeps, and how much of them."""
