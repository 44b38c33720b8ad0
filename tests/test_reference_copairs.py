"""Activity beside copairs, the code of Kalinin et al. 2025, fetched for the test.

Without a network these tests are skipped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.calibration.activity import COMPOUNDS
from benchmarks.calibration.screens import CONTROL, Screen
from fetched import fetch, imported

PACKAGES = ("copairs==0.5.5", "duckdb>=1.4.4")
NEVER_USED = {"statsmodels.stats.multitest": "multipletests"}

SCREEN = Screen(3, replace(COMPOUNDS, compounds=30, effect=2.5, active=0.3, dimension=64))


@pytest.fixture(scope="module")
def copairs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    package = fetch(tmp_path_factory.mktemp("copairs"), *PACKAGES)
    return imported(package, "copairs.map", NEVER_USED)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return SCREEN.open(tmp_path_factory.mktemp("screen"))


@pytest.fixture(scope="module")
def there(copairs: Any, dataset: Any) -> pd.Series:
    """Mean average precision of each compound at a dose against the controls of its plates."""
    aligned = dataset.phenomap("well", "pca-centerscale")
    wells = dataset.wells.loc[aligned.labels.index]
    of = dataset.phenomap()
    key = pd.Series({well: key for key in of.labels.index for well in of.wells_of(key)})
    is_control = (wells["treatment"] == CONTROL).to_numpy()
    entry = key.reindex(wells.index).fillna("control")
    meta = pd.DataFrame(
        {
            "key": entry.to_numpy(),
            "plate": (wells["experiment_name"] + wells["plate"].astype(str)).to_numpy(),
            "is_control": is_control,
            # controls are no replicates of each other
            "replicate": np.where(is_control, np.arange(len(wells)).astype(str), entry.to_numpy()),
        }
    )
    found = copairs.average_precision(
        meta,
        np.asarray(aligned.vectors),
        pos_sameby=["replicate"],
        pos_diffby=[],
        neg_sameby=["plate"],
        neg_diffby=["is_control"],
        progress_bar=False,
    )
    found = found[~found["is_control"] & (found["n_pos_pairs"] > 0)]
    return found.groupby("key")["normalized_average_precision"].mean()


@pytest.mark.soak
def test_activity_goes_with_the_mean_average_precision_of_copairs(
    there: pd.Series, dataset: Any
) -> None:
    here = dataset.phenomap().scores["activity"]
    both = pd.concat([here, there.rename("there")], axis=1).dropna()
    assert len(both) > 200
    assert both.corr().iloc[0, 1] >= 0.7
    assert both.corr("spearman").iloc[0, 1] >= 0.6
    active = dataset.phenomap().scores["is_active"][both.index]
    assert both["there"][active].median() > both["there"][~active].quantile(0.9)
