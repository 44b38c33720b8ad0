"""Sets of genes: the user's file of them, and which are over-represented in a part of a map."""
