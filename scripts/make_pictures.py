"""Make every picture of the documentation from the demo data: ``make docs-pictures``.

Each picture is the real window, saved by the command line as a user would save it.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QPolygonF
from qtpy.QtTest import QTest

from napari_rxrx3.cli import main as command
from napari_rxrx3.core.display import display
from napari_rxrx3.core.plate import PlateId
from napari_rxrx3.data.demo.demo_screen import FALSE_PAIR
from napari_rxrx3.data.demo.screen_files import write_demo
from napari_rxrx3.dataset import open_dataset
from napari_rxrx3.figures import Paper, save_figure
from napari_rxrx3.figures.figure import record_path
from napari_rxrx3.figures.reports.saving import report
from napari_rxrx3.gui.docking import dock_explorer, dock_neighbors
from napari_rxrx3.gui.explorer import TABS, ExplorerWidget
from napari_rxrx3.gui.map.map_panel import MapPanel
from napari_rxrx3.gui.run import close_window, save_window, show_neighbors, wait_until
from napari_rxrx3.gui.share.view_record import record_of_window
from napari_rxrx3.hits.queue import queue_of_plate
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.hits.table import scores_of
from napari_rxrx3.maps.sets.gene_sets import read_gene_sets

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
THEMES = ("dark", "light")
SMALL, LARGE = "1280x800", "1920x1080"
REPORT_WIDTH = 1440

VIEWS = {
    "well": ["--well", "compound-001_1_M24"],
    "neighbors": ["--neighbors", "PLK1"],
    "damaged": ["--well", "gene-001_2_AD12"],
    "missing": ["--well", "compound-001_1_AA04"],
    "plate": ["--well", "compound-001_1_M24", "--view", "plate"],
}
KEPT = (
    ("well", "dark", SMALL),
    ("neighbors", "dark", SMALL),
    ("neighbors", "light", SMALL),
    ("neighbors", "dark", LARGE),
    ("damaged", "dark", SMALL),
    ("missing", "light", SMALL),
    ("plate", "dark", SMALL),
)
PAIRS = (
    ("PSMB5", "PSMA1"),
    ("PSMA1", "PSMD1"),
    ("MTOR", "RPTOR"),
    ("TUBB", "TBCD"),
    ("ACTR2", "ARPC3"),
    ("COPB1", "COPG1"),
    ("NDUFS1", "ATP5F1B"),
    ("INS", "OR5A1"),
)
"""Genes of the demo that belong together, but for the last two."""
ALIKE = (
    *("PLK1", "PSMB5", "MTOR", "TUBB", "ACTR2", "NDUFS1", "COPG1", "TOP2A", "AURKB", "PSMA1"),
    *("RPTOR", "TBCD", "ARPC3", "ATP5F1B", "COPB1", "RAD51", "KIF11", "PSMD1", "RHEB", "CFL1"),
    *("COX4I1", "SRP54", "INS", "OR5A1"),
)
"""Genes of the demo's groups, mixed up, and the last two of none."""
PROTEASOME = ("PSMB5", "PSMA1", "PSMD1", "RXRX3-10234")
TAGGED = (1, 0, 1, 2, 5, 1, 3, 0, 1)
NAMES = (
    *("benchmark-light-1280x800.png", "compare-dark-1280x800.png", "control-dark-1280x800.png"),
    *("damaged-dark-1280x800.png", "difference-light-1280x800.png", "doses-light-1280x800.png"),
    *(
        "false-pair-light.png",
        "figure.png",
        "gene-sets-light-1280x800.png",
        "guides-dark-1280x800.png",
        "heat-map-light-1280x800.png",
    ),
    *("heat-map-light.png", "hits-dark-1280x800.png", "keys-dark-1280x800.png"),
    *("lasso-dark-1280x800.png", "lasso-hits-dark-1280x800.png", "map-dark-1280x800.png"),
    *("map-larger-dark.png", "missing-light-1280x800.png", "neighbors-dark-1280x800.png"),
    *("neighbors-dark-1920x1080.png", "neighbors-light-1280x800.png", "nuclei-dark-1280x800.png"),
    "report.png",
    *("palette-dark-1280x800.png", "plate-closer-dark-1280x800.png", "plate-dark-1280x800.png"),
    *("plate-full-light-1280x800.png", "preferences-dark.png", "screens-dark.png"),
    *(
        "true-pair-light.png",
        "umap-light.png",
        "welcome-dark-1280x800.png",
        "well-dark-1280x800.png",
    ),
)
"""What the documentation shows; of both themes, what no page shows is not kept."""
EVERY = tuple((view, theme, size) for view in VIEWS for theme in THEMES for size in (SMALL, LARGE))


def make(demo: Path, folder: Path, every: bool) -> int:
    """Save the views that the documentation shows, or every one; returns how many failed."""
    failures = 0
    for view, theme, size in EVERY if every else KEPT:
        picture = str(folder / f"{view}-{theme}-{size}.png")
        window = ["--screenshot", picture, "--size", size, "--theme", theme]
        failures += command(["demo", "--folder", str(demo), *VIEWS[view], *window]) != 0
    save_welcome(folder)
    for theme in THEMES:
        save_tabs(demo, folder, theme)
        save_closer(demo, folder, theme)
    save_side_by_side(demo, folder)
    save_map(demo, folder)
    save_report(demo, folder)
    save_umap_and_heat_map(demo, folder)
    save_believed_and_doubted(demo, folder)
    save_gene_sets(demo, folder)
    save_hits(demo, folder)
    save_nuclei(demo, folder)
    save_preferences(demo, folder)
    return failures


def keep(made: Path, folder: Path, every: bool) -> int:
    """Move the pictures that are wanted to where they belong; returns how many are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in made.iterdir()} if every else set(NAMES)
    missing = [name for name in sorted(names) if not (made / name).is_file()]
    for name in missing:
        print(f"{name} was not made")
    for name in names.difference(missing):
        shutil.move(made / name, folder / name)
    return len(missing)


def save_tabs(demo: Path, folder: Path, theme: str) -> None:
    """Save the window about the embedding."""
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    explorer = dock_explorer(viewer)
    explorer.session.open(open_dataset(write_demo(demo)))
    show_neighbors(explorer, "PLK1")
    window = dock_neighbors(viewer).embedding
    window.show()
    wait_until(lambda: explorer.is_settled)
    window.grab().save(str(folder / f"compare-{theme}-{SMALL}.png"))
    window.compare.pages.show_page("pairs")
    wait_until(lambda: explorer.is_settled)
    window.grab().save(str(folder / f"screens-{theme}.png"))
    window.tabs.setCurrentIndex(1)
    with tempfile.TemporaryDirectory() as temporary:
        pairs = Path(temporary, "pairs.csv")
        pairs.write_text("entity1,entity2\n" + "".join(f"{a},{b}\n" for a, b in PAIRS))
        window.benchmark.set_file(str(pairs))
        window.benchmark.run.click()
        wait_until(lambda: explorer.is_settled)
    window.grab().save(str(folder / f"benchmark-{theme}-{SMALL}.png"))
    close_window(viewer, explorer)


def save_side_by_side(demo: Path, folder: Path) -> None:
    """Save strips of a gene and of a compound, a difference, and a figure."""
    viewer, explorer = window_on_demo(demo, "dark")
    for kind in ("control", "guides"):
        show_strip(explorer, "gene-001_1_B04", kind)
        save_window(viewer, folder / f"{kind}-dark-{SMALL}.png")
    save_the_figure(explorer, folder / "figure.png")
    close_window(viewer, explorer)
    viewer, explorer = window_on_demo(demo, "light")
    show_strip(explorer, "compound-001_1_B05", "doses")
    save_window(viewer, folder / f"doses-light-{SMALL}.png")
    show_strip(explorer, "gene-001_1_B04", "replicates")
    explorer.session.set_difference(True)
    wait_until(lambda: explorer.is_settled)
    save_window(viewer, folder / f"difference-light-{SMALL}.png")
    close_window(viewer, explorer)


def show_strip(explorer: ExplorerWidget, well: str, kind: str) -> None:
    """Show wells beside a well, and the tab that tells about them."""
    session = explorer.session
    explorer.tabs.setCurrentIndex(list(TABS).index("Numbers"))
    session.select_well(well)
    wait_until(lambda: explorer.is_settled)
    session.want_strip(kind)
    wait_until(lambda: session.strip is not None and session.strip.kind == kind)
    wait_until(lambda: explorer.is_settled)


def save_the_figure(explorer: ExplorerWidget, path: Path) -> None:
    """Save what is shown as a figure, without its record, which names folders of this machine."""
    record = record_of_window(explorer.workspace)
    save_figure(path, explorer.session.dataset, record, paper=Paper(dpi=150), overwrite=True)
    record_path(path).unlink()


def window_on_demo(demo: Path, theme: str) -> tuple[napari.Viewer, ExplorerWidget]:
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    explorer = dock_explorer(viewer)
    explorer.session.open(open_dataset(write_demo(demo)))
    wait_until(lambda: explorer.is_settled)
    return viewer, explorer


def save_report(demo: Path, folder: Path) -> None:
    """The page about a gene, small enough for a page of the documentation.

    Its cells are counted in a cache of their own, so that no other picture tells of them.
    """
    with tempfile.TemporaryDirectory() as place:
        dataset = open_dataset(write_demo(demo), Path(place, "cache"))
        dataset.measures(stains=["DNA"])
        sets = read_gene_sets(demo / "gene_sets.gmt")
        page = Path(place, "large.png")
        report(dataset.phenomap(), "PLK1", page, sets=sets, min_genes=2)
        with Image.open(page) as large:
            height = round(REPORT_WIDTH * large.height / large.width)
            small = large.resize((REPORT_WIDTH, height), Image.Resampling.LANCZOS)
            small.save(folder / "report.png")


def save_map(demo: Path, folder: Path) -> None:
    """Save the map of all entries, a lasso around a group and where it leads."""
    viewer, explorer = window_on_demo(demo, "dark")
    neighbors = dock_neighbors(viewer)
    panel = neighbors.map
    show_neighbors(explorer, "PLK1")
    neighbors.show_map()
    wait_until(lambda: explorer.is_settled)
    save_window(viewer, folder / f"map-dark-{SMALL}.png")
    save_larger(explorer, folder / "map-larger-dark.png")
    explorer.session.go_to_plate(PlateId("gene-001", 1))
    draw_lasso(explorer, PROTEASOME)
    panel.chosen.side_by_side.click()
    wait_until(lambda: explorer.session.strip is not None)
    wait_until(lambda: explorer.is_settled)
    save_window(viewer, folder / f"lasso-dark-{SMALL}.png")
    with tempfile.TemporaryDirectory() as place:
        explorer.session.set_review(open_review(explorer.session.dataset, "Ada", Path(place)))
        review_chosen(explorer)
        save_window(viewer, folder / f"lasso-hits-dark-{SMALL}.png")
        explorer.session.set_review(None)
    panel.chosen.clear.click()
    close_window(viewer, explorer)


def save_believed_and_doubted(demo: Path, folder: Path) -> None:
    """Save the list of one of the genes that are alike for no reason, and a list that is right."""
    viewer, explorer = window_on_demo(demo, "light")
    candidates = dock_neighbors(viewer).panel.candidates
    candidates.as_list.click()
    for name, key in (("false-pair", FALSE_PAIR[0]), ("true-pair", PROTEASOME[0])):
        show_neighbors(explorer, key)
        candidates.table.selectRow(0)
        wait_until(lambda: explorer.is_settled)
        save_window(viewer, folder / f"{name}-light.png")
    close_window(viewer, explorer)


def save_gene_sets(demo: Path, folder: Path) -> None:
    """Save the gene sets of the genes nearest to one, with those of the first set lit."""
    viewer, explorer = window_on_demo(demo, "light")
    show_neighbors(explorer, PROTEASOME[0])
    explorer.session.want_sets("similar")
    wait_until(lambda: explorer.is_settled)
    panel = map_of(explorer).sets
    panel.table.selectRow(0)
    wait_until(lambda: explorer.is_settled)
    save_window(viewer, folder / f"gene-sets-light-{SMALL}.png")
    close_window(viewer, explorer)


def save_umap_and_heat_map(demo: Path, folder: Path) -> None:
    """Save the map laid out by UMAP, and a heat map with a pair of it side by side."""
    viewer, explorer = window_on_demo(demo, "light")
    show_neighbors(explorer, "PLK1")
    dock_neighbors(viewer).show_map()
    map_of(explorer).map_page.controls.method_chosen.emit("umap")
    wait_until(lambda: explorer.is_settled)
    save_larger(explorer, folder / "umap-light.png")
    map_of(explorer).pages.show_page("heat")
    map_of(explorer).heat_map.show_text("\n".join(ALIKE))
    wait_until(lambda: explorer.is_settled)
    choose_cell(explorer, "PSMB5", "PSMA1")
    save_window(viewer, folder / f"heat-map-light-{SMALL}.png")
    save_larger(explorer, folder / "heat-map-light.png")
    close_window(viewer, explorer)


def save_larger(explorer: ExplorerWidget, path: Path) -> None:
    """Save the map in a window of its own, and bring it back."""
    larger = map_of(explorer).detached
    larger.take_out()
    wait_until(lambda: explorer.is_settled)
    larger.window.grab().save(str(path))
    larger.bring_back()
    wait_until(lambda: explorer.is_settled)


def map_of(explorer: ExplorerWidget) -> MapPanel:
    return dock_neighbors(explorer.workspace.viewer).map


def draw_lasso(explorer: ExplorerWidget, keys: tuple[str, ...]) -> None:
    """Draw with the mouse around entries of the map, as a person does."""
    page = map_of(explorer).map_page
    page.controls.modes["lasso"].click()
    rows = [page.scene.phenomap.row(key) for key in keys]
    outline = QPolygonF([page.view.place_of(row) for row in rows]).boundingRect()
    outline.adjust(-8, -5, 8, 5)
    corners = (outline.topLeft(), outline.topRight(), outline.bottomRight(), outline.bottomLeft())
    first, *others = (corner.toPoint() for corner in corners)
    QTest.mousePress(page.view, Qt.MouseButton.LeftButton, pos=first)
    for corner in (*others, first):
        QTest.mouseMove(page.view, corner)
    QTest.mouseRelease(page.view, Qt.MouseButton.LeftButton, pos=first)
    wait_until(lambda: bool(explorer.session.chosen) and explorer.is_settled)


def review_chosen(explorer: ExplorerWidget) -> None:
    """Go through the chosen set in the tab Hits, and tag the first two."""
    map_of(explorer).chosen.queue.click()
    wait_until(lambda: explorer.is_settled)
    review = explorer.session.review
    for tag in (1, 1):
        tag_current(explorer, tag)
    explorer.session.select_well(review.queue.current.well_id)
    wait_until(lambda: explorer.is_settled)


def tag_current(explorer: ExplorerWidget, tag: int) -> None:
    """Tag the current well of the queue with what is known of it, and go on, as the window does."""
    review = explorer.session.review
    well = review.queue.current.well_id
    review.tag(well, tag, scores=scores_of(explorer.session.phenomap, well))
    review.next()


def choose_cell(explorer: ExplorerWidget, row: str, column: str) -> None:
    """Click on a pair of the heat map, which shows both, and leave the mouse there."""
    view = map_of(explorer).heat_map.view
    place = view.middle_of(*(view.heat_map.keys.index(key) for key in (row, column)))
    QTest.mouseMove(view, place)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    wait_until(lambda: explorer.is_settled)


def save_nuclei(demo: Path, folder: Path) -> None:
    """Save a plate that is colored by its nuclei."""
    viewer, explorer = window_on_demo(demo, "dark")
    explorer.session.go_to_plate(PlateId("compound-001", 1))
    explorer.session.select_well("compound-001_1_M24")
    wait_until(lambda: explorer.is_settled)
    box = explorer.plate_panel.color_by
    box.setCurrentText("nuclei")
    box.activated.emit(box.currentIndex())
    wait_until(lambda: explorer.is_settled)
    save_window(viewer, folder / f"nuclei-dark-{SMALL}.png")
    close_window(viewer, explorer)


def save_hits(demo: Path, folder: Path) -> None:
    """Save the tab of hits in the midst of a review; its file is thrown away."""
    viewer, explorer = window_on_demo(demo, "dark")
    session = explorer.session
    wait_until(lambda: session.review is not None)
    with tempfile.TemporaryDirectory() as place:
        review = open_review(session.dataset, "Ada", Path(place))
        session.set_review(review)
        session.go_to_plate(PlateId("gene-001", 1))
        review.set_queue(queue_of_plate(session.dataset, session.plate))
        for tag in TAGGED:
            tag_current(explorer, tag)
        review.set_note(review.queue.items[0].well_id, "round cells")
        session.select_well(review.queue.current.well_id)
        explorer.tabs.setCurrentWidget(explorer.hits)
        wait_until(lambda: explorer.is_settled)
        save_window(viewer, folder / f"hits-dark-{SMALL}.png")
        close_window(viewer, explorer)


def save_preferences(demo: Path, folder: Path) -> None:
    """Save the page in napari's Preferences, the sheet of keys, and other colors of the stains."""
    viewer = napari.Viewer()
    viewer.theme = "dark"
    viewer.window.resize(1280, 800)
    explorer = dock_explorer(viewer)
    explorer.session.open(open_dataset(write_demo(demo)))
    show_neighbors(explorer, "PLK1")
    wait_until(lambda: explorer.is_settled)
    dialog = viewer.window._open_preferences_dialog()
    dialog.resize(900, 640)
    dialog._list.setCurrentItem(
        dialog._list.findItems("RxRx3 Explorer", Qt.MatchFlag.MatchExactly)[0]
    )
    wait_until(lambda: explorer.is_settled)
    dialog.grab().save(str(folder / "preferences-dark.png"))
    dialog.reject()
    explorer.help_button.click()
    save_window(viewer, folder / f"keys-dark-{SMALL}.png")
    explorer.help_button.click()
    display.palette = "Okabe-Ito"
    wait_until(lambda: explorer.is_settled)
    save_window(viewer, folder / f"palette-dark-{SMALL}.png")
    display.reset()
    close_window(viewer, explorer)


def save_closer(demo: Path, folder: Path, theme: str) -> None:
    """Save a part of the plate, as thumbnails and as full pictures."""
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window.resize(1280, 800)
    explorer = dock_explorer(viewer)
    explorer.session.open(open_dataset(write_demo(demo)))
    explorer.session.set_view("plate")
    wait_until(lambda: explorer.is_settled)
    fitted = viewer.scene.camera.zoom
    for name, times in (("plate-closer", 8), ("plate-full", 22)):
        viewer.scene.camera.zoom = fitted * times
        wait_until(lambda: explorer.is_settled)
        save_window(viewer, folder / f"{name}-{theme}-{SMALL}.png")
    close_window(viewer, explorer)


def save_welcome(folder: Path) -> None:
    """Save what a first-time user sees."""
    for theme in THEMES:
        viewer = napari.Viewer()
        viewer.theme = theme
        viewer.window.resize(1280, 800)
        explorer = dock_explorer(viewer)
        wait_until(explorer.welcome.isVisible)
        save_window(viewer, folder / f"welcome-{theme}-{SMALL}.png")
        viewer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=ROOT / ".demo", help="folder of the demo data")
    parser.add_argument("--to", type=Path, default=PICTURES, help="where the pictures go")
    parser.add_argument("--every", action="store_true", help="every view, theme and size")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        failures = make(arguments.demo, Path(temporary), arguments.every)
        failures += keep(Path(temporary), arguments.to, arguments.every)
    sys.exit(failures)
