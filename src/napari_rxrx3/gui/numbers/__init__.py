"""The tab Numbers: what is known of a perturbation, and brightness beside its controls."""
