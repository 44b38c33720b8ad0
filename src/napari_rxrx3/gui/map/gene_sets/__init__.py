"""The gene sets that some genes have in common: beside the map."""
