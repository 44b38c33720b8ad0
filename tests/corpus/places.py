"""Folders and names that a disk can have."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import builders as b
from corpus.archives import PLATE_1
from corpus.case import case, sound_members


@case("nothing but an empty folder", opens=False)
def _nothing(root: Path, screen: b.Screen) -> None:
    shutil.rmtree(root)
    root.mkdir()


@case("no folder", opens=False)
def _no_folder(root: Path, screen: b.Screen) -> None:
    shutil.rmtree(root)


@case("a file in the place of the folder", opens=False)
def _file(root: Path, screen: b.Screen) -> None:
    shutil.rmtree(root)
    root.write_bytes(b"not a data set")


@case("a link to itself in the place of the folder", opens=False)
def _loop(root: Path, screen: b.Screen) -> None:
    shutil.rmtree(root)
    root.symlink_to(root)


@case("only files of other kinds", opens=False)
def _others(root: Path, screen: b.Screen) -> None:
    shutil.rmtree(root)
    for name in ("notes.txt", "a.xlsx", "model.pkl", "x.parquet.part", ".DS_Store"):
        b.write(root / name, b"\x80\x04K\x01.")


@case("a link to nothing")
def _dangling(root: Path, screen: b.Screen) -> None:
    (root / "images" / "gene-001" / "Plate7.tar").symlink_to(root / "not there")
    (root / "more.csv").symlink_to(root / "not there")


@case("a link that goes in circles")
def _circle(root: Path, screen: b.Screen) -> None:
    (root / "images" / "again").symlink_to(root)


@case("a plate that may not be read", lost=PLATE_1)
def _locked(root: Path, screen: b.Screen) -> None:
    (root / "images" / "gene-001" / "Plate1.tar").chmod(0)


@case("a folder that may not be read", lost=(*PLATE_1, "gene-001_2_B02"))
def _locked_folder(root: Path, screen: b.Screen) -> None:
    (root / "images" / "gene-001").chmod(0)


@case("a folder by the name of a tar", lost=PLATE_1)
def _folder_tar(root: Path, screen: b.Screen) -> None:
    path = root / "images" / "gene-001" / "Plate1.tar"
    path.unlink()
    path.mkdir()


@case("a folder by the name of the metadata")
def _folder_table(root: Path, screen: b.Screen) -> None:
    (root / "metadata.csv").unlink()
    (root / "metadata.csv").mkdir()


@case("a named pipe by the name of a tar", lost=PLATE_1)
def _pipe(root: Path, screen: b.Screen) -> None:
    path = root / "images" / "gene-001" / "Plate1.tar"
    path.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)


@case("names with blanks, marks and letters of many scripts")
def _names(root: Path, screen: b.Screen) -> None:
    folder = root / "images" / "gene-001" / "über 日本 % # ? & ' [x]"
    folder.mkdir()
    shutil.move(root / "images" / "gene-001" / "Plate1.tar", folder / "Plate1.tar")


@case("a name that is not UTF-8")
def _no_utf8(root: Path, screen: b.Screen) -> None:
    name = os.fsencode(root) + b"/\xff\xfe.csv"
    try:
        with open(name, "wb") as file:  # noqa: PTH123 - a Path holds no bytes
            file.write(b"a,b\n1,2\n")
    except OSError:  # a disk that allows no such name
        b.write(root / "x.csv", b"a,b\n1,2\n")


@case("names that differ by case only", lost=PLATE_1)
def _case(root: Path, screen: b.Screen) -> None:
    other = b.image_files({"B02": b.noise("another")})
    b.write_tar(root / "images" / "GENE-001" / "plate1.tar", other)
    b.write_folder(root / "images" / "gene-001" / "plate1", sound_members(screen))


@case("a folder of images that nobody can print")
def _unprintable(root: Path, screen: b.Screen) -> None:
    folder = root / "images" / "gene-009" / "a\nb\x1b[31m"
    b.write_folder(folder, {"B02_s1_w1.png": b"", "note.png": b""})


@case("a folder 40 deep")
def _deep(root: Path, screen: b.Screen) -> None:
    b.write(root / "/".join("d" * 40) / "B02_s1_w1.png", b"")


@case("10,000 files of no use")
def _many(root: Path, screen: b.Screen) -> None:
    folder = root / "logs"
    folder.mkdir()
    for i in range(10_000):
        (folder / f"{i}.log").touch()


def _linked(blob: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(os.path.relpath(blob, path.parent))


def _as_a_hub(root: Path, commits: dict[str, bool], main: str) -> None:
    """Make of the data set what huggingface_hub does; of some revisions only the metadata."""
    top = root.parent / "moved"
    shutil.move(root, top)
    (root / "blobs").mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(main)
    for i, path in enumerate(sorted(p for p in top.rglob("*") if p.is_file())):
        blob = root / "blobs" / f"{i:040x}"
        shutil.move(path, blob)
        for commit, is_whole in commits.items():
            if is_whole or path.name == "metadata.csv":
                _linked(blob, root / "snapshots" / commit / path.relative_to(top))


@case("the cache of a hub")
def _hub(root: Path, screen: b.Screen) -> None:
    _as_a_hub(root, {"a" * 40: True}, "a" * 40)


@case("the cache of a hub with two revisions")
def _hub_of_two(root: Path, screen: b.Screen) -> None:
    _as_a_hub(root, {"a" * 40: False, "b" * 40: True}, "b" * 40)


@case("the cache of a hub whose main revision is not there")
def _hub_without(root: Path, screen: b.Screen) -> None:
    _as_a_hub(root, {"a" * 40: True, "b" * 40: True}, "c" * 40)


@case("the cache of a hub whose blobs are gone", opens=False)
def _hub_of_nothing(root: Path, screen: b.Screen) -> None:
    _as_a_hub(root, {"a" * 40: True}, "a" * 40)
    shutil.rmtree(root / "blobs")


@case("the cache of a hub that is half loaded")
def _half_hub(root: Path, screen: b.Screen) -> None:
    _as_a_hub(root, {"a" * 40: True}, "b" * 40)
    b.write(root / "blobs" / f"{'e' * 64}.incomplete", b"PAR1")
    (root / "snapshots" / ("a" * 40) / "more.parquet").symlink_to("../../blobs/gone")


@case("a folder into which a hub is loading")
def _loading(root: Path, screen: b.Screen) -> None:
    b.write(root / ".cache/huggingface/download/data/train.parquet.incomplete", b"PAR1")


@case("plates that are there twice and differ")
def _twice(root: Path, screen: b.Screen) -> None:
    folder = root / "images" / "gene-001"
    others = dict.fromkeys(sound_members(screen), b.png(b.noise("another")[0]))
    b.write_tar(folder / "Plate1 (1).tar", others)
    os.utime(folder / "Plate1 (1).tar", (1, 1))


@case("plates that are there twice and are the same")
def _twice_same(root: Path, screen: b.Screen) -> None:
    b.write_folder(root / "images" / "gene-001" / "Plate1", sound_members(screen))


@case("images in names of another program")
def _other_names(root: Path, screen: b.Screen) -> None:
    folder = root / "images" / "gene-001" / "Plate5"
    b.write_folder(folder, {f"r02c02-ch{i}.png": b"" for i in range(4)})


@case("two files for one image", lost=PLATE_1[:1])
def _two_files(root: Path, screen: b.Screen) -> None:
    folder = root / "images" / "gene-001" / "Plate1"
    (root / "images" / "gene-001" / "Plate1.tar").unlink()
    b.write_folder(folder, sound_members(screen))
    b.write(folder / "b2_s1_w1.PNG", b.png(b.noise("another")[0]))


@case("copies of everything")
def _copies(root: Path, screen: b.Screen) -> None:
    for path in [p for p in root.rglob("*") if p.is_file()]:
        shutil.copy(path, path.with_name(f"{path.stem} (1){path.suffix}"))


@case("a second data set in the folder")
def _second(root: Path, screen: b.Screen) -> None:
    rows = [b.guide_row("gene-001", 1, "B02", "ANOTHER"), b.guide_row("gene-002", 1, "B02", "X")]
    b.Screen.of(rows).write_metadata(root / "more" / "metadata.csv")


@case("what macOS leaves beside an archive")
def _macos(root: Path, screen: b.Screen) -> None:
    rows = [b.guide_row("gene-009", 1, "B02", "ANOTHER")]
    b.Screen.of(rows).write_rxrx3(root / "__MACOSX")
    b.write(root / "._metadata.csv", b"\0\5\x16\7" + bytes(400))


@case("images in names with dashes")
def _dashes(root: Path, screen: b.Screen) -> None:
    (root / "images" / "gene-001" / "Plate1.tar").unlink()
    members = {n.replace("_", "-"): data for n, data in sound_members(screen).items()}
    b.write_folder(root / "images" / "gene-001" / "Plate1", members)


@case("images in a folder for each well", lost=PLATE_1)
def _by_well(root: Path, screen: b.Screen) -> None:
    (root / "images" / "gene-001" / "Plate1.tar").unlink()
    for name, data in sound_members(screen).items():
        well, _, rest = name.partition("_")
        b.write(root / "images" / "gene-001" / "Plate1" / well / rest, data)


@case("tables in forms of other programs")
def _forms(root: Path, screen: b.Screen) -> None:
    b.write(root / "metadata.xls", b"\xd0\xcf\x11\xe0" + bytes(400))
    b.write(root / "embeddings.npy", b"\x93NUMPY\1\0" + bytes(400))
    b.write(root / "metadata.pkl", b"\x80\x04\x95well_id.")
    b.write(root / "more.feather", b"ARROW1\0\0well_id" + bytes(400))


@case("hard links to everything")
def _hard_links(root: Path, screen: b.Screen) -> None:
    for path in [p for p in root.rglob("*") if p.is_file()]:
        os.link(path, path.with_name(f"{path.stem}-too{path.suffix}"))


@case("plates and experiments in other words")
def _other_words(root: Path, screen: b.Screen) -> None:
    folder = root / "images" / "gene-001"
    shutil.move(folder / "Plate1.tar", folder / "P01.tar")
    shutil.move(folder / "Plate2.tar", folder / "2.tar")
    shutil.move(folder, folder.with_name("Gene_001"))
