"""All cases, by name."""

from corpus import archives, images, places, shards, tables, vectors
from corpus.case import CASES

__all__ = ["CASES", "PARTS"]

PARTS = (images, archives, shards, tables, vectors, places)
