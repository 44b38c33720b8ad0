"""Paths of everything of use under a folder."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_rxrx3.data.problems import Problem

__all__ = ["Contents"]


@dataclass
class Contents:
    """Paths of everything of use under a folder.

    `plates` are folders of OME-Zarr, with what they say that they are called; `tables` those that
    may say of their wells what they received, and why nobody else reads them.

    `dimensions` holds those of the embeddings whose columns tell it, `packed` a sentence for each
    archive that cannot be read in place: what it holds, and what to do. `notes` say which of
    several files that claim to be one thing was taken. `indexed` are the tars and shards beside
    which an index lies.
    """

    metadata: list[str] = field(default_factory=list)
    tars: list[str] = field(default_factory=list)
    zips: list[str] = field(default_factory=list)
    folders: dict[str, list[str]] = field(default_factory=dict)
    shards: list[str] = field(default_factory=list)
    plates: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    embeddings: list[str] = field(default_factory=list)
    embedding_tars: list[str] = field(default_factory=list)
    dimensions: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    packed: dict[str, str] = field(default_factory=dict)
    notes: list[Problem] = field(default_factory=list)
    indexed: set[str] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        return not (
            self.metadata
            or self.tars
            or self.zips
            or self.folders
            or self.shards
            or self.plates
            or self.embeddings
            or self.embedding_tars
        )
