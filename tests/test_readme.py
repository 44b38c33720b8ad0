"""What README claims: each number, key, tab, command and picture in it is held against the code."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import napari_rxrx3
from benchmarks.screens import plates_of_screen
from benchmarks.settings import N_WELLS
from napari_rxrx3.cli import parser_of_commands
from napari_rxrx3.core.plate import N_CHANNELS, N_POSITIONS
from napari_rxrx3.core.stains import MOST_STAINS, PALETTES, STAINS
from napari_rxrx3.exports.choices import NGFF_VERSIONS
from napari_rxrx3.gui.explorer import TABS as EXPLORER_TIPS
from napari_rxrx3.gui.keys import KEYS
from napari_rxrx3.gui.neighbors.neighbors_dock import TABS as NEIGHBORS_TIPS
from test_scripts import script

pytestmark = pytest.mark.source

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROSE = re.sub(r"\]\([^)]*\)", "]", re.sub(r"^```.*?^```$", "", README, flags=re.M | re.S))
FORMATS = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
PAPER = "2023.02.07.527350"

NUMBER = re.compile(r"(?<![\w.,-])\d+(?:,\d{3})*(?:\.\d+)*")
DURATION = re.compile(r"\b\d[\d.,]*(?: |-)?(?:ms|s|seconds?|minutes?|hours?|times|x|×)\b")


def data_sets() -> dict[str, tuple[str, str]]:
    """The table of the two data sets: of each row, RxRx3 and RxRx3-core."""
    section = FORMATS.split("## How large they are")[1].split("\n## ")[0]
    rows = (re.split(r" *\| *", line.strip("| ")) for line in section.splitlines() if "|" in line)
    return {row[0]: (row[1], (row[2:] or [""])[0]) for row in rows}


def numbers_of(text: str) -> list[str]:
    return NUMBER.findall(text)


# --- numbers ----------------------------------------------------------------------------------


def last_digits_of_keys() -> set[str]:
    caps = {cap for place in KEYS for key in place.keys for cap in key.caps}
    return {cap[-1] for cap in caps if re.fullmatch(r"(Shift\+)?1…\d", cap)}


def known_numbers() -> dict[str, str]:
    """Each number that README may name, and where it is from."""
    of_code = {
        str(N_POSITIONS): "wells of a plate",
        PROJECT["requires-python"].removeprefix(">="): "the oldest Python",
        f"{N_WELLS / 1e6:.1f}": "million wells",
        "0": "a key",
        "1": "the first stain, the first tag",
        str(N_CHANNELS): "the last stain",
        **dict.fromkeys(last_digits_of_keys(), "the last key of stains, of tags"),
        str(MOST_STAINS): "channels of a data set, at most",
        **dict.fromkeys(NGFF_VERSIONS, "versions of OME-Zarr"),
        "2000": "JPEG 2000",
        "2023": "the year of the paper",
        PAPER: "the paper",
    }
    named = dict.fromkeys(numbers_of(FORMATS.split("## How large they are")[1]), "docs/formats.md")
    return named | of_code


def test_every_number_is_known() -> None:
    assert [number for number in numbers_of(PROSE) if number not in known_numbers()] == []


def test_a_wrong_number_is_found() -> None:
    wrong = PROSE.replace("222,601", "222,602")
    assert [number for number in numbers_of(wrong) if number not in known_numbers()] == ["222,602"]


def test_the_data_sets_are_as_large_as_those_that_are_measured() -> None:
    table = data_sets()
    assert table["wells"][0] == f"{N_WELLS:,}"
    assert table["plates"][0] == f"{len(plates_of_screen()):,}"
    for kind, column in (("RxRx3", 0), ("RxRx3-core", 1)):
        (line,) = re.findall(rf"^- \*\*{kind}\*\* \((.+?)\):? ", PROSE, re.M)
        of_table = numbers_of(" ".join(row[column] for row in table.values()))
        rounded = {f"{N_WELLS / 1e6:.1f}"} if kind == "RxRx3" else set()
        assert set(numbers_of(line)) <= {*of_table, *rounded}


def test_a_shard_has_about_as_many_wells_as_said() -> None:
    wells, n_shards = (numbers_of(data_sets()[row][1])[0] for row in ("wells", "images"))
    page = (ROOT / "docs" / "howto" / "open-data.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"adds about ([\d,]+) wells", page)
    assert int(said.replace(",", "")) == round(int(wells.replace(",", "")) / int(n_shards), -2)


def test_how_fast_things_are_is_left_to_what_is_measured() -> None:
    assert DURATION.findall(PROSE) == []
    assert "docs/performance.md" in README


def test_the_paper_is_the_one_that_is_cited() -> None:
    (paper,) = CITATION["references"]
    assert PAPER in str(paper)
    assert f"*{paper['title']}*" in PROSE
    assert f"{paper['authors'][0]['family-names']} et al. {paper['year']}" in PROSE
    assert CITATION["version"] == PROJECT["version"]
    assert CITATION["license"] == PROJECT["license"]
    assert f"[{PROJECT['license']}]" in PROSE


# --- words ------------------------------------------------------------------------------------


def caps_of(cell: str) -> set[str]:
    """What the table of README names in one cell, as the sheet of keys writes it."""
    words = {
        "arrows": {"←", "↑", "↓", "→"},
        "Page Up": {"Page↑"},
        "Page Down": {"Page↓"},
        "1 … 9, with Shift": {"1…9", "Shift+1…9"},
        "1 … 5 in the tab Hits": {"1…5"},
        "[ and ]": {"[", "]"},
    }
    found: set[str] = set()
    for words_of_key, caps in words.items():
        if words_of_key in cell:
            found |= caps
            cell = cell.replace(words_of_key, "")
    return found | {word for word in cell.replace(",", " ").split() if word}


def key_rows() -> Iterator[tuple[set[str], str]]:
    for cell, does in re.findall(r"^\| (.+?) \| (.+?) \|$", PROSE, re.M):
        if cell != "Key":
            yield caps_of(cell), does


def test_every_key_is_one_of_the_window() -> None:
    ours = {cap for place in KEYS for key in place.keys for cap in key.caps}
    rows = list(key_rows())
    assert len(rows) == 7
    assert [cap for caps, _ in rows for cap in caps if cap not in ours] == []


def test_tabs_are_called_as_in_the_window() -> None:
    for name, tips in (("Map", NEIGHBORS_TIPS), ("Hits", EXPLORER_TIPS)):
        assert f"*{name}*" in PROSE
        assert name in tips
    assert "*Pair by pair*" in PROSE
    pages = (path.read_text("utf-8") for path in (ROOT / "src").rglob("gui/compare/*.py"))
    assert any('"Pair by pair' in page for page in pages)


def test_stains_and_colors_are_as_many_as_said() -> None:
    assert len(STAINS) == N_CHANNELS == 6
    assert "the six stains" in PROSE
    assert len(PALETTES) - 1 == 2
    assert "also two sets for color-blind eyes" in PROSE


def test_what_is_said_to_be_in_preferences_is_there() -> None:
    manifest = yaml.safe_load((ROOT / "src/napari_rxrx3/napari.yaml").read_text("utf-8"))
    pages = manifest["contributions"]["configurations"]
    titles = " ".join(p["title"] for page in pages.values() for p in page["properties"].values())
    for words in ("Colors of the stains", "Contrast", "pixel", "Tag 1", "On disk"):
        assert words in titles


def test_extras_are_those_of_the_package() -> None:
    named = set(re.findall(r"\[(\w+)\]\"?`", README))
    assert named == set(PROJECT["optional-dependencies"]) - {"all"}


def test_names_are_those_of_the_manifest() -> None:
    manifest = yaml.safe_load((ROOT / "src/napari_rxrx3/napari.yaml").read_text("utf-8"))
    widget, _ = manifest["contributions"]["widgets"]
    assert f"*Plugins > {widget['display_name']}*" in PROSE
    assert manifest["name"] == PROJECT["name"] == README.splitlines()[0].removeprefix("# ")


def test_what_python_is_shown_is_public() -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    assert set(re.findall(r"\brx\.(\w+)", block)) <= set(napari_rxrx3.__all__)


# --- commands ---------------------------------------------------------------------------------


def command_lines() -> list[tuple[str, str, str]]:
    """Command, its arguments, and the remark behind it."""
    blocks = "".join(re.findall(r"^```sh\n(.*?)^```$", README, re.M | re.S))
    return re.findall(r"^napari-rxrx3 (\w+)([^#\n]*)(?:# (.*))?$", blocks, re.M)


def test_every_command_is_named_with_options_that_it_has() -> None:
    parsers = next(a.choices for a in parser_of_commands()._actions if isinstance(a.choices, dict))
    lines = command_lines()
    assert {command for command, *_ in lines} | {"demo"} == set(parsers)
    for command, arguments, remark in lines:
        options = re.findall(r"(?<![\w-])--?[a-z]+(?:-[a-z]+)*", f"{arguments} {remark}")
        known = parsers[command]._option_string_actions
        assert [option for option in options if option not in known] == [], command


# --- pictures ---------------------------------------------------------------------------------


def shown_pictures() -> set[str]:
    """The pictures that some page shows."""
    found = set()
    for page in PAGES:
        links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
        found |= {(page.parent / link).resolve() for link in links if "://" not in link}
    return {path.name for path in found if path.parent.name == "pictures"}


def test_pictures_are_those_that_the_script_makes_and_all_are_shown() -> None:
    made = set(script("make_pictures").NAMES)
    there = {path.name for path in (ROOT / "docs" / "pictures").iterdir()}
    assert made == there
    assert made == shown_pictures()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pictures_have_words_for_those_who_cannot_see_them(page: Path) -> None:
    assert re.findall(r"!\[\s*\]\(", page.read_text(encoding="utf-8")) == []
