"""How often what the map says of a pair is right, on screens of which the truth is known."""
