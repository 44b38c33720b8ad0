"""Embeddings: vectors of wells, from files of any form."""
