"""Why a target is missed, measured: a sentence or two by the key of the row."""

from __future__ import annotations

__all__ = ["REASONS"]

REASONS: dict[str, str] = {}
