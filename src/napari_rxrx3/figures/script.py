"""What is on screen as a short Python script: with public names, and ready to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari_rxrx3.core.contrast import default_limits
from napari_rxrx3.core.display import Display
from napari_rxrx3.core.errors import printable
from napari_rxrx3.core.mosaic import Tile, arranged
from napari_rxrx3.core.stains import number_in_words
from napari_rxrx3.core.version import __version__
from napari_rxrx3.figures.layout import ASPECT
from napari_rxrx3.figures.record import DatasetIdentity, RecordError, ViewRecord
from napari_rxrx3.maps.spec import NEIGHBOR_KINDS

__all__ = ["python_script"]

_SCORE_ORDERS = {"active": "activity", "strongest": "effect", "most consistent": "consistency"}


def python_script(record: ViewRecord) -> str:
    """Write the script that reads and shows what is on record.

    It makes `image`, uint8 (Y, X, 3), from `pixels.stains`, (stains, Y, X), then the nearest
    perturbations as `neighbors` if some were asked for, and at last opens napari.

    Raises
    ------
    RecordError
        If the record has no data set.
    """
    if record.dataset is None:
        raise RecordError("No data set is open: there is nothing to copy.")
    parts = [
        _head(record),
        _imports(record),
        _opening(record.dataset),
        _preferences(record),
        _field(record),
        _reading(record),
        _contrast(record),
        _neighbors(record),
        _viewer(record),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _head(record: ViewRecord) -> str:
    shown = record.strip.title if record.strip is not None else record.well
    if record.view == "plate" and record.plate is not None:
        shown = f"{record.plate[0]} plate {record.plate[1]}"
    text = " ".join(str(shown or "wells").split()).replace("\\", "/").replace('"', "'")
    return f"# {text}: as seen in napari-rxrx3 {__version__} on {record.saved}"


def _imports(record: ViewRecord) -> str:
    """Public names alone: a script that somebody has saved must work with later versions."""
    names = ", ".join(_functions(record))
    return f"import napari_rxrx3 as rx\nfrom napari_rxrx3.figures import {names}\n"


def _opening(dataset: DatasetIdentity) -> str:
    if not dataset.had_secret:
        return f"dataset = rx.open_dataset({dataset.address!r})"
    return "\n".join(
        (
            "# The address held a login or a signature, which is not kept here: put all of it",
            "# into the environment variable RXRX3_ADDRESS.",
            "import os",
            "",
            f"address = os.environ.get('RXRX3_ADDRESS', {dataset.address!r})",
            "dataset = rx.open_dataset(address)",
        )
    )


def _functions(record: ViewRecord) -> tuple[str, str]:
    """What makes the picture, and what reads its pixels."""
    if record.view == "plate":
        return "composite_of", "plate_pixels"
    if record.difference:
        return "difference_image", "difference_pixels"
    return "composite_of", "tile_pixels"


def _preferences(record: ViewRecord) -> str:
    usual, stains = Display(), record.stains
    lines = []
    if stains.palette != usual.palette:
        lines.append(f"rx.display.palette = {stains.palette!r}")
    if stains.pixel_size_um != usual.pixel_size_um:
        lines.append(f"rx.display.pixel_size_um = {stains.pixel_size_um!r}")
    return "\n".join(lines)


def _field(record: ViewRecord) -> str:
    return f"dataset.show_field({record.field})" if record.field > 1 else ""


def _reading(record: ViewRecord) -> str:
    if record.view == "plate" and record.plate is not None:
        experiment, plate = record.plate
        return f"pixels = plate_pixels(dataset, {experiment!r}, {plate})"
    tiles = record.tiles
    if len({(tile.row, tile.column) for tile in tiles}) < len(tiles):  # never laid out
        tiles = arranged(tiles, ASPECT)
    how = [f", {name}={value}" for name, value in _detail(record)]
    lines = ["# well, label, row and column", "tiles = ["]
    lines += [f"    {_tile(tile)}," for tile in tiles]
    lines += ["]", f"pixels = {_functions(record)[1]}(dataset, tiles{''.join(how)})"]
    lines.append('print(*pixels.failures, sep="\\n")  # what is missing, and hatched')
    return "\n".join(lines)


def _detail(record: ViewRecord) -> list[tuple[str, int]]:
    detail = [("crop", record.crop), ("reduction", record.reduction if not record.crop else 1)]
    return [(name, value) for name, value in detail if value > 1]


def _tile(tile: Tile) -> str:
    return f"rx.Tile({tile.well_id!r}, {tile.label!r}, {tile.row}, {tile.column})"


def _contrast(record: ViewRecord) -> str:
    stains = record.stains
    lines = ["limits = ("]
    known = record.limits or default_limits(len(stains.table))
    for stain, (low, high) in zip(stains.table, known, strict=True):
        lines.append(f"    ({low!r}, {high!r}),  # {stain.name}")
    lines.append(")")
    if record.view != "plate" and record.difference:
        return "\n".join(
            [*lines, f"image = difference_image(pixels.stains, limits{_table(record)})"]
        )
    options = ""
    if not all(stains.visible):
        lines.append(f"visible = {stains.visible!r}")
        options += ", visible"
    if stains.alone is not None:
        options += f", alone={stains.alone}"
    if any(gamma != 1 for gamma in stains.gamma):
        options += f", gamma={stains.gamma!r}"
    options += _table(record)
    lines.append(f"image = composite_of(pixels.stains, limits{options})  # uint8 (Y, X, 3)")
    return "\n".join(lines)


def _table(record: ViewRecord) -> str:
    return ", table=dataset.stains" if record.stains.called else ""


def _neighbors(record: ViewRecord) -> str:
    """The question to the map, if there is one, and a map to ask."""
    query = record.query
    if not query.key or not record.embedding:
        return ""
    chosen = {"average": query.average, "batch": query.batch, "control": query.control}
    usual = {"average": "mean", "batch": "experiment", "control": "EMPTY_control"}
    options = [f"{k}={v!r}" for k, v in chosen.items() if v != usual[k]]
    options += ["leave_out=True"] if query.leave_out else []
    options += ["position=True"] if query.position else []
    of_map = _listed(query.level, record.align or query.align, record.embedding, options)
    lines = ["", f"phenomap = dataset.phenomap({of_map})"]
    if query.arm_tables:
        lines += [
            f"# The bias of chromosome arms was subtracted by {printable(query.arm_tables)}; with",
            "# your files: phenomap = phenomap.without_arm_bias(rx.read_arms(…), "
            "rx.read_unexpressed(…))",
        ]
    kind = NEIGHBOR_KINDS[query.kind]
    if query.order == "clearest dose response":
        held = "phenomap.dose_response.query('has_trend')"
        return "\n".join([*lines, f"doses = {held}.sort_values('trend_q')"])
    if query.order in _SCORE_ORDERS:
        score = _SCORE_ORDERS[query.order]
        which = ".query('is_active')" if query.order == "active" else ""
        lines.append(f"scores = phenomap.scores{which}.sort_values({score!r}, ascending=False)")
        return "\n".join(lines)
    named = {"opposite": ["opposite=True"], "across experiments": ["across=True"]}
    asked = [*named.get(query.order, []), *([f"kind={kind!r}"] if kind else [])]
    of_query = _listed(query.key, query.k, query.metric, asked)
    return "\n".join([*lines, f"neighbors = phenomap.nearest({of_query})"])


def _listed(first: Any, second: Any, third: Any, named: Sequence[str]) -> str:
    return ", ".join([*map(repr, (first, second, third)), *named])


def _viewer(record: ViewRecord) -> str:
    """A layer a stain in napari. An empty line ends each loop: a prompt would wait for it."""
    stains, is_difference = record.stains, record.view != "plate" and record.difference
    option = ", difference=True" if is_difference else ""
    table, n = "dataset.stains" if stains.called else "rx.STAINS", len(stains.table)
    lines = [
        "",
        f"# the same in napari, as {number_in_words(n)} layers",
        "import napari",
        "",
        "viewer = napari.Viewer()",
        f"for stain, plane, pair in zip({table}, pixels.stains, limits):",
        f"    viewer.add_image(plane, **rx.layer_options(stain, pair{option}))",
        "",
    ]
    if is_difference:
        return "\n".join([*lines, "viewer.grid.enabled = True", "napari.run()"])
    if stains.alone is not None:
        only = f"viewer.layers[{stains.alone - 1}]"
        lines.append(f'{only}.colormap, {only}.opacity = "gray", 1.0')
    settings = [("visible", stains.visible, True), ("gamma", stains.gamma, 1.0)]
    for name, values, usual in settings:
        if any(value != usual for value in values):
            lines += [f"for layer, value in zip(viewer.layers, {values!r}):"]
            lines += [f"    layer.{name} = value", ""]
    return "\n".join([*lines, "napari.run()"])
