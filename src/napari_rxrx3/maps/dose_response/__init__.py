"""What doses of compounds do: whether the effect grows with the dose, from which one, and its half.

`responses` has what is kept of all compounds of a map; see docs/maps.md.
"""
