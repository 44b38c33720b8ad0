"""Plate tars that try to be clever, or are not tars at all."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import pyarrow as pa

import builders as b
from corpus.case import case, sound_members

PLATE_1 = ("gene-001_1_B02", "gene-001_1_B03", "gene-001_1_AA04")


def tar_of(root: Path) -> Path:
    return root / "images" / "gene-001" / "Plate1.tar"


def _with_members(root: Path, screen: b.Screen, *extra: tuple[tarfile.TarInfo, bytes]) -> None:
    """Write the plate, and members that no plate should have."""
    with tarfile.open(tar_of(root), "w") as archive:
        for name, content in sound_members(screen).items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info, content in extra:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def _named(name: str) -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        member = name.format(above=root.parent)
        _with_members(root, screen, (tarfile.TarInfo(member), b.png(b.noise("evil")[0])))

    return make


def _kind(kind: bytes, link: str = "") -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        info = tarfile.TarInfo("B05_s1_w1.png")
        info.type, info.linkname = kind, link
        _with_members(root, screen, (info, b""))

    return make


for _name, _member in {
    "an absolute member": "{above}/absolute/B05_s1_w1.png",
    "a member above the folder": "../../../above/B05_s1_w1.png",
    "a member of the system": "/etc/B05_s1_w1.png",
    "a member with a backslash": "..\\..\\B05_s1_w1.png",
    "a member with a new line": "a\nb\x1b[31m/B05_s1_w1.png",
    "a member of HTML": "<img src=x onerror=alert(1)>/B05_s1_w1.png",
    "a long name": "folder/" * 60 + "B05_s1_w1.png",
    "a name that is not UTF-8": "\udcff\udcfe/B05_s1_w1.png",
}.items():
    case(f"tar with {_name}")(_named(_member))
for _name, (_type, _link) in {
    "a link out of it": (tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link to itself": (tarfile.LNKTYPE, "B05_s1_w1.png"),
    "a link to another member": (tarfile.LNKTYPE, "B02_s1_w1.png"),
    "a device": (tarfile.CHRTYPE, ""),
    "a named pipe": (tarfile.FIFOTYPE, ""),
    "a member of an unknown kind": (b"Z", ""),
}.items():
    case(f"tar with {_name}")(_kind(_type, _link))


@case("tar with an image of no use that nobody can print")
def _unprintable(root: Path, screen: b.Screen) -> None:
    names = ("a\nb\x1b[31m/note.png", "\udcff\u202e.png")
    _with_members(root, screen, *((tarfile.TarInfo(name), b"") for name in names))


@case("tar with a damaged image whose name nobody can print", lost=PLATE_1[:1])
def _damaged_unprintable(root: Path, screen: b.Screen) -> None:
    named = ("a\nb\x1b[31m/B02_s1_w1.png", "\udcff/B02_s1_w2.png")
    _with_members(root, screen, *((tarfile.TarInfo(name), b"\x89PNG") for name in named))


@case("tar with a size beyond 64 bits", lost=PLATE_1)
def _too_large(root: Path, screen: b.Screen) -> None:
    info = tarfile.TarInfo("B02_s1_w1.png")
    info.pax_headers = {"size": "9" * 30}
    _with_members(root, screen, (info, b""))


@case("tar with duplicate members", lost=PLATE_1)
def _duplicates(root: Path, screen: b.Screen) -> None:
    other = b.png(b.noise("another")[0])
    _with_members(root, screen, *((tarfile.TarInfo("B02_s1_w1.png"), other) for _ in range(5)))


@case("tar of the GNU kind with long names")
def _gnu(root: Path, screen: b.Screen) -> None:
    b.write_tar(tar_of(root), sound_members(screen), "x" * 150, tarfile.GNU_FORMAT)


@case("tar with a PAX header of 10 MB")
def _pax(root: Path, screen: b.Screen) -> None:
    info = tarfile.TarInfo("B05_s1_w1.png")
    info.pax_headers = {"comment": "x" * 10_000_000}
    _with_members(root, screen, (info, b.png(b.noise("x")[0])))


@case("tar with a PAX header that lies about the size", lost=PLATE_1)
def _pax_size(root: Path, screen: b.Screen) -> None:
    info = tarfile.TarInfo("B05_s1_w1.png")
    info.pax_headers = {"size": "99999999999999"}
    _with_members(root, screen, (info, b""))


@case("tar with a PAX header that is none", lost=PLATE_1)
def _pax_garbage(root: Path, screen: b.Screen) -> None:
    b.write_tar(tar_of(root), sound_members(screen))
    data = tar_of(root).read_bytes()
    tar_of(root).write_bytes(data.replace(b"comment=made", b"comm\xff\x00\xfe=mad", 1))


@case("tar with a sparse member")
def _sparse(root: Path, screen: b.Screen) -> None:
    info = tarfile.TarInfo("B05_s1_w1.png")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "B05_s1_w1.png",
        "GNU.sparse.realsize": "99999999999",
    }
    _with_members(root, screen, (info, b"1\n0\n512\n" + bytes(1016)))


@case("tar with a size below zero", lost=PLATE_1)
def _negative(root: Path, screen: b.Screen) -> None:
    b.write_tar(tar_of(root), sound_members(screen), form=tarfile.USTAR_FORMAT)
    data = bytearray(tar_of(root).read_bytes())
    data[124:136] = b"\xff" * 12
    _sum(data)
    tar_of(root).write_bytes(data)


@case("tar with a checksum that is wrong", lost=PLATE_1)
def _checksum(root: Path, screen: b.Screen) -> None:
    data = bytearray(tar_of(root).read_bytes())
    data[1024 + 148 : 1024 + 156] = b"0000000\0"
    tar_of(root).write_bytes(data)


@case("tar cut in half", lost=PLATE_1)
def _half(root: Path, screen: b.Screen) -> None:
    data = tar_of(root).read_bytes()
    tar_of(root).write_bytes(data[: len(data) // 2])


def _packed(pack: Callable[[bytes], bytes], ending: str) -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        data = tar_of(root).read_bytes()
        tar_of(root).unlink()
        b.write(tar_of(root).with_suffix(ending), pack(data))

    return make


def _zipped(data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("__MACOSX/._Plate1.tar", b"x")
        archive.writestr("gene-001/Plate1.tar", data)
    return out.getvalue()


PACKINGS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "gzip": (gzip.compress, ".tar.gz"),
    "bzip2": (bz2.compress, ".tar.bz2"),
    "xz": (lzma.compress, ".tar.xz"),
    "zstd": (imagecodecs.zstd_encode, ".tar.zst"),
    "lz4": (lambda data: pa.Codec("lz4").compress(data, asbytes=True), ".tar.lz4"),
    "zip": (_zipped, ".zip"),
    "7-Zip": (lambda data: b"7z\xbc\xaf\x27\x1c\0\4" + data[:400], ".7z"),
    "RAR": (lambda data: b"Rar!\x1a\x07\x01\0" + data[:400], ".rar"),
    "compress": (lambda data: b"\x1f\x9d\x90" + data[:400], ".tar.Z"),
    "LZMA": (lambda data: lzma.compress(data, lzma.FORMAT_ALONE), ".tar.lzma"),
    "cpio": (lambda data: b"070701" + data[:400], ".cpio"),
}
for _name, (_pack, _ending) in PACKINGS.items():
    case(f"plate in {_name}", lost=PLATE_1)(_packed(_pack, _ending))
    case(f"plate in {_name} that calls itself a tar", lost=PLATE_1)(_packed(_pack, ".tar"))
case("plate in gzip called tgz", lost=PLATE_1)(_packed(gzip.compress, ".tgz"))
case("plate in gzip without an ending", lost=PLATE_1)(_packed(gzip.compress, ""))
case("plate in gzip that is cut", lost=PLATE_1)(
    _packed(lambda data: gzip.compress(data)[:3000], ".tar.gz")
)


@case("plate in pieces", lost=PLATE_1)
def _pieces(root: Path, screen: b.Screen) -> None:
    data = tar_of(root).read_bytes()
    tar_of(root).unlink()
    for i, letter in enumerate("abc"):
        b.write(tar_of(root).with_suffix(f".tar.a{letter}"), data[i * 9000 : (i + 1) * 9000])


@case("plate in packed pieces", lost=PLATE_1)
def _packed_pieces(root: Path, screen: b.Screen) -> None:
    data = gzip.compress(tar_of(root).read_bytes())
    tar_of(root).unlink()
    for i in range(3):
        b.write(tar_of(root).with_suffix(f".tar.gz.00{i}"), data[i * 4000 : (i + 1) * 4000])


@case("plates in a tar of tars", lost=(*PLATE_1, "gene-001_2_B02"))
def _nested(root: Path, screen: b.Screen) -> None:
    plates = {path.name: path.read_bytes() for path in tar_of(root).parent.iterdir()}
    shutil.rmtree(root / "images")
    b.write_tar(root / "images.tar", plates)


@case("images in a zip", lost=(*PLATE_1, "gene-001_2_B02"))
def _zip_of_images(root: Path, screen: b.Screen) -> None:
    shutil.rmtree(root / "images")
    b.write_zip(root / "images.zip", sound_members(screen))


def _zip_of(method: int, folder: str = "", n_cut: int = 0) -> Callable[[Path, b.Screen], None]:
    def make(root: Path, screen: b.Screen) -> None:
        tar_of(root).unlink()
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, content in sound_members(screen).items():
                archive.writestr(f"{folder}{name}", content)
        data = out.getvalue()
        b.write(tar_of(root).with_suffix(".zip"), data[: len(data) - n_cut])

    return make


case("plate in a zip that packs nothing")(_zip_of(zipfile.ZIP_STORED))
case("plate in a zip that is deflated")(_zip_of(zipfile.ZIP_DEFLATED))
case("plate in a zip with folders")(_zip_of(zipfile.ZIP_DEFLATED, "gene-001/Plate1/"))
case("plate in a zip of another kind", lost=PLATE_1)(_zip_of(zipfile.ZIP_BZIP2))
case("plate in a zip of LZMA", lost=PLATE_1)(_zip_of(zipfile.ZIP_LZMA))
case("plate in a zip that is cut", lost=PLATE_1)(_zip_of(zipfile.ZIP_STORED, n_cut=60))
case("plate in a zip with a folder above", lost=PLATE_1)(_zip_of(zipfile.ZIP_STORED, "../../"))


@case("plate in a zip that is spoiled in the middle", lost=PLATE_1)
def _spoiled_zip(root: Path, screen: b.Screen) -> None:
    _zip_of(zipfile.ZIP_DEFLATED)(root, screen)
    path = tar_of(root).with_suffix(".zip")
    data = bytearray(path.read_bytes())
    data[200:900] = b"\xff" * 700
    path.write_bytes(data)


@case("plate in a zip whose members are bombs", lost=PLATE_1)
def _bomb_in_zip(root: Path, screen: b.Screen) -> None:
    tar_of(root).unlink()
    with zipfile.ZipFile(tar_of(root).with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("B02_s1_w1.png", b.png(b.noise("x")[0]) + bytes(300_000_000))


@case("plate in the pieces of a zip", lost=PLATE_1)
def _pieces_of_zip(root: Path, screen: b.Screen) -> None:
    _zip_of(zipfile.ZIP_STORED)(root, screen)
    path = tar_of(root).with_suffix(".zip")
    data = path.read_bytes()
    path.write_bytes(data[9000:])
    path.with_suffix(".z01").write_bytes(data[:9000])


@case("plate in numbered tars", lost=PLATE_1)
def _numbered(root: Path, screen: b.Screen) -> None:
    data = tar_of(root).read_bytes()
    tar_of(root).unlink()
    for i in range(2):
        b.write(tar_of(root).with_name(f"Plate1.part{i + 1}.tar"), data[i * 9000 : i * 9000 + 9000])


@case("two tars that are joined")
def _joined(root: Path, screen: b.Screen) -> None:
    members = list(sound_members(screen).items())
    parts = []
    for some in (members[:5], members[5:]):
        b.write_tar(tar_of(root), dict(some))
        parts.append(tar_of(root).read_bytes())
    tar_of(root).write_bytes(b"".join(parts))


@case("tar of a hundred empty ones that are joined")
def _many_joined(root: Path, screen: b.Screen) -> None:
    data = tar_of(root).read_bytes()
    tar_of(root).write_bytes(data + bytes(10240) * 100)


for _ending in ("part", "crdownload", "incomplete", "aria2"):

    @case(f"plate whose download has not ended, as .{_ending}", lost=PLATE_1)
    def _unfinished(root: Path, screen: b.Screen, ending: str = _ending) -> None:
        data = tar_of(root).read_bytes()
        if ending == "aria2":
            tar_of(root).with_suffix(".tar.aria2").write_bytes(b"\0\1")
        else:
            tar_of(root).unlink()
            tar_of(root).with_suffix(f".tar.{ending}").write_bytes(data[:9000])


@case("tar with what macOS adds")
def _companions(root: Path, screen: b.Screen) -> None:
    names = ("._B02_s1_w1.png", "__MACOSX/._B02_s1_w1.png", "._Plate1", ".DS_Store")
    _with_members(root, screen, *((tarfile.TarInfo(name), b"\0\5\x16\7") for name in names))


@case("plate with an index beside it")
def _index(root: Path, screen: b.Screen) -> None:
    b.write(tar_of(root).with_suffix(".tar.idx"), b"B02_s1_w1.png 512 1000\n")
    b.write(tar_of(root).with_suffix(".tar.index.sqlite"), b"SQLite format 3\0" + bytes(100))


for _name, (_ending, _content) in {
    "HDF5": (".h5", b"\x89HDF\r\n\x1a\n" + bytes(400)),
    "numpy": (".npy", b"\x93NUMPY\1\0" + bytes(400)),
    "a disk image": (".iso", bytes(33000) + b"CD001"),
    "a page of HTML": (".tar", b"<!DOCTYPE html><html>Sign in</html>"),
    "a pointer of Git LFS": (".tar", b"version https://git-lfs.github.com/spec/v1\n"),
    "brotli": (".tar.br", b"\x0b\x02\x80" + bytes(400)),
}.items():
    case(f"plate as {_name}", lost=PLATE_1)(_packed(lambda _, content=_content: content, _ending))  # type: ignore[misc]


@case("plate in a zip of Windows")
def _backslashes(root: Path, screen: b.Screen) -> None:
    _zip_of(zipfile.ZIP_DEFLATED, "gene-001\\Plate1\\")(root, screen)


@case("plate in a volume of a tar", lost=PLATE_1)
def _volume(root: Path, screen: b.Screen) -> None:
    info = tarfile.TarInfo("B02_s1_w1.png")
    info.type = b"M"
    with tarfile.open(tar_of(root), "w") as archive:
        archive.addfile(info)


@case("plate as a store of arrays", lost=PLATE_1)
def _zarr(root: Path, screen: b.Screen) -> None:
    tar_of(root).unlink()
    b.write(tar_of(root).with_suffix(".zarr") / "0" / "0.0", b"\1\2")


@case("plate whose members are called otherwise", lost=PLATE_1)
def _other_members(root: Path, screen: b.Screen) -> None:
    b.write_tar(tar_of(root), {f"r02c02-ch{i}.tiff": b.png(b.noise("x")[0]) for i in range(6)})


@case("plate whose stains are numbered from 0", lost=PLATE_1)
def _from_0(root: Path, screen: b.Screen) -> None:
    members = sound_members(screen)
    renamed = {f"{n[:-5]}{int(n[-5]) - 1}.png": content for n, content in members.items()}
    b.write_tar(tar_of(root), renamed)


@case("tar with a table among the images")
def _table_inside(root: Path, screen: b.Screen) -> None:
    b.write_tar(tar_of(root), {"metadata.csv": b"well_id,gene\n", **sound_members(screen)})


@case("tar whose folder is of another plate")
def _other_folder(root: Path, screen: b.Screen) -> None:
    b.write_tar(tar_of(root), sound_members(screen), "gene-001/Plate2")


@case("tar behind zeros", lost=PLATE_1)
def _behind_zeros(root: Path, screen: b.Screen) -> None:
    tar_of(root).write_bytes(bytes(512) + tar_of(root).read_bytes())


@case("tar that is empty", lost=PLATE_1)
def _empty(root: Path, screen: b.Screen) -> None:
    tar_of(root).write_bytes(b"")


@case("tar of zeros", lost=PLATE_1)
def _zeros(root: Path, screen: b.Screen) -> None:
    tar_of(root).write_bytes(bytes(1_000_000))


@case("tar of random bytes", lost=PLATE_1)
def _random(root: Path, screen: b.Screen) -> None:
    tar_of(root).write_bytes(b.noise("tar", 128).tobytes())


def _sum(data: bytearray) -> None:
    """Make the checksum of the first header right."""
    data[148:156] = b" " * 8
    data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
