"""The card of the selected perturbation, used as a person does: by mouse, by keys, by eye."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QFont, QGuiApplication, QPalette, QTextDocument
from qtpy.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QToolTip, QWidget

from napari_rxrx3.core.links import links_for
from napari_rxrx3.data.demo.demo_compounds import COMPOUNDS
from napari_rxrx3.gui.numbers import structure
from napari_rxrx3.gui.numbers.card import Card, Number, PerturbationCard
from napari_rxrx3.gui.numbers.structure import draw_structure, why_no_picture
from napari_rxrx3.gui.words import elided, wrapped_tooltip
from window import Window, own_browser, rgba_of

LEFT = Qt.MouseButton.LeftButton
DARK, LIGHT = ("#f0f1f2", "#23242b"), ("#1e1e21", "#ebe7e6")
BORTEZOMIB = COMPOUNDS["Bortezomib"].smiles
NUMBERS = (
    Number("strength", "0.42  p .002", "How far it is from the controls."),
    Number("consistency", "0.31  p .01", "How alike its wells are."),
    Number("guides", "", "Only one guide was measured."),
)
GENE = Card("PLK1", "CRISPR", "PLK1", "PLK1", numbers=NUMBERS)
BLINDED = Card("RXRX3-43938", "CRISPR", "RXRX3-43938", "RXRX3-43938")
COMPOUND = Card("Bortezomib 2.5 µM", "COMPOUND", "", "Bortezomib", BORTEZOMIB, numbers=NUMBERS[:2])
DOUBTS = (
    ("one experiment", "All of its wells are in gene-001."),
    ("guides disagree", "PLK1_guide_1 looks like <b>no</b> other."),
)


needs_rdkit = pytest.mark.skipif(
    find_spec("rdkit") is None, reason="rdkit (extra `chem`) is not installed"
)


@pytest.fixture
def card(qtbot: QtBot) -> Iterator[PerturbationCard]:
    widget = PerturbationCard()
    qtbot.addWidget(widget)
    widget.resize(378, 80)
    with qtbot.waitExposed(widget):
        widget.show()
    yield widget
    widget.structure.drawing.close(wait=True)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Addresses that Qt was asked to open."""
    with own_browser() as opened:
        yield opened


def activate(qtbot: QtBot, widget: QWidget) -> None:
    """Give a shown window the keyboard."""
    widget.window().activateWindow()
    qtbot.waitUntil(widget.window().isActiveWindow)


def show(qtbot: QtBot, card: PerturbationCard, what: Card | None) -> None:
    card.set_card(what)
    qtbot.waitUntil(lambda: card.structure.drawing.is_idle, timeout=20_000)


def shown(*widgets: QWidget) -> list[str]:
    return [widget.text() for widget in widgets if widget.isVisible()]


def set_theme(widget: QWidget, theme: tuple[str, str]) -> None:
    palette = QPalette(widget.palette())
    palette.setColor(QPalette.ColorRole.WindowText, QColor(theme[0]))
    palette.setColor(QPalette.ColorRole.Window, QColor(theme[1]))
    widget.setPalette(palette)


def brightness(color: Any) -> Any:
    """Relative luminance of sRGB colors (..., 3) in 0..255, as WCAG defines it."""
    part = np.asarray(color) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(color: Any, background: str) -> Any:
    paper = brightness(QColor(background).getRgb()[:3])
    ink = brightness(color)
    return (np.maximum(ink, paper) + 0.05) / (np.minimum(ink, paper) + 0.05)


# what is said


def test_a_gene_shows_name_numbers_and_two_pages(card: PerturbationCard) -> None:
    card.set_card(GENE)
    assert card.head.text() == "PLK1 gene"
    assert shown(*card.links) == ["NCBI Gene", "UniProt"]
    assert shown(*card.numbers) == ["strength 0.42  p .002", "consistency 0.31  p .01", "guides –"]
    assert not card.doubts.isVisible()
    assert not card.smiles.isVisible()
    assert not card.structure.isVisible()


def test_a_missing_number_says_why(card: PerturbationCard) -> None:
    card.set_card(GENE)
    assert "Only one guide was measured." in card.numbers[2].toolTip()
    card.set_card(replace(GENE, numbers=(Number("guides", ""),)))
    assert "no such number" in card.numbers[0].toolTip()


def test_a_blinded_gene_is_said_to_be_blinded_and_leads_nowhere(card: PerturbationCard) -> None:
    card.set_card(BLINDED)
    assert card.head.text() == "RXRX3-43938 blinded gene: its name is withheld"
    assert shown(*card.links) == []


@pytest.mark.parametrize("kind", ["CRISPR", "COMPOUND"])
def test_a_control_is_explained_and_leads_nowhere(card: PerturbationCard, kind: str) -> None:
    card.set_card(Card("EMPTY_control", kind, "", "EMPTY_control"))
    assert card.head.text() == "EMPTY_control no perturbation"
    assert shown(*card.links) == []


def test_the_callers_note_goes_before_ours(card: PerturbationCard) -> None:
    card.set_card(replace(BLINDED, note="left out of the map"))
    assert card.head.text() == "RXRX3-43938 left out of the map"


def test_doubts_are_named_with_their_sentences_as_plain_text(card: PerturbationCard) -> None:
    card.set_card(replace(GENE, doubts=DOUBTS))
    assert shown(card.doubts) == ["one experiment, guides disagree"]
    assert card.doubts.accessibleName() == "Reasons to doubt: one experiment, guides disagree"
    assert "All of its wells are in gene-001." in card.doubts.accessibleDescription()
    assert "&lt;b&gt;no&lt;/b&gt;" in card.doubts.toolTip()
    card.set_card(GENE)
    assert not card.doubts.isVisible()


def test_the_next_perturbation_leaves_nothing_of_the_last(
    card: PerturbationCard, qtbot: QtBot
) -> None:
    show(qtbot, card, replace(COMPOUND, doubts=DOUBTS))
    show(qtbot, card, replace(BLINDED, numbers=NUMBERS[:1]))
    visible = [w for w in card.findChildren(QWidget) if w.isVisible()]
    texts = [w.text() for w in visible if hasattr(w, "text") and w is not card.report]
    assert texts == ["RXRX3-43938 blinded gene: its name is withheld", "strength 0.42  p .002"]
    assert not card.structure.isVisible()


def test_without_a_perturbation_the_card_takes_no_room(
    card: PerturbationCard, qtbot: QtBot
) -> None:
    show(qtbot, card, replace(COMPOUND, doubts=DOUBTS))
    assert card.sizeHint().height() > 40
    show(qtbot, card, None)
    assert card.sizeHint().height() == 0
    show(qtbot, card, COMPOUND)
    assert card.head.isVisible()


def test_dots_stand_for_numbers_that_are_being_computed(card: PerturbationCard) -> None:
    card.set_card(replace(GENE, numbers=(), is_scored=False))
    assert shown(*card.numbers) == ["…"]
    assert "being computed" in card.numbers[0].toolTip()
    card.set_card(replace(GENE, is_scored=False))
    assert shown(*card.numbers) == ["strength …", "consistency …", "guides …"]
    card.set_card(GENE)
    assert shown(*card.numbers)[0] == "strength 0.42  p .002"


# room


@pytest.mark.parametrize("what", [GENE, BLINDED, COMPOUND])
def test_the_usual_card_is_low(card: PerturbationCard, qtbot: QtBot, what: Card) -> None:
    show(qtbot, card, what)
    qtbot.waitUntil(lambda: card.sizeHint().height() <= 64)


def test_the_longest_texts_do_not_make_the_dock_wider(card: PerturbationCard, qtbot: QtBot) -> None:
    long = "Ripasudil (K-115) hydrochloride dihydrate\n" * 50
    numbers = tuple(Number(f"{long} {i}", "0.123456789 " * 20, long) for i in range(4))
    doubts = tuple((long, long) for _ in range(6))
    for kind, gene in (("COMPOUND", ""), ("CRISPR", long)):
        show(qtbot, card, Card(long, kind, gene, long, BORTEZOMIB, long, numbers, doubts))
        assert card.minimumSizeHint().width() <= 318  # a dock of 330, less its margins
        card.resize(318, 80)
        assert all(
            card.rect().contains(w.mapTo(card, w.rect().center()))
            for w in (card.head, *card.links, *card.numbers, card.doubts)
            if w.isVisible()
        )


def test_words_are_cut_only_where_they_do_not_fit(card: PerturbationCard, qtbot: QtBot) -> None:
    card.set_card(GENE)
    card.resize(378, 70)
    wide = [rgba_of(line.grab().toImage()) for line in card.numbers]
    card.resize(900, 70)
    widest = [rgba_of(line.grab().toImage()) for line in card.numbers]
    assert all(np.array_equal(a, b) for a, b in zip(wide, widest, strict=True))
    card.set_card(replace(GENE, numbers=(Number("strength", "0.123456789 " * 20),)))
    card.resize(120, 70)
    (line,) = (line for line in card.numbers if line.isVisible())
    qtbot.waitUntil(lambda: line.width() <= line.parentWidget().width() < 250)


@pytest.mark.parametrize("points", [9, 12])
def test_numbers_are_shown_in_full_in_as_many_rows_as_it_takes(
    card: PerturbationCard, qtbot: QtBot, points: int
) -> None:
    """In the narrowest dock, with the longest that is said of each."""
    font = QFont(card.font())
    font.setPointSize(points)
    card.setFont(font)
    names = ("activity", "strength", "consistency", "guide agreement", "distance from controls")
    numbers = tuple(Number(name, "0.43 (chance)", "") for name in names)
    show(qtbot, card, replace(GENE, numbers=numbers))
    card.resize(310, 140)
    lines = card.numbers

    def are_whole() -> bool:
        return all(line.width() >= line.sizeHint().width() for line in lines)

    qtbot.waitUntil(are_whole)
    rows = {line.y() for line in lines}
    assert len(rows) > 1
    places = [line.geometry() for line in lines]
    assert all(line.parentWidget().rect().contains(line.geometry()) for line in lines)
    assert not any(a.intersects(b) for n, a in enumerate(places) for b in places[:n])


@given(st.integers(0, 400), st.sampled_from(["2.5", "0.0025", "10"]))
@example(120, "2.5")
def test_a_dose_is_shown_whole_or_as_cut(qapp: QApplication, width: int, dose: str) -> None:
    name = f"Ripasudil (K-115) hydrochloride {dose} µM"
    text = elided(qapp.font(), name, width)
    whole = text.endswith(f" {dose} µM")
    assert whole or text in ("", "…") or (text.endswith("…") and name.startswith(text[:-1]))
    if width > 150:
        assert whole


# links


def test_a_click_on_a_link_opens_that_page(
    card: PerturbationCard, qtbot: QtBot, opened: list[str]
) -> None:
    card.set_card(GENE)
    urls = [link.url for link in links_for("CRISPR", "PLK1", "PLK1", "")]
    assert opened == []
    for button, url in zip(card.links, urls, strict=True):
        with qtbot.waitSignal(card.link_clicked) as clicked:
            qtbot.mouseClick(button, LEFT)
        assert clicked.args == [url]
    assert opened == urls


def test_a_link_works_by_key_and_says_where_it_leads(
    card: PerturbationCard, qtbot: QtBot, opened: list[str]
) -> None:
    card.set_card(COMPOUND)
    qtbot.keyClick(card.links[1], Qt.Key.Key_Space)
    assert opened == [links_for("COMPOUND", "", "Bortezomib", BORTEZOMIB)[1].url]
    assert "PubChem" in card.links[1].accessibleName()
    assert "browser" in card.links[1].toolTip()


@pytest.mark.parametrize("name", ["a/b?c#d&e+f%2Fg", "β <b>\"'x'</b>", "[b][1 \\ ^`{|}"])
def test_qt_opens_the_very_address(
    card: PerturbationCard, qtbot: QtBot, opened: list[str], name: str
) -> None:
    card.set_card(Card(name, "COMPOUND", "", name, "C/C=C\\C#N"))
    for button in card.links:
        qtbot.mouseClick(button, LEFT)
    assert opened == [link.url for link in links_for("COMPOUND", "", name, "C/C=C\\C#N")]


def test_a_page_that_cannot_be_opened_is_said(card: PerturbationCard, qtbot: QtBot) -> None:
    card.set_card(GENE)
    card.links[0].url = "no address"
    with qtbot.waitSignal(card.link_failed) as failed:
        qtbot.mouseClick(card.links[0], LEFT)
    assert failed.args == ["no address could not be opened in a browser."]


# keys


@needs_rdkit
def test_tab_goes_through_the_card_in_reading_order(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    layout = QHBoxLayout(window)
    before, card, after = QLineEdit(), PerturbationCard(), QLineEdit()
    for widget in (before, card, after):
        layout.addWidget(widget)
    window.show()
    activate(qtbot, window)
    before.setFocus()
    show(qtbot, card, replace(COMPOUND, doubts=DOUBTS, numbers=NUMBERS))
    expected = [*card.links, card.report, *card.numbers, card.doubts, card.structure, after]
    for widget in expected:
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is widget
        assert widget is after or widget.accessibleName()
    card.structure.drawing.close(wait=True)


def test_a_tip_is_wrapped_even_where_it_has_no_blank() -> None:
    tip = QTextDocument()
    tip.setHtml(wrapped_tooltip("a sentence of <words> & more\nthen " + "C" * 400))
    tip.setTextWidth(350)
    assert tip.idealWidth() <= 350
    assert (
        tip.toPlainText().replace("\u200b", "").startswith("a sentence of <words> & more\nthen CC")
    )


def test_a_number_reached_by_key_tells_its_meaning(card: PerturbationCard, qtbot: QtBot) -> None:
    card.set_card(GENE)
    activate(qtbot, card)
    card.report.setFocus()
    qtbot.keyClick(card.report, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: "How far it is from the controls." in QToolTip.text())
    assert card.numbers[0].accessibleDescription().endswith("How far it is from the controls.")
    before = rgba_of(card.numbers[0].grab().toImage()).copy()
    qtbot.keyClick(card.numbers[0], Qt.Key.Key_Tab)
    assert not np.array_equal(rgba_of(card.numbers[0].grab().toImage()), before)


# the molecule


@needs_rdkit
def test_a_compound_is_drawn(card: PerturbationCard, qtbot: QtBot) -> None:
    show(qtbot, card, COMPOUND)
    assert card.structure.isVisible()
    assert card.structure.has_picture
    assert not card.smiles.isVisible()
    assert len(np.unique(rgba_of(card.structure.grab().toImage()).reshape(-1, 4), axis=0)) > 10


@needs_rdkit
def test_a_click_or_enter_shows_it_larger_with_its_smiles(
    card: PerturbationCard, qtbot: QtBot
) -> None:
    show(qtbot, card, COMPOUND)
    popup = card.structure.popup
    for open_it in (
        lambda: qtbot.mouseClick(card.structure, LEFT),
        lambda: qtbot.keyClick(card.structure, Qt.Key.Key_Return),
    ):
        open_it()
        qtbot.waitUntil(popup.isVisible)
        assert popup.text.text() == BORTEZOMIB.split(" |")[0]
        assert popup.picture.width() >= 320
        assert QGuiApplication.primaryScreen().geometry().contains(popup.geometry())
        qtbot.keyClick(popup, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: not popup.isVisible())


@needs_rdkit
@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
def test_the_molecule_is_drawn_anew_for_another_theme(
    card: PerturbationCard, qtbot: QtBot, theme: tuple[str, str]
) -> None:
    set_theme(card, LIGHT if theme is DARK else DARK)
    show(qtbot, card, COMPOUND)
    with qtbot.waitSignal(card.structure.settled):
        set_theme(card, theme)
    colors = rgba_of(card.structure.grab().toImage())[..., :3].reshape(-1, 3)
    assert (contrast(colors, theme[1]) > 7).sum() > 100


@needs_rdkit
def test_the_last_of_many_molecules_is_the_one_drawn(card: PerturbationCard, qtbot: QtBot) -> None:
    show(qtbot, card, COMPOUND)
    expected = rgba_of(card.structure.grab().toImage()).copy()
    for compound in list(COMPOUNDS.values())[:10]:
        card.set_card(replace(COMPOUND, smiles=compound.smiles))
    show(qtbot, card, COMPOUND)
    assert np.array_equal(rgba_of(card.structure.grab().toImage()), expected)


def test_a_card_may_go_while_its_molecule_is_drawn(qtbot: QtBot) -> None:
    """It goes at once, and its thread once the molecule is drawn."""
    threads, gone = set(threading.enumerate()), []
    for i in range(5):
        card = PerturbationCard()
        card.destroyed.connect(partial(gone.append, i))
        card.set_card(COMPOUND)
        card.deleteLater()
        del card
        qtbot.waitUntil(lambda i=i: gone == [*range(i + 1)], timeout=20_000)
    qtbot.waitUntil(lambda: set(threading.enumerate()) <= threads, timeout=20_000)


def test_an_ended_card_still_takes_cards(card: PerturbationCard, qtbot: QtBot) -> None:
    card.structure.drawing.close(wait=True)
    show(qtbot, card, COMPOUND)
    assert card.head.isVisible()
    assert not card.structure.has_picture


@pytest.mark.parametrize("smiles", ["C1CC(((no", "C" * 1001, "C" * 200])
def test_what_cannot_be_drawn_is_shown_as_text(
    card: PerturbationCard, qtbot: QtBot, smiles: str
) -> None:
    show(qtbot, card, replace(COMPOUND, smiles=smiles))
    assert shown(card.smiles) == [smiles]
    assert not card.structure.isVisible()


def test_without_rdkit_the_text_is_shown_and_how_to_get_the_picture(
    card: PerturbationCard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rdkit", None)
    monkeypatch.setattr(structure, "_has_rdkit", structure._has_rdkit.__wrapped__)  # looks anew
    assert draw_structure("CCO", 84, 60, dark=True) is None
    show(qtbot, card, COMPOUND)
    assert shown(card.smiles) == [BORTEZOMIB.split(" |")[0]]
    assert not card.structure.isVisible()
    assert "napari-rxrx3[chem]" in card.smiles.toolTip()


@needs_rdkit
def test_with_rdkit_the_reason_is_the_molecule() -> None:
    assert "rdkit is installed" not in why_no_picture()


@pytest.mark.parametrize("drawn", [pytest.param(True, marks=needs_rdkit), False])
def test_the_smiles_is_copied_by_menu_and_by_key(
    card: PerturbationCard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, drawn: bool
) -> None:
    if not drawn:
        monkeypatch.setitem(sys.modules, "rdkit", None)
    show(qtbot, card, COMPOUND)
    widget = card.structure if drawn else card.smiles
    assert [action.text() for action in widget.actions()] == ["Copy SMILES"]
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("something else")
    widget.actions()[0].trigger()
    assert clipboard.text() == BORTEZOMIB.split(" |")[0]
    clipboard.setText("something else")
    activate(qtbot, card)
    widget.setFocus()
    qtbot.keyClick(widget, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert clipboard.text() == BORTEZOMIB.split(" |")[0]


# drawing


@needs_rdkit
@pytest.mark.parametrize("name", list(COMPOUNDS))
def test_every_compound_of_the_demo_is_drawn(name: str) -> None:
    image = draw_structure(COMPOUNDS[name].smiles.split(" |")[0], 84, 60, dark=True)
    assert image is not None
    assert (image.width(), image.height()) == (84, 60)
    alpha = rgba_of(image)[..., 3]
    assert alpha[0, 0] == 0
    assert (alpha > 200).sum() > 10


ELEMENTS = "CC(=O)N(C)S(=O)(=O)c1c(F)c(Cl)c(Br)c(I)c1P(O)(O)=O.B.[Na+].[Pt]"


@needs_rdkit
@pytest.mark.parametrize(("dark", "theme"), [(True, DARK), (False, LIGHT)])
def test_every_ink_can_be_read_on_its_background(dark: bool, theme: tuple[str, str]) -> None:
    image = draw_structure(ELEMENTS, 640, 480, dark)
    assert image is not None
    rgba = rgba_of(image)
    solid = rgba[rgba[..., 3] == 255][:, :3]
    assert len(np.unique(solid, axis=0)) > 4
    assert contrast(solid, theme[1]).min() > 4.5


@pytest.mark.parametrize(
    "smiles",
    [
        "",
        " ",
        "not a molecule",
        "C1CC",
        "c1ccc",
        "C" * 1001,
        "C" * 151,
        "\ud800",
        "C\0C",
        "[C+99](",
    ],
)
def test_what_is_no_molecule_gives_no_picture_and_no_word_on_stderr(
    smiles: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert draw_structure(smiles, 84, 60, dark=False) is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [(0, 0), (-1, 60), (84, 0)])
def test_no_room_gives_no_picture(size: tuple[int, int]) -> None:
    assert draw_structure("CCO", *size, dark=False) is None


@needs_rdkit
@settings(deadline=None, max_examples=60)
@given(st.text(st.sampled_from("CNOScno123()[]=#@/\\%+-.H*: |\0é"), max_size=60), st.booleans())
@example("[U]%10%11.[U]%10%12.[U]%11%12", True)
@example("C.C.C>>O", False)
def test_drawing_never_raises(smiles: str, dark: bool) -> None:
    image = draw_structure(smiles, 84, 60, dark)
    assert image is None or image.width() == 84


# in napari


@pytest.mark.soak
@needs_rdkit
def test_the_card_follows_naparis_theme_in_a_dock(
    open_window: Callable[..., Window], qtbot: QtBot
) -> None:
    viewer = open_window().viewer
    card = PerturbationCard()
    viewer.window.add_dock_widget(card, name="card")
    for theme in ("dark", "light", "dark"):
        viewer.theme = theme
        show(qtbot, card, replace(COMPOUND, doubts=DOUBTS))
        paper = card.palette().color(QPalette.ColorRole.Window).name()
        for part in (card.structure, card.head, card.doubts):
            picture = rgba_of(part.grab().toImage())[..., :3].reshape(-1, 3)
            assert (contrast(picture, paper) > 7).sum() > 20, (theme, part)
    card.structure.drawing.close(wait=True)
    card.deleteLater()
