"""From embeddings to perturbations that look alike."""
