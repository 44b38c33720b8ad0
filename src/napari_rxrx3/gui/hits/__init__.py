"""The hits tab: a queue of wells to look at, tags, notes, and the table of them."""
