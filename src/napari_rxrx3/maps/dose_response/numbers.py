"""The numbers of a dose response that stand wherever the scores of a perturbation do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who wants the names alone waits for no table
    import pandas as pd

__all__ = ["DOSE_NUMBERS", "beside"]

DOSE_NUMBERS = ("trend_p", "trend_q", "ec50", "ec50_low", "ec50_high", "lowest_active_dose")
"""Columns of `PhenoMap.dose_response`; the last four are in µM."""


def beside(
    wells: pd.DataFrame, responses: pd.DataFrame, names: Sequence[str] = DOSE_NUMBERS
) -> pd.DataFrame:
    """What the doses of compounds do, a row for each row of a table of wells or entries.

    Parameters
    ----------
    wells : pandas.DataFrame
        With the columns treatment and perturbation_type.
    responses : pandas.DataFrame
        That of `PhenoMap.dose_response`.
    names : sequence of str
        Which of its columns.

    Returns
    -------
    pandas.DataFrame
        Numbered rows; NaN of all that is no compound, and of what was not tested.
    """
    is_compound = (wells["perturbation_type"] == "COMPOUND").to_numpy(bool, na_value=False)
    table = responses[list(names)].reindex(wells["treatment"].to_numpy(object))
    table = table.reset_index(drop=True)
    table[~is_compound] = float("nan")
    return table
