"""What a benchmark found, as a text to read."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["benchmark_in_words"]

_SAME = ("n_null", "n_entries")


def benchmark_in_words(result: dict[str, Any]) -> str:
    """Tables of the recall of known pairs and of the precision of known genes, if asked for."""
    parts = []
    if pairs := result.get("pairs"):
        parts += [
            f"Known pairs among all {pairs[0]['n_null']:,} pairs of {pairs[0]['n_entries']:,} "
            "entries (by chance: 0.1 and 0.2)",
            _table([{k: v for k, v in row.items() if k not in _SAME} for row in pairs]),
        ]
    if known := result.get("interactions"):
        parts += [
            f"Genes of {known['n_compounds']:,} compounds of {known['file']} (left out: "
            f"{known['n_absent']:,} not in the map, {known['n_without_active']:,} without an "
            f"active gene, {known['n_too_few']:,} with too few others)",
            _table(known["doses"]),
        ]
    return "\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> str:
    text: str = pd.DataFrame(rows).to_string(index=False, float_format="{:.4f}".format)
    return text
