"""All works, by name."""

from killing import caching, saving
from killing.work import WORKS

__all__ = ["PARTS", "WORKS"]

PARTS = (caching, saving)
