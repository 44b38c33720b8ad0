"""Makes the report of a perturbation, and writes it whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.figures.chart import save_chart
from napari_rxrx3.figures.files import (
    FORMATS,
    FigureError,
    Paper,
    Target,
    now,
    save,
)
from napari_rxrx3.figures.reports.content import gather
from napari_rxrx3.figures.reports.gene_sets import AskedSets
from napari_rxrx3.figures.reports.page import ReportPage
from napari_rxrx3.figures.reports.pictures import read_pictures
from napari_rxrx3.figures.reports.web_page import web_page
from napari_rxrx3.maps.spec import MIN_GENES

if TYPE_CHECKING:
    from napari_rxrx3.maps.phenomap import PhenoMap
    from napari_rxrx3.maps.projection.projection import Projection
    from napari_rxrx3.maps.sets.gene_sets import GeneSets

__all__ = ["MOST_NEAREST", "REPORT_FORMATS", "report"]

REPORT_FORMATS = {**FORMATS, ".html": "html"}
"""What the ending of a path stands for."""
MOST_NEAREST = 12


def report(
    phenomap: PhenoMap,
    key: str,
    path: str | os.PathLike[str],
    *,
    k: int = 6,
    projection: Projection | None = None,
    notes: Sequence[str] = (),
    sets: GeneSets | None = None,
    min_genes: int = MIN_GENES,
    overwrite: bool = False,
    date: datetime | None = None,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Write a page about a perturbation: pictures, neighbors, guides or doses, evidence, the map.

    PNG, PDF, SVG and TIFF have the shape of a slide (16:9), HTML is one file that needs no network
    and no script, with all numbers in tables. The same data give the same bytes but for the date.

    Parameters
    ----------
    phenomap : PhenoMap
        The map that is asked. For a guide (``PLK1_guide_1``) it is the map of guides that goes
        with a map of perturbations.
    key : str
        Such as ``PLK1``, ``PLK1_guide_1`` or ``Bortezomib@2.5``; of a compound without a dose
        the one that is furthest from the controls.
    path : str or path-like
        Its ending, one of `REPORT_FORMATS`, says what it becomes.
    k : int
        How many of the nearest are shown, 1 to 12; three that are opposite.
    projection : Projection, optional
        The picture of the map, from ``phenomap.project``; PCA if there is none.
    notes : sequence of str
        Further sentences for its foot.
    sets : GeneSets, optional
        From `napari_rxrx3.read_gene_sets`: which of them are over-represented among the 20 genes
        nearest to it, and least like it.
    min_genes : int
        Sets with fewer genes in the map are not tested.
    overwrite : bool
        A file that is there may be replaced.
    date : datetime, optional
        When it was made; now, or what SOURCE_DATE_EPOCH says.
    progress : callable, optional
        Called with (done, total, text); may raise to stop. The scores of a large map take minutes
        the first time.

    Returns
    -------
    tuple of str
        What is missing or not as asked for, a sentence each.

    Raises
    ------
    UnknownKey
        If the map has no such entry; it names the closest.
    MapError
        If the map cannot be asked.
    FigureError
        If it cannot be drawn or written, or `k` is none of 1 to 12; `FigureExists` if a file is
        there. Nothing is left.
    """
    if not 1 <= k <= MOST_NEAREST:
        raise FigureError(f"A report shows 1 to {MOST_NEAREST} of the nearest, not {k}.")
    date = date or now()
    listen = progress or silent
    target = Target(Path(path), overwrite, listen, date, forms=REPORT_FORMATS)
    target.check()  # before anything that takes minutes
    asked = AskedSets(sets, min_genes) if sets is not None else None
    content = gather(phenomap, key, k, projection, notes, listen, asked)
    pictures = read_pictures(content.phenomap.dataset, content.wells, listen)
    if target.form == "html":
        save(
            target,
            Paper(),
            lambda: {target.path: web_page(content, pictures, date).encode("utf-8")},
        )
    else:
        save_chart(target, Paper(), lambda form: ReportPage(content, pictures, form, date))
    return content.notes
