"""Paths go out of text that is passed on, whatever they look like; what was said stays."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_rxrx3.core.errors import ImageUnavailable
from napari_rxrx3.core.redaction import FILE, PATH, Redactor

SECRETS = ("anna", "Zürich", "geheim", "tok", "projekt", "部門", "neue", "srv")
"""Parts of the places below: none may be left of them."""

PLACES = [
    "/home/anna/projekt",
    "/home/anna/my projekt is here/neue Daten",
    "/Users/anna/Zürich/geheim",
    "/srv/部門/geheim (2)/projekt, neue",
    "/mnt/anna's projekt/neue",
    r"C:\Users\anna\projekt",
    r"D:\neue Daten\anna & geheim\projekt",
    r"\\srv\projekt\neue Daten",
    "C:/Users/anna/neue Daten/projekt",
    "~/projekt/geheim",
    "~anna/geheim",
    "../projekt/neue",
    "./geheim",
    "https://anna:tok@srv.example/projekt/neue?token=tok123#tok",
    "s3://projekt-anna/neue Daten/geheim",
    "simplecache::https://srv.example/projekt?sig=tok%2Fab",
    "file:///home/anna/neue%20Daten",
]
SENTENCES = [
    "{place} cannot be read (No such file or directory).",
    "Nothing of RxRx3 was found in {place}: looked for a metadata table.",
    "[Errno 13] Permission denied: '{place}'",
    'Hits cannot be saved in "{place}": the disk is full.',
    "gene-001_1_AA02, channel 3: CRC error ({place}).",
    "opening {place}",
    "{place}",
    "Saved the session as {place}.",
    "There are no embeddings in {place}.",
]
FILES = [
    "",
    "/gene-001.tar",
    "/neue Tabelle.csv",
    "/geheim.parquet",
    "/projekt.tar: AA02_s1_w3.png",
]


def left_of(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret.casefold() in text.casefold()]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_place_that_nobody_noted_is_taken_out_by_its_looks(place: str, sentence: str) -> None:
    for file in FILES:
        said = Redactor().redact(sentence.format(place=place + file))
        assert PATH in said
        if not re.search(r" is | \(2\)|'s |, ", place):  # cannot be told from the sentence
            assert not left_of(said), said


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_place_that_was_noted_is_taken_out_whatever_its_name(place: str, sentence: str) -> None:
    concealer = Redactor()
    concealer.note(place)
    for file in FILES:
        said = concealer.redact(sentence.format(place=place + file))
        assert not left_of(said), said
    for escaped in (repr(place)[1:-1], place.replace("\\", "/"), place + "/"):
        assert not left_of(concealer.redact(f"It is {escaped}."))


def test_what_was_said_about_a_place_stays() -> None:
    concealer = Redactor()
    concealer.note("/data/my projekt is here")
    error = ImageUnavailable(
        "gene-001_1_AA02", 3, "/data/my projekt is here/g.tar: AA02_s1_w3.png", "CRC error"
    )
    said = concealer.redact(str(error))
    assert said == f"gene-001_1_AA02, channel 3: CRC error ({PATH}: AA02_s1_w3.png)."
    said = "my projekt is here: 1,536 wells on 1 plates, images of 9, no embeddings"
    assert concealer.redact(said) == f"{PATH}: 1,536 wells on 1 plates, images of 9, no embeddings"
    said = "/data/x.csv cannot be read (it has two columns of the same name)."
    assert concealer.redact(said) == f"{PATH} cannot be read (it has two columns of the same name)."


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Copied 50 rows.",
        "Unexpected ValueError: 3 / 4 of 2.5 µM is 1:2, see a.b and e.g. this",
        "open: 1.25 s",
        "'PLK9' is not in this map. Closest: PLK1, PLK2.",
        "plates or folders of images such as AA02_s1_w3.png, parquet shards",
        "Bortezomib@2.5 and PLK1_guide_1 on gene-001_7_AA23",
        "first line\nsecond line",
    ],
)
def test_what_is_no_place_stays(said: str) -> None:
    assert Redactor().redact(said) == said


def test_the_name_of_a_file_alone_goes_with_the_words_before_it() -> None:
    said = Redactor().redact("Saved anna geheim 2.png in /home/anna: 3 wells.")
    assert said == f"{FILE} in {PATH}: 3 wells."


def test_the_user_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setenv("USERPROFILE", r"C:\Users\anna")
    assert not left_of(Redactor().redact("anna has no folder anna, only /home/anna/x and anna."))


def test_a_folder_of_an_ordinary_name_leaves_the_words_of_messages() -> None:
    concealer = Redactor()
    concealer.note("/home/anna/data")
    said = "No well 'x' is in this data set: /home/anna/data/tar cannot be read."
    assert concealer.redact(said) == f"No well 'x' is in this data set: {PATH} cannot be read."


def test_nothing_of_an_address_is_left() -> None:
    concealer = Redactor()
    concealer.note("https://anna:tok@srv.example:8080/neue/projekt?sig=geheim&x=tok77#neue")
    said = "Cannot connect to srv.example:8080 (geheim, tok77) as anna with tok to projekt."
    assert not left_of(concealer.redact(said))
    concealer.note("https://[anna/geheim")
    assert not left_of(concealer.redact("https://[anna/geheim cannot be opened (geheim)."))


def test_places_are_forgotten_in_the_end() -> None:
    concealer = Redactor()
    for number in range(2000):
        concealer.note(f"/data/{number}")
    assert concealer.redact("folder-free 1999 and 7") == f"folder-free {PATH} and 7"


NAMES = st.text(
    st.characters(blacklist_characters="/\\\0", blacklist_categories=["Cs"]), min_size=2
).filter(lambda name: name.strip(" .") == name and len(name) > 1)


@given(NAMES, st.sampled_from(SENTENCES))
@example("a (b", SENTENCES[4])
@example("[x]*+?", SENTENCES[0])
@example("a\nb", SENTENCES[0])
def test_no_name_at_all_is_left_of_a_noted_place(name: str, sentence: str) -> None:
    secret = f"Q7{name}7Q"
    concealer = Redactor()
    concealer.note(f"/data/{secret}")
    said = concealer.redact(sentence.format(place=f"/data/{secret}/file.tar"))
    assert "Q7" not in said
    assert "7Q" not in said


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cannot be read: my plate.csv", f"cannot be read: {FILE}"),
        ("(plate.csv, plate.tar)", f"({FILE}, {FILE})"),
        ("plate.csv: no such file", f"{FILE}: no such file"),
    ],
)
def test_what_is_around_a_name_stays_as_it_was(said: str, told: str) -> None:
    assert Redactor().redact(said) == told
