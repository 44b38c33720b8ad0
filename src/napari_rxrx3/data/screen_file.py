"""What a user has said of a screen of one's own: ``napari-rxrx3.toml`` beside the data.

Where nothing may be written beside the data, it is kept in the user's own folder, by the address of
the data set. Everything in it may be left out; what is, is guessed.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import platformdirs

from napari_rxrx3.core.display import PIXEL_SIZES_UM
from napari_rxrx3.core.errors import MetadataError
from napari_rxrx3.core.plate import LAYOUTS, Layout
from napari_rxrx3.core.secrets import public
from napari_rxrx3.core.stains import MOST_STAINS, RGB, Stain, rgb, stains_called
from napari_rxrx3.data.files.local import written_atomically
from napari_rxrx3.data.files.storage import Storage
from napari_rxrx3.data.wells.own_columns import Roles

__all__ = [
    "NAME",
    "NOTHING_SAID",
    "ScreenFile",
    "own_place",
    "read_screen_file",
    "save_screen_file",
]

NAME = "napari-rxrx3.toml"

_COLUMNS = ("well", "row", "column", "plate", "treatment", "gene", "dose", "smiles")
_NO_ROLES = Roles()
_HEAD = """\
# How napari-rxrx3 reads this screen. Everything may be left out; what is left out is guessed.
"""


@dataclass(frozen=True)
class ScreenFile:
    """What is said of a screen.

    Attributes
    ----------
    roles : Roles
        Columns of the table of wells, and controls.
    layout : Layout or None
        Of the plates.
    field : int
        Of several images of a well the one that is shown, from 1.
    names, colors
        Of the stains, in the order of the channels.
    pixel_um : float or None
        Width of a pixel, whatever the images tell.
    """

    roles: Roles = _NO_ROLES
    layout: Layout | None = None
    field: int = 1
    names: tuple[str, ...] = ()
    colors: tuple[RGB | None, ...] = ()
    pixel_um: float | None = None

    @classmethod
    def from_toml(cls, text: str, name: str = NAME) -> ScreenFile:
        """Read what a file says; raises MetadataError with a sentence that names what is wrong."""
        try:
            said = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise MetadataError(f"{name} is no TOML ({error}).") from None
        known = {"columns", "controls", "layout", "images", "stains"}
        if others := sorted(said.keys() - known):
            raise MetadataError(f"{name} says [{others[0]}], which is none of {_listed(known)}.")
        tables = {key: _table(said, key, name) for key in known}
        columns = _texts(tables["columns"], _COLUMNS, f"{name}, [columns]")
        controls = tables["controls"]
        _only(controls, ("column", "values"), f"{name}, [controls]")
        values = controls.get("values", [])
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            raise MetadataError(f"{name}, [controls]: values is no list of texts.")
        column = _texts(controls, ("column",), "", also=("values",)).get("column", "")
        roles = Roles(**columns, control_column=column, controls=tuple(values))
        field, pixel_um = _images(tables["images"], name)
        layout, stains = _layout(tables["layout"], name), _stains(tables["stains"], name)
        return cls(roles, layout, field, *stains, pixel_um)

    def to_toml(self) -> str:
        """As it stands in a file."""
        parts = [_HEAD]
        roles = self.roles
        columns = {key: getattr(roles, key) for key in _COLUMNS if getattr(roles, key)}
        parts.append(_section("columns", columns))
        controls: dict[str, Any] = {}
        if roles.control_column and roles.control_column != roles.treatment:
            controls["column"] = roles.control_column
        if roles.controls:
            controls["values"] = list(roles.controls)
        parts.append(_section("controls", controls))
        if self.layout is not None:
            said = {"rows": self.layout.rows, "columns": self.layout.columns}
            parts.append(_section("layout", said))
        images: dict[str, Any] = {"field": self.field} if self.field != 1 else {}
        if self.pixel_um is not None:
            images["pixel_um"] = self.pixel_um
        parts.append(_section("images", images))
        stains: dict[str, Any] = {"names": list(self.names)} if self.names else {}
        if any(self.colors):
            stains["colors"] = [_hex(color) for color in self.colors]
        parts.append(_section("stains", stains))
        return "\n".join(part for part in parts if part)

    def stains_over(self, stains: tuple[Stain, ...]) -> tuple[Stain, ...]:
        """The stains of the images, with the names and colors that are said here."""
        if not (self.names or self.colors):
            return stains
        names = [*self.names[: len(stains)], *(s.name for s in stains[len(self.names) :])]
        colors = [*self.colors[: len(stains)], *(None for _ in stains[len(self.colors) :])]
        told = stains_called(names, [c or s.color for c, s in zip(colors, stains, strict=True)])
        return tuple(
            replace(own, name=new.name, color=new.color)
            for own, new in zip(stains, told, strict=True)
        )


NOTHING_SAID = ScreenFile()


def read_screen_file(storage: Storage, root: str) -> tuple[ScreenFile, str]:
    """What is said of a data set, beside it or in the user's folder.

    Returns
    -------
    said : ScreenFile
    text : str
        What the file holds; empty if there is none.

    Raises
    ------
    MetadataError
        If it says something else than it may.
    """
    places: list[tuple[str, Callable[[], bytes]]] = []
    is_plate = root.lower().endswith(".zarr")
    if storage.is_local or is_plate:
        beside = [f"{root.rstrip('/')}/{NAME}"]
        beside += [f"{posixpath.dirname(root.rstrip('/'))}/{NAME}"] if is_plate else []
        places += [(path, partial(storage.read, path)) for path in beside]
    own = own_place(root)
    places.append((str(own), own.read_bytes))
    for name, read in places:
        try:
            text = read().decode("utf-8-sig")
        except OSError:  # there is none, or none that may be read
            continue
        except UnicodeDecodeError:
            raise MetadataError(f"{name} is no text.") from None
        return ScreenFile.from_toml(text, name), text
    return ScreenFile(), ""


def save_screen_file(said: ScreenFile, home: str, *, beside: bool) -> Path:
    """Write what is said beside the data, or in the user's own folder.

    Parameters
    ----------
    home : str
        Path or URL of the folder of the data.
    beside : bool
        The user wants it there; if it cannot be written, the own folder is used.

    Returns
    -------
    Path
        Where it is now.

    Raises
    ------
    OSError
        If it cannot be written anywhere.
    """
    if beside and "://" not in home:
        with suppress(OSError):
            return _written(Path(home) / NAME, said)
    return _written(own_place(home), said)


def own_place(home: str) -> Path:
    """Where the user's own folder has what is said of the data in a folder."""
    key = hashlib.sha256(public(home).encode(errors="surrogateescape")).hexdigest()[:24]
    return Path(platformdirs.user_config_dir("napari-rxrx3", False)) / "screens" / f"{key}.toml"


def _written(path: Path, said: ScreenFile) -> Path:
    with written_atomically(path) as temporary:
        temporary.write_text(said.to_toml(), encoding="utf-8", newline="\n")
    return path


def _table(said: Mapping[str, Any], key: str, name: str) -> dict[str, Any]:
    table = said.get(key, {})
    if not isinstance(table, dict):
        raise MetadataError(f"{name}: {key} is no section [{key}].")
    return table


def _only(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    if others := sorted(table.keys() - set(known)):
        raise MetadataError(f"{where} says {others[0]}, which is none of {_listed(known)}.")


def _texts(
    table: Mapping[str, Any], known: tuple[str, ...], where: str, also: tuple[str, ...] = ()
) -> dict[str, str]:
    _only(table, (*known, *also), where)
    for key in known:
        if not isinstance(table.get(key, ""), str):
            raise MetadataError(f"{where}: {key} is no text.")
    return {key: str(table[key]) for key in known if key in table}


def _layout(table: Mapping[str, Any], name: str) -> Layout | None:
    where = f"{name}, [layout]"
    _only(table, ("wells", "rows", "columns"), where)
    if not table:
        return None
    wells = table.get("wells")
    if wells is not None:
        found = next((layout for layout in LAYOUTS if layout.n_wells == wells), None)
        if found is None:
            known = _listed(str(layout.n_wells) for layout in LAYOUTS)
            raise MetadataError(f"{where}: wells is {wells!r}, which is none of {known}.")
        return found
    rows, columns = table.get("rows"), table.get("columns")
    try:
        if type(rows) is not int or type(columns) is not int:
            raise ValueError("rows and columns are no whole numbers")
        return Layout(rows, columns)
    except ValueError as error:
        raise MetadataError(f"{where}: {error}.") from None


def _images(table: Mapping[str, Any], name: str) -> tuple[int, float | None]:
    where = f"{name}, [images]"
    _only(table, ("field", "pixel_um"), where)
    number, width = table.get("field", 1), table.get("pixel_um")
    if type(number) is not int or number < 1:
        raise MetadataError(f"{where}: field is {number!r}, not 1 or more.")
    if width is None:
        return number, None
    low, high = PIXEL_SIZES_UM
    if type(width) not in (int, float) or not low <= width <= high:
        raise MetadataError(f"{where}: pixel_um is {width!r}, not {low:g} to {high:g}.")
    return number, float(width)


def _stains(table: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], tuple[RGB | None, ...]]:
    where = f"{name}, [stains]"
    _only(table, ("names", "colors"), where)
    names, colors = table.get("names", []), table.get("colors", [])
    for key, said in (("names", names), ("colors", colors)):
        if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
            raise MetadataError(f"{where}: {key} is no list of texts.")
        if len(said) > MOST_STAINS:
            raise MetadataError(f"{where}: {key} are more than {MOST_STAINS}.")
    try:
        return tuple(names), tuple(rgb(color) if color else None for color in colors)
    except ValueError as error:
        raise MetadataError(f"{where}: {error}") from None


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))


def _section(name: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    return "\n".join([f"[{name}]", *(f"{key} = {_value(v)}" for key, v in values.items()), ""])


def _value(value: Any) -> str:
    """A text, a number or a list of texts as TOML has them; JSON's texts are TOML's but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _hex(color: RGB | None) -> str:
    return "" if color is None else "#" + "".join(f"{round(255 * part):02x}" for part in color)
