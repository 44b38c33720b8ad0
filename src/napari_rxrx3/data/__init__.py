"""What is on disk: metadata, images, embeddings, and where they disagree."""
