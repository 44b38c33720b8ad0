"""Many points in two dimensions: what of them is in view, how it looks, what is where."""
