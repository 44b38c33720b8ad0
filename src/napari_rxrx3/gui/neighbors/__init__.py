"""The list of neighbors, and what is known of the perturbation that is asked for."""
