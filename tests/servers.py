"""What tests of servers ask of a data set, there and here."""

from __future__ import annotations

from pathlib import Path

import napari_rxrx3 as rx

WELL = "gene-001_1_D05"
"""One that has an image in them all."""


def seen(where: str | Path, cache: Path) -> list[object]:
    """All that a user sees of a data set."""
    dataset = rx.open_dataset(where, cache)
    return [
        dataset.read(WELL).tobytes(),
        dataset.phenomap(align="none").nearest("PLK1", judged=False).to_csv(),
        dataset.check().problems["kind"].tolist(),
        dataset.wells.to_csv(),
    ]
