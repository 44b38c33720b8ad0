"""Maps in two dimensions: where each entry lies in a picture of all of them."""
