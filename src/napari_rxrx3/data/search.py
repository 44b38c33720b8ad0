"""Find genes, guides, compounds and wells by any part of their names."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from napari_rxrx3.core.perturbation import gene_of_guide
from napari_rxrx3.core.plate import PlateId

__all__ = ["Hit", "SearchIndex"]

_KINDS = ("gene", "guide", "compound", "control", "well")


class Hit(NamedTuple):
    """Something that a search found; `kind` is one of gene, guide, compound, control, well."""

    name: str
    kind: str
    n_wells: int


class SearchIndex:
    """All names of a table of wells. The search ignores case; names keep it."""

    def __init__(self, wells: pd.DataFrame) -> None:
        self._wells = wells
        names = _names(wells)
        self._names = names
        self._folded = pa.array(names["name"].str.casefold(), pa.large_string())
        self._ids = pa.array(wells.index, pa.large_string())

    def search(self, text: str, limit: int = 20) -> list[Hit]:
        """Names that hold a text, the ones that start with it first, wells last."""
        folded = text.strip().casefold()
        if not folded:
            return []
        contained = pc.match_substring(self._folded, folded).to_numpy(zero_copy_only=False)
        found = self._names[contained]
        rank = ~found["name"].str.casefold().str.startswith(folded)
        found = found.assign(rank=rank, length=found["name"].str.len())
        found = found.sort_values(["rank", "order", "length", "name"]).head(limit)
        hits = [
            Hit(name, kind, int(n))
            for name, kind, n in found[["name", "kind", "n_wells"]].itertuples(index=False)
        ]
        return hits + self._wells_like(folded, limit - len(hits))

    def at(self, plate: PlateId, row: int, column: int) -> Hit | None:
        """The well at a position of a plate."""
        wells = self._wells
        here = (wells["row"] == row) & (wells["column"] == column) & (wells["plate"] == plate.plate)
        found = wells.index[here & (wells["experiment_name"] == plate.experiment)]
        return Hit(str(found[0]), "well", 1) if len(found) else None

    def wells_of(self, hit: Hit) -> pd.DataFrame:
        """Rows of all wells that a hit stands for."""
        if hit.kind == "well":
            return self._wells.loc[[hit.name]]
        if hit.kind == "gene":
            return self._wells[self._wells["gene"] == hit.name]
        rows = self._wells[self._wells["treatment"] == hit.name]
        if hit.kind == "control" or gene_of_guide(hit.name) is not None:
            return rows
        is_other = _is_no_compound(rows["perturbation_type"])
        return rows[is_other if hit.kind == "guide" else ~is_other]

    def find(self, name: str) -> Hit | None:
        """The hit of exactly this name, case included; else the only one that differs in case."""
        name = name.strip()
        for candidate in (self._names["name"] == name, self._same_folded(name)):
            rows = self._names[candidate]
            if len(rows) == 1 or (len(rows) and rows["name"].nunique() == 1):
                row = rows.iloc[0]
                return Hit(row["name"], row["kind"], int(row["n_wells"]))
        return Hit(name, "well", 1) if name in self._wells.index else None

    def _same_folded(self, name: str) -> pd.Series:
        return self._names["name"].str.casefold() == name.casefold()

    def _wells_like(self, folded: str, limit: int) -> list[Hit]:
        if limit <= 0:
            return []
        matches = pc.match_substring(self._ids, folded, ignore_case=True)
        places = pc.indices_nonzero(matches)[:limit].to_pylist()
        return [Hit(self._ids[i].as_py(), "well", 1) for i in places]


def _names(wells: pd.DataFrame) -> pd.DataFrame:
    """One row a name: name, kind, n_wells, and the order of its kind."""
    pairs = wells.groupby(["treatment", "perturbation_type"], dropna=False).size()
    counted = pairs.rename("n_wells").reset_index().dropna(subset="treatment")
    counted["kind"] = _kinds(counted["treatment"], counted["perturbation_type"])
    treatments = counted.groupby(["treatment", "kind"], as_index=False)["n_wells"].sum()
    treatments = treatments.rename(columns={"treatment": "name"})
    controls = treatments.loc[treatments["kind"] == "control", "name"]
    genes = wells["gene"].value_counts().rename_axis("name").reset_index(name="n_wells")
    genes = genes[~genes["name"].isin(controls)].assign(kind="gene")
    names = pd.concat([genes, treatments], ignore_index=True)
    names["name"] = names["name"].astype("str")
    names["order"] = names["kind"].map(_KINDS.index)
    return names


def _kinds(treatments: pd.Series, types: pd.Series) -> np.ndarray[Any, Any]:
    guides = {t: gene_of_guide(t) is not None for t in treatments.unique()}
    is_guide = treatments.map(guides).astype(bool) | _is_no_compound(types)
    kinds = np.where(is_guide, "guide", "compound")
    return np.where(treatments.str.contains("_control"), "control", kinds)


def _is_no_compound(types: pd.Series) -> pd.Series:
    """Where the table says another type; some tables say none."""
    return types.notna() & (types != "COMPOUND")
