"""Wells side by side: what to compare a well with, and in which order."""

from napari_rxrx3.strips.arrange import arrange

__all__ = ["arrange"]
