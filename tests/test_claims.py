"""Where several files claim to be one thing: one is taken for a reason, and it is said."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.data.claims import name_without_copy, once
from napari_rxrx3.data.files.storage import Entry

ROWS = [
    b.guide_row("gene-001", 1, "B02", "PLK1"),
    b.guide_row("gene-001", 1, "B03", "MTOR"),
    b.control_row("gene-001", 1, "B04"),
]
OLD, MAIN, NEW = ("a" * 40, "b" * 40, "c" * 40)

links = pytest.mark.skipif(os.name == "nt", reason="links need a permission there")


@pytest.fixture
def screen() -> b.Screen:
    return b.Screen.of(ROWS)


def opened(root: Path, tmp_path: Path) -> rx.Dataset:
    return rx.open_dataset(root, cache_dir=tmp_path / "cache")


def said(data: rx.Dataset) -> list[tuple[str, str]]:
    problems = data.check().problems
    return list(zip(problems["kind"], problems["detail"], strict=True))


def aged(path: Path, days: int) -> Path:
    """Give a file or folder a time of change, days after another."""
    os.utime(path, (1.7e9 + 86400 * days,) * 2)
    return path


def hub(top: Path, revisions: dict[str, b.Screen], main: str = "") -> Path:
    """Write what huggingface_hub makes: blobs by their hashes, and links to them."""
    (top / "blobs").mkdir(parents=True)
    for day, (commit, screen) in enumerate(revisions.items()):
        folder = top / "snapshots" / commit
        made = screen.write_metadata(folder / "metadata_rxrx3_core.csv")
        made2 = screen.write_embeddings(folder / "OpenPhenom_rxrx3_core_embeddings.parquet")
        for path in (made, made2):
            data = path.read_bytes()
            blob = top / "blobs" / f"f{np.frombuffer(data, np.uint8).sum():063x}"
            if not blob.exists():
                blob.write_bytes(data)
            path.unlink()
            path.symlink_to(os.path.relpath(blob, folder))
        aged(folder, day)
    if main:
        b.write(top / "refs" / "main", main.encode())
    return top


def other(screen: b.Screen, gene: str) -> b.Screen:
    changed = b.Screen.of([{**ROWS[0], "gene": gene, "treatment": f"{gene}_guide_1"}, *ROWS[1:]])
    changed.vectors = {well: vector + 1 for well, vector in screen.vectors.items()}
    return changed


@links
@pytest.mark.parametrize("where", ["", "snapshots", f"snapshots/{MAIN}"])
def test_a_file_of_a_hub_counts_once(tmp_path: Path, screen: b.Screen, where: str) -> None:
    top = hub(tmp_path / "hub" / "datasets--x--y", {MAIN: screen}, MAIN)
    data = opened(top / where, tmp_path)
    assert list(data.embeddings) == ["OpenPhenom_rxrx3_core_embeddings"]
    assert [kind for kind, _ in said(data) if kind != "plates_without_images"] == []


@links
@pytest.mark.parametrize(
    ("main", "taken", "why"),
    [(MAIN, MAIN, "refs/main"), ("", NEW, "newest"), ("d" * 40, NEW, "newest")],
)
def test_of_revisions_one_is_read_and_the_others_are_named(
    tmp_path: Path, screen: b.Screen, main: str, taken: str, why: str
) -> None:
    genes = {OLD: "OLD1", MAIN: "MAIN1", NEW: "NEW1"}
    top = hub(tmp_path / "hub", {c: other(screen, g) for c, g in genes.items()}, main)
    data = opened(top, tmp_path)
    assert data.wells["gene"].iloc[0] == genes[taken]
    assert len(data.embeddings) == 1
    details = [detail for kind, detail in said(data) if kind == "other_revision"]
    assert len(details) == 2
    for detail in details:
        assert why in detail
        assert taken[:10] in detail
        assert "1 other files of the same names" in detail


@pytest.mark.parametrize("name", ["blobs", "refs"])
def test_beside_snapshots_that_are_of_no_hub_files_called_like_its_folders_are_read(
    tmp_path: Path, screen: b.Screen, name: str
) -> None:
    root = tmp_path / "data set"
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / name)
    b.write(root / "snapshots" / "of a microscope.txt", b"nothing of ours")
    assert list(opened(root, tmp_path).embeddings) == [name]


@links
def test_what_a_hub_has_not_loaded_is_named(tmp_path: Path, screen: b.Screen) -> None:
    top = hub(tmp_path / "hub", {NEW: screen}, MAIN)
    b.write(top / "blobs" / f"{'e' * 64}.incomplete", b"PAR1")
    (top / "snapshots" / NEW / "data").mkdir()
    (top / "snapshots" / NEW / "data" / "train.parquet").symlink_to("../../../blobs/gone")
    problems = [(kind, detail) for kind, detail in said(opened(top, tmp_path))]
    assert {kind for kind, _ in problems} == {
        "unfinished_download",
        "broken_link",
        "missing_revision",
    }
    text = "\n".join(detail for _, detail in problems)
    assert f"{'e' * 64}.incomplete is not loaded to its end" in text
    assert "train.parquet is a link to a file that is not there" in text
    assert f"refs/main names the revision {MAIN[:10]}, which is not here; {NEW[:10]} is" in text


def test_what_is_loaded_into_ones_own_folder_is_named(tmp_path: Path, screen: b.Screen) -> None:
    root = screen.write_rxrx3(tmp_path / "data set")
    b.write(root / ".cache" / "huggingface" / "download" / "data" / "x.incomplete", b"PAR1")
    assert [kind for kind, _ in said(opened(root, tmp_path))] == ["unfinished_download"]


@pytest.mark.parametrize("is_same", [True, False])
@pytest.mark.parametrize("other", ["Plate1 (1).tar", "Plate1", "Plate1.zip"])
def test_images_that_are_there_twice_are_compared(
    tmp_path: Path, screen: b.Screen, other: str, is_same: bool
) -> None:
    root = screen.write_rxrx3(tmp_path / "data set")
    folder = root / "images" / "gene-001"
    members = b.image_files(screen.by_plate()["gene-001", "1"])
    if not is_same:
        name = "B02_s1_w1.png"
        members[name] = b.png(b.noise("another")[0])
    write = {".tar": b.write_tar, ".zip": b.write_zip}.get((folder / other).suffix, b.write_folder)
    write(folder / other, members)
    aged(folder / "Plate1.tar", 0)
    problems = [(k, d) for k, d in said(opened(root, tmp_path)) if k != "zip_of_images"]
    ((kind, detail),) = problems
    n_all = len(members)
    assert kind == ("images_twice" if is_same else "disagreement")
    assert f"both hold {n_all} images of gene-001 plate 1" in detail
    assert is_same or f"1 of them differ; those of {folder}/Plate1" in detail
    data = opened(root, tmp_path)
    used = not is_same and other != "Plate1.zip"  # the newer tar, or what lies there unpacked
    wanted = b.noise("another" if used else "gene-001_1_B02")[0]
    np.testing.assert_array_equal(data.plane("gene-001_1_B02", 1), wanted)


def test_two_files_that_claim_to_be_one_image_are_named(tmp_path: Path, screen: b.Screen) -> None:
    folder = tmp_path / "x" / "gene-001" / "Plate1"
    members = b.image_files(screen.by_plate()["gene-001", "1"])
    b.write_folder(folder, {**members, "B02_s1_w1.tif": b.tiff(b.noise("another")[0])})
    screen.write_metadata(tmp_path / "x" / "metadata.csv")
    ((kind, detail),) = said(opened(tmp_path / "x", tmp_path))
    assert kind == "odd_file"
    assert "B02_s1_w1.tif is read and B02_s1_w1.png is not" in detail


def test_images_that_are_not_named_after_wells_are_named(tmp_path: Path, screen: b.Screen) -> None:
    screen.write_metadata(tmp_path / "x" / "metadata.csv")
    b.write_folder(tmp_path / "x" / "gene-001" / "Plate1", {"B02.s1.w1.png": b"", "a.tif": b""})
    b.write_folder(tmp_path / "x" / "docs", {"figure.png": b""})
    ((kind, detail),) = said(opened(tmp_path / "x", tmp_path))
    assert kind == "odd_file"
    assert "holds 2 images that are not named after a well, such as B02.s1.w1.png" in detail


@links
def test_links_are_followed_once(tmp_path: Path, screen: b.Screen) -> None:
    root = screen.write_rxrx3(tmp_path / "data set")
    (root / "again").symlink_to(root / "images")
    (root / "circle").symlink_to(root)
    (root / "metadata2.csv").symlink_to(root / "metadata.csv")
    os.link(root / "metadata.csv", root / "metadata3.csv")
    data = opened(root, tmp_path)
    assert data.check().is_clean
    assert len(data.contents.tars) == len(data.contents.metadata) == 1


@links
def test_a_link_may_say_the_plate_of_a_file_that_does_not(tmp_path: Path, screen: b.Screen) -> None:
    root = screen.write_rxrx3(tmp_path / "data set")
    tar = root / "images" / "gene-001" / "Plate1.tar"
    shutil.move(tar, root / "0123456789abcdef")
    tar.symlink_to(root / "0123456789abcdef")
    data = opened(root, tmp_path)
    assert data.wells["has_image"].all()
    assert data.check().is_clean


@pytest.mark.parametrize(
    "name", ["metadata (1).csv", "metadata - Copy.csv", "Kopie von metadata.csv"]
)
def test_an_equal_copy_is_read_once(tmp_path: Path, screen: b.Screen, name: str) -> None:
    root = screen.write_rxrx3(tmp_path / "data set")
    shutil.copy(root / "metadata.csv", root / name)
    ((kind, detail),) = said(opened(root, tmp_path))
    assert kind == "copy"
    assert detail.startswith(f"{root / name} holds the same")
    ((_, again),) = said(opened(root, tmp_path))
    assert again == detail


@pytest.mark.parametrize("newer", ["metadata.csv", "metadata (1).csv"])
def test_of_tables_that_disagree_the_newer_holds(
    tmp_path: Path, screen: b.Screen, newer: str
) -> None:
    names = ["metadata.csv", "metadata (1).csv"]
    root = tmp_path / "data set"
    for name in names:
        gene = "NEW1" if name == newer else "OLD1"
        aged(other(screen, gene).write_metadata(root / name), int(name == newer))
    data = opened(root, tmp_path)
    assert data.wells["gene"].iloc[0] == "NEW1"
    (detail,) = [detail for kind, detail in said(data) if kind == "disagreement"]
    assert f"something else of 1 wells than {root / newer}" in detail
    assert "'OLD1'" in detail
    assert "'NEW1'" in detail


def test_tables_that_agree_are_one(tmp_path: Path) -> None:
    b.write(tmp_path / "x" / "metadata.csv", b.csv_bytes(ROWS[:2]))
    b.write(tmp_path / "x" / "metadata_more.csv", b.csv_bytes(ROWS[1:]))
    data = opened(tmp_path / "x", tmp_path)
    assert len(data.wells) == 3
    assert "disagreement" not in dict(said(data))


@pytest.mark.parametrize("newer", ["emb.parquet", "emb (1).parquet"])
def test_of_copies_of_vectors_the_newer_goes_first(
    tmp_path: Path, screen: b.Screen, newer: str
) -> None:
    root = tmp_path / "x"
    screen.write_metadata(root / "metadata.csv")
    for name in ("emb.parquet", "emb (1).parquet"):
        vectors = other(screen, "X1") if name == newer else screen
        aged(vectors.write_embeddings(root / name), int(name == newer))
    data = opened(root, tmp_path)
    data.read_vectors()
    assert data.default_embedding == newer.removesuffix(".parquet")
    (detail,) = [detail for kind, detail in said(data) if kind == "disagreement"]
    assert "differ in the vectors of 3 wells" in detail


def test_the_same_vectors_in_two_formats_are_named(tmp_path: Path, screen: b.Screen) -> None:
    root = tmp_path / "x"
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "one.parquet")
    table = pd.DataFrame(screen.vectors).T.add_prefix("feature_")
    b.write(root / "two.csv", table.rename_axis("well_id").to_csv().encode())
    (detail,) = [d for kind, d in said(opened(root, tmp_path)) if kind == "same_vectors"]
    assert "3 wells" in detail


MARKS = [" (1)", " (12)", "(2)", " copy", " - Copy", " - Copy (2)", "_copy", " Kopie", " copy 2"]


@given(
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}[a-z0-9]", fullmatch=True),
    st.lists(st.sampled_from(MARKS)),
)
def test_marks_of_copies_come_off(stem: str, marks: list[str]) -> None:
    plain = name_without_copy(stem)
    assert name_without_copy(stem + "".join(marks)) == plain
    assert name_without_copy(f"Copy of {stem}") == plain


paths = st.from_regex(r"(gene-00[12]/Plate[12]|[a-c]/[0-9a-f]{32}|x/[a-c])\.tar", fullmatch=True)


@given(st.dictionaries(paths, st.sampled_from(["", "1", "2", "3"]), max_size=12))
def test_every_file_is_kept_once(files: dict[str, str]) -> None:
    entries = [Entry(path, is_folder=False, same=same) for path, same in sorted(files.items())]
    kept = once(entries)
    assert {e.same or e.path for e in kept} == {e.same or e.path for e in entries}
    alone = [e.same for e in kept if e.same and "Plate" not in e.path]
    assert len(alone) == len(set(alone))


@pytest.mark.parametrize("where", ["more", "more/deep", ""])
def test_two_data_sets_in_one_folder_are_said(tmp_path: Path, screen: b.Screen, where: str) -> None:
    root = screen.write_rxrx3(tmp_path / "data set")
    others = b.Screen.of([b.guide_row("gene-002", 1, f"B0{i}", "TUBB") for i in (2, 3)])
    path = root / where / "metadata_2.csv"
    others.write_metadata(path)
    data = opened(root, tmp_path)
    assert len(data.wells) == 5
    (detail,) = [detail for kind, detail in said(data) if kind == "interpreted"]
    assert "read as one data set" in detail
    assert f"2 of {path}" in detail
    assert f"3 of {root}/metadata.csv" in detail
    assert opened(path, tmp_path).wells["gene"].tolist() == ["TUBB"] * 2


def test_tables_that_say_the_same_are_not_said_to_be_several(
    tmp_path: Path, screen: b.Screen
) -> None:
    root = screen.write_rxrx3(tmp_path / "data set")
    pd.DataFrame(ROWS).to_csv(root / "again.csv", sep=";", index=False)
    assert [kind for kind, _ in said(opened(root, tmp_path))] == []


@pytest.mark.parametrize("newer", ["a", "b"])
def test_of_vectors_in_two_folders_the_newer_hold(
    tmp_path: Path, screen: b.Screen, newer: str
) -> None:
    root = tmp_path / "data set"
    screen.write_metadata(root / "metadata.csv")
    vectors = {}
    for i, folder in enumerate("ab"):
        screen.vectors = {w: v + 1 for w, v in screen.vectors.items()}
        vectors[folder] = screen.vectors
        screen.write_plate_embeddings(root / folder)
        for path in (root / folder).rglob("*.parquet"):
            aged(path, 9 if folder == newer else i)
    data = opened(root, tmp_path)
    table = data.embeddings["embeddings"]
    found = dict(zip(table.well_ids, np.asarray(table.vectors), strict=True))
    assert all(np.allclose(found[well], vector) for well, vector in vectors[newer].items())
    assert [kind for kind, _ in said(data)] == ["duplicate_vector"] * 3


def test_what_macos_leaves_beside_an_archive_is_passed_over(
    tmp_path: Path, screen: b.Screen
) -> None:
    root = screen.write_rxrx3(tmp_path / "data set")
    b.Screen.of([b.guide_row("gene-002", 1, "B02", "X")]).write_rxrx3(root / "__MACOSX")
    data = opened(root, tmp_path)
    assert len(data.wells) == 3
    assert data.check().is_clean


def test_of_an_id_and_the_columns_beside_it_the_id_counts(tmp_path: Path) -> None:
    rows = [dict(row) for row in ROWS]
    rows[1]["plate"] = 3
    b.write(tmp_path / "x" / "metadata.csv", b.csv_bytes(rows))
    data = opened(tmp_path / "x", tmp_path)
    assert data.wells["plate"].tolist() == [1, 1, 1]
    (detail,) = [detail for kind, detail in said(data) if kind == "disagreement"]
    assert "well_id is gene-001_1_B03, the columns beside it say gene-001_3_B03" in detail
