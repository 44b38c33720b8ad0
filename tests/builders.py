"""Writes data sets in the formats of RxRx3, RxRx3-core and their siblings.

Nothing here imports the package under test: what a test expects comes from the formats and from
the arrays that went in.
"""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from string import ascii_uppercase
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote

import fsspec
import imagecodecs
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
from PIL import Image

ROWS = (*ascii_uppercase, *(f"A{letter}" for letter in "ABCDEF"))
CHANNELS = range(1, 7)
DOSES = (0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
COLUMNS = (
    "well_id",
    "experiment_name",
    "plate",
    "address",
    "gene",
    "treatment",
    "SMILES",
    "concentration",
    "perturbation_type",
    "cell_type",
)

Row = dict[str, Any]
Vectors = Mapping[str, np.ndarray]


# --- planes and their bytes ------------------------------------------------------------------


def noise(name: str, size: int = 16, dtype: str = "uint16") -> np.ndarray:
    """Return six planes of noise, (6, size, size), the same for the same name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.integers(0, np.iinfo(dtype).max, (6, size, size), dtype=dtype, endpoint=True)


def smooth(name: str, size: int = 64, dtype: str = "uint8", peak: int = 200) -> np.ndarray:
    """Return six smooth planes, (6, size, size): what a wavelet can follow."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    y, x = np.mgrid[:size, :size] / size
    waves = [
        np.sin(rng.uniform(6, 24) * x + rng.uniform(0, 6)) * np.cos(rng.uniform(6, 24) * y)
        for _ in CHANNELS
    ]
    return (peak * (np.stack(waves) + 1) / 2).astype(dtype)


def png(plane: np.ndarray) -> bytes:
    if plane.size >= 512 * 512:  # of large screens of noise, which does not become smaller
        return bytes(imagecodecs.png_encode(plane, 0))
    return _pillow(plane, "PNG", compress_level=1)


def filtered_png(
    plane: np.ndarray,
    filters: Sequence[int] = (0, 1, 2, 3, 4),
    chunk: int = 8192,
    before: Sequence[tuple[bytes, bytes]] = (),
    color: int = 0,
) -> bytes:
    """Encode a gray plane with these filters in turn, row by row, in IDAT chunks of this size.

    `before` are further chunks, by kind and content, that come ahead of the pixels.
    """
    height, width = plane.shape
    step = plane.itemsize
    rows = plane.astype(plane.dtype.newbyteorder(">")).view(np.uint8).reshape(height, -1)
    above = np.zeros_like(rows[0])
    lines = []
    for y, row in enumerate(rows):
        kind = filters[y % len(filters)]
        lines.append(bytes([kind]) + _filtered(row, above, step, kind))
        above = row
    packed = zlib.compress(b"".join(lines), 6)
    size = _png_size(height, width, 8 * step, color)
    data = [(b"IDAT", packed[i : i + chunk]) for i in range(0, len(packed), chunk)]
    return png_of_chunks([(b"IHDR", size), *before, *data, (b"IEND", b"")])


def interlaced_png(plane: np.ndarray) -> bytes:
    """Encode a gray plane in the seven passes of an interlaced PNG, without a filter."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4))
    passes += ((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    lines = []
    for top, left, down, across in passes:
        part = plane[top::down, left::across]
        if part.size:
            lines += [b"\0" + row.tobytes() for row in part.astype(part.dtype.newbyteorder(">"))]
    size = _png_size(*plane.shape, 8 * plane.itemsize, 0, interlaced=1)
    packed = zlib.compress(b"".join(lines))
    return png_of_chunks([(b"IHDR", size), (b"IDAT", packed), (b"IEND", b"")])


def png_of_chunks(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in chunks:
        crc = zlib.crc32(kind + body)
        parts.append(len(body).to_bytes(4, "big") + kind + body + crc.to_bytes(4, "big"))
    return b"".join(parts)


def claiming(data: bytes, height: int, width: int) -> bytes:
    """Return a PNG whose header says another size, with a checksum that is right."""
    head = data[12:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[24:29]
    return data[:12] + head + zlib.crc32(head).to_bytes(4, "big") + data[33:]


def _png_size(height: int, width: int, bits: int, color: int, interlaced: int = 0) -> bytes:
    rest = bytes([bits, color, 0, 0, interlaced])
    return width.to_bytes(4, "big") + height.to_bytes(4, "big") + rest


def _filtered(row: np.ndarray, above: np.ndarray, step: int, kind: int) -> bytes:
    now, up = row.astype(int), above.astype(int)
    left = np.concatenate([np.zeros(step, int), now[:-step]])
    corner = np.concatenate([np.zeros(step, int), up[:-step]])
    guess = left + up - corner
    far = [abs(guess - left), abs(guess - up), abs(guess - corner)]
    nearest = np.where(far[1] <= far[2], up, corner)
    paeth = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, nearest)
    expected = (0, left, up, (left + up) // 2, paeth)[kind]
    return ((now - expected) % 256).astype(np.uint8).tobytes()


def tiff(plane: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, plane)
    return buffer.getvalue()


def jp2(plane: np.ndarray) -> bytes:
    """Encode an 8-bit plane as RxRx3-core does; planes below 128 px get fewer resolutions."""
    resolutions = min(8, int(np.log2(min(plane.shape))))
    options = {"quality_mode": "rates", "quality_layers": [80, 40, 20], "irreversible": True}
    if min(plane.shape) < 128:  # too few bytes for the three layers
        options = {"irreversible": True}
    return _pillow(plane, "JPEG2000", num_resolutions=resolutions, **options)


def _pillow(plane: np.ndarray, name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, name, **options)
    return buffer.getvalue()


ENCODERS = {"png": png, "jp2": jp2, "tif": tiff, "tiff": tiff}


def decoded_jp2(planes: np.ndarray) -> np.ndarray:
    """Return what is left of the planes after their way through JPEG 2000."""
    return np.stack([imagecodecs.jpeg2k_decode(jp2(plane)) for plane in planes])


# --- rows of metadata ------------------------------------------------------------------------


def well_name(experiment: str, plate: int, address: str) -> str:
    return f"{experiment}_{plate}_{address}"


def well_row(experiment: str, plate: int, address: str, **values: Any) -> Row:
    row: Row = {
        "well_id": well_name(experiment, plate, address),
        "experiment_name": experiment,
        "plate": plate,
        "address": address,
        "gene": None,
        "treatment": None,
        "SMILES": None,
        "concentration": None,
        "perturbation_type": "CRISPR",
        "cell_type": "HUVEC",
    }
    return row | values


def guide_row(experiment: str, plate: int, address: str, gene: str, guide: int = 1) -> Row:
    treatment = f"{gene}_guide_{guide}"
    return well_row(experiment, plate, address, gene=gene, treatment=treatment)


def dose_row(
    experiment: str, plate: int, address: str, name: str, dose: float, smiles: str = "CCO"
) -> Row:
    values = {"treatment": name, "SMILES": smiles, "concentration": dose}
    return well_row(experiment, plate, address, perturbation_type="COMPOUND", **values)


def control_row(experiment: str, plate: int, address: str, name: str = "EMPTY_control") -> Row:
    """Return a control: a CRISPR plate names it as gene too, a compound plate does not."""
    if experiment.startswith("compound"):
        return well_row(experiment, plate, address, treatment=name, perturbation_type="COMPOUND")
    return well_row(experiment, plate, address, gene=name, treatment=name)


# --- files -----------------------------------------------------------------------------------


def genes_and_compounds(genes: Iterable[str], compounds: Iterable[str]) -> list[Row]:
    """A plate of two guides a gene, and one of two doses a compound, each with 20 controls."""
    place = _inner_places()
    rows = [guide_row("gene-001", 1, next(place), gene, i) for gene in genes for i in (1, 2)]
    rows += [control_row("gene-001", 1, next(place)) for _ in range(20)]
    place = _inner_places()
    for name in compounds:
        rows += [dose_row("compound-001", 1, next(place), name, dose) for dose in (0.25, 2.5)]
    rows += [control_row("compound-001", 1, next(place)) for _ in range(20)]
    return rows


def _inner_places() -> Iterator[str]:
    """Addresses that are not at the edge of a plate, in reading order."""
    return (f"{row}{column:02d}" for row in ROWS[1:31] for column in range(2, 48))


def csv_bytes(rows: Sequence[Row] | pd.DataFrame, bom: bool = False, crlf: bool = False) -> bytes:
    """Return a CSV as the data sets have it: missing values are empty fields."""
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows), dtype=object)
    text = table.to_csv(index=False, lineterminator="\r\n" if crlf else "\n")
    return text.encode("utf-8-sig" if bom else "utf-8")


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_zip(path: Path, members: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_tar(
    path: Path, members: Mapping[str, bytes], folder: str = "", form: int = tarfile.PAX_FORMAT
) -> Path:
    """Write a tar whose members all lie in `folder`, which gets an entry of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pax = {"comment": "made for a test"} if form == tarfile.PAX_FORMAT else None
    with tarfile.open(path, "w", format=form, pax_headers=pax) as archive:
        if folder:
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        for name, content in members.items():
            info = tarfile.TarInfo(f"{folder}/{name}" if folder else name)
            info.size, info.mtime = len(content), 1_600_000_000.5
            archive.addfile(info, io.BytesIO(content))
    return path


def write_folder(path: Path, members: Mapping[str, bytes]) -> Path:
    for name, content in members.items():
        write(path / name, content)
    return path


def image_files(
    planes: Mapping[str, Sequence[np.ndarray]], suffix: str = "png", site: int = 1
) -> dict[str, bytes]:
    """Return file name -> bytes for address -> planes (channel 1 first)."""
    return {
        f"{address}_s{site}_w{channel}.{suffix}": ENCODERS[suffix](plane)
        for address, stack in planes.items()
        for channel, plane in enumerate(stack, 1)
    }


def shard_key(well_id: str, channel: int) -> str:
    """``compound-001_1_AA15`` -> ``compound-001/Plate1/AA15_s1_3``."""
    experiment, plate, address = well_id.rsplit("_", 2)
    return f"{experiment}/Plate{plate}/{address}_s1_{channel}"


def shard_rows(planes: Mapping[str, Sequence[np.ndarray]]) -> dict[str, bytes | None]:
    """Return key -> JPEG 2000 bytes for well_id -> planes, sorted as text like the real ones."""
    rows: dict[str, bytes | None] = {
        shard_key(well_id, channel): jp2(plane)
        for well_id, stack in planes.items()
        for channel, plane in enumerate(stack, 1)
    }
    return dict(sorted(rows.items()))


STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_shard(
    path: Path,
    rows: Mapping[str, bytes | None],
    row_group: int = 100,
    kind: pa.DataType = STRUCT,
    key_type: pa.DataType | None = None,
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    keys = pa.array(list(rows), key_type or pa.string())
    cells: list[Any] = list(rows.values())
    if pa.types.is_struct(kind):
        cells = [{"bytes": cell, "path": f"{key}.jp2"} for key, cell in rows.items()]
    table = pa.table({"__key__": keys, "jp2": pa.array(cells, kind)})
    pq.write_table(table, path, row_group_size=row_group)
    return path


def write_shards(folder: Path, rows: Mapping[str, bytes | None], cuts: Sequence[int] = ()) -> None:
    """Write ``train-0000N-of-0000M.parquet``, the rows cut at these indices."""
    items = list(rows.items())
    edges = [0, *cuts, len(items)]
    n = len(edges) - 1
    for i in range(n):
        part = dict(items[edges[i] : edges[i + 1]])
        write_shard(folder / f"train-{i:05d}-of-{n:05d}.parquet", part)


def embedding_table(vectors: Vectors, prefix: str = "feature_", dtype: str = "float32") -> pa.Table:
    stack = np.asarray(list(vectors.values()), dtype=dtype)
    columns = {f"{prefix}{i}": stack[:, i] for i in range(stack.shape[1])}
    return pa.table({"well_id": pa.array(list(vectors), pa.string()), **columns})


def embedding_bytes(vectors: Vectors, prefix: str = "feature_", dtype: str = "float32") -> bytes:
    return parquet_bytes(embedding_table(vectors, prefix, dtype))


def parquet_bytes(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=100)
    return buffer.getvalue()


def plate_embeddings(vectors: Vectors) -> dict[str, bytes]:
    """Return ``gene-001/Plate1/embeddings.parquet`` -> bytes, one a plate."""
    plates: dict[str, dict[str, np.ndarray]] = {}
    for well_id, vector in vectors.items():
        experiment, plate, _ = well_id.rsplit("_", 2)
        name = f"{experiment}/Plate{plate}/embeddings.parquet"
        plates.setdefault(name, {})[well_id] = vector
    return {name: embedding_bytes(part) for name, part in plates.items()}


# --- a screen --------------------------------------------------------------------------------


@dataclass
class Screen:
    """Wells before they are written: metadata rows, planes and vectors, each by well_id."""

    rows: list[Row] = field(default_factory=list)
    planes: dict[str, Sequence[np.ndarray]] = field(default_factory=dict)
    vectors: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Row], size: int = 16, dtype: str = "uint16", dim: int = 8) -> Screen:
        """Give each row planes of noise and a random vector."""
        ids = [row["well_id"] for row in rows]
        rng = np.random.default_rng(7)
        vectors = {i: rng.normal(size=dim).astype("float32") for i in ids}
        return cls(list(rows), {i: noise(i, size, dtype) for i in ids}, vectors)

    @property
    def ids(self) -> list[str]:
        return [row["well_id"] for row in self.rows]

    def by_plate(self) -> dict[tuple[str, str], dict[str, Sequence[np.ndarray]]]:
        plates: dict[tuple[str, str], dict[str, Sequence[np.ndarray]]] = {}
        for well_id, stack in self.planes.items():
            experiment, plate, address = well_id.rsplit("_", 2)
            plates.setdefault((experiment, plate), {})[address] = stack
        return plates

    def write_metadata(self, path: Path) -> Path:
        return write(path, csv_bytes(self.rows))

    def write_tars(self, root: Path, folder: str = "", suffix: str = "png") -> None:
        for (experiment, plate), planes in self.by_plate().items():
            path = root / "images" / experiment / f"Plate{plate}.tar"
            write_tar(path, image_files(planes, suffix), folder)

    def write_folders(self, root: Path, suffix: str = "png") -> None:
        for (experiment, plate), planes in self.by_plate().items():
            path = root / "images" / experiment / f"Plate{plate}"
            write_folder(path, image_files(planes, suffix))

    def write_core(self, root: Path, cuts: Sequence[int] = ()) -> None:
        write_shards(root / "data", shard_rows(self.planes), cuts)

    def write_embeddings(self, path: Path) -> Path:
        return write(path, embedding_bytes(self.vectors))

    def write_plate_embeddings(self, root: Path) -> None:
        write_folder(root, plate_embeddings(self.vectors))

    def write_embeddings_tar(self, path: Path, folder: str = "") -> Path:
        return write_tar(path, plate_embeddings(self.vectors), folder)

    def write_rxrx3(self, root: Path) -> Path:
        """Write everything as full RxRx3 comes: metadata, plate tars, embeddings by plate."""
        self.write_metadata(root / "metadata.csv")
        self.write_tars(root)
        self.write_plate_embeddings(root / "embeddings")
        return root


# --- other places than a disk ----------------------------------------------------------------


def to_memory(folder: Path, url: str) -> str:
    """Copy a folder to a ``memory://`` URL."""
    memory = fsspec.filesystem("memory")
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = PurePosixPath(path.relative_to(folder).as_posix())
            memory.pipe_file(f"{url}/{name}", path.read_bytes())
    return url


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the requests are not the test's output."""


class _Ranges(_Quiet):
    """Answers ``Range: bytes=a-b``, as the servers of real data sets do."""

    tells_changes = True

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not wanted.startswith("bytes=") or not path.is_file():
            return super().do_GET()
        content = path.read_bytes()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(content) - int(last))
        stop = int(last) + 1 if first and last else len(content)
        return self._send_part(content, start, min(stop, len(content)))

    def _send_part(self, content: bytes, start: int, stop: int) -> None:
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        if self.tells_changes:
            changed = Path(self.translate_path(self.path)).stat().st_mtime
            self.send_header("Last-Modified", self.date_time_string(int(changed)))
        self.end_headers()
        self.wfile.write(content[start:stop])

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()


class _Troubled(_Ranges):
    trouble: Callable[[str], str]

    def _trickle(self) -> None:
        """Send a byte a second, so that nobody can say that nothing comes."""
        self.send_response(206)
        self.send_header("Content-Range", "bytes 0-99999/100000")
        self.send_header("Content-Length", "100000")
        self.end_headers()
        with suppress(OSError):
            for _ in range(60):
                self.wfile.write(b"x")
                time.sleep(1)

    def _send_half(self) -> None:
        """Send half of a part, as something on the way may do, that says it were all of it."""
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        content = Path(self.translate_path(self.path)).read_bytes()
        half = content[first : last + 1][: (last + 1 - first) // 2]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(half)))
        self.end_headers()
        self.wfile.write(half)

    def do_GET(self) -> None:
        trouble = self.trouble(unquote(self.path))
        if trouble == "half" and self.headers.get("Range", "").startswith("bytes="):
            self._send_half()
        elif trouble.isdigit():
            self.send_error(int(trouble))
        elif trouble == "echo":  # all that it was told, in its own words
            self.send_error(403, f"no {self.path} {self.headers.get('Authorization')}", self.path)
        elif trouble == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"half of it")
        elif trouble == "trickle":
            self._trickle()
        elif trouble != "drop":  # which ends the connection without a word
            self.tells_changes = trouble != "untold"
            super().do_GET()


@contextmanager
def served(
    folder: Path, ranges: bool, trouble: Callable[[str], str] | None = None
) -> Iterator[str]:
    """Serve a folder with its listing on the loopback device; gives the URL.

    Parameters
    ----------
    trouble : callable, optional
        Says what is wrong with a path at the moment: a status such as "500", "drop", "cut" or
        nothing. It may wait.
    """
    kind = _Ranges if ranges else _Quiet
    if trouble is not None:
        kind = type("Troubled", (_Troubled,), {"trouble": staticmethod(trouble)})
    handler = partial(kind, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@dataclass
class Store:
    """What a server does, to be given to `served` as its trouble.

    `trouble` maps a part of a path to what is wrong with it; paths with a part in `held` are not
    answered until `let_go` is set.
    """

    url: str = ""
    trouble: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    let_go: Event = field(default_factory=Event)

    def __call__(self, path: str) -> str:
        self.asked.append(path)
        if any(part in path for part in self.held):
            assert self.let_go.wait(60)
        return next((what for part, what in self.trouble.items() if part in path), "")

    def was_asked(self, part: str) -> bool:
        return any(part in path for path in self.asked)
