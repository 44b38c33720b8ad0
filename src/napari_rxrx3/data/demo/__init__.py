"""Synthetic data in the formats of RxRx3, for trying things out."""
