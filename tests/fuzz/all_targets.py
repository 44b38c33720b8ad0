"""All parsers that are fed, by name."""

from fuzz import files, kept, pictures, texts
from fuzz.target import TARGETS

__all__ = ["PARTS", "TARGETS"]

PARTS = (pictures, texts, files, kept)
