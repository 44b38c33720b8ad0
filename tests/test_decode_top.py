"""The first rows of a PNG from the first part of its bytes, and what a preview makes of them."""

from __future__ import annotations

import threading

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFile

import builders as b
from napari_rxrx3.data.images import png
from napari_rxrx3.data.images.decode import (
    UndecodableImage,
    bytes_for_prefix,
    decode,
    decode_prefix,
    decode_small,
)
from napari_rxrx3.data.images.png import all_rows, png_header
from napari_rxrx3.data.images.previews import PREFIX_ROWS, PrefixReader, form_of, preview_of


def plane_of(height: int, width: int, dtype: str = "uint16", seed: int = 0) -> np.ndarray:
    """Return smooth noise, which every filter changes and deflate can shorten."""
    rng = np.random.default_rng(seed)
    walk = rng.integers(-9, 10, (height, width)).cumsum(axis=0).cumsum(axis=1)
    return (walk % (int(np.iinfo(dtype).max) + 1)).astype(dtype)


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 70),
    dtype=st.sampled_from(["uint8", "uint16"]),
    filters=st.lists(st.integers(0, 4), min_size=1, max_size=7),
    chunk=st.sampled_from([1, 7, 100, 8192]),
    n_rows=st.integers(1, 45),
    cut=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_rows_are_exact_wherever_the_bytes_end(
    height: int,
    width: int,
    dtype: str,
    filters: list[int],
    chunk: int,
    n_rows: int,
    cut: float,
    seed: int,
) -> None:
    plane = plane_of(height, width, dtype, seed)
    data = b.filtered_png(plane, filters, chunk)
    assert np.array_equal(imagecodecs.png_decode(data), plane)  # the builder is right
    part = data[: 33 + round(cut * (len(data) - 33))]
    rows = decode_prefix(part, n_rows)
    assert rows.dtype == plane.dtype
    assert rows.shape[1] == width
    assert len(rows) <= min(n_rows, height)
    assert np.array_equal(rows, plane[: len(rows)])
    if cut == 1:
        assert len(rows) == min(n_rows, height)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_part_that_is_asked_for_holds_the_rows(dtype: str) -> None:
    noise = b.noise("incompressible", 800, dtype)[0]
    for plane in (noise, plane_of(800, 800, dtype)):
        data = b.png(plane)
        needed = bytes_for_prefix(data[:64], PREFIX_ROWS, 768)
        assert needed is not None
        assert needed < 0.32 * plane.nbytes
        assert np.array_equal(decode_prefix(data[:needed], PREFIX_ROWS), plane[:PREFIX_ROWS])


def test_an_interlaced_image_is_decoded_whole() -> None:
    plane = plane_of(90, 77)
    data = b.interlaced_png(plane)
    assert np.array_equal(decode_prefix(data, 30), plane[:30])
    assert bytes_for_prefix(data, 30, 10) is None
    with pytest.raises(UndecodableImage):
        decode_prefix(data[: len(data) // 2], 30)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("chunk", [777, 8192, 1 << 24])
def test_a_large_image_is_what_libpng_makes_of_it(dtype: str, chunk: int) -> None:
    plane = plane_of(1100, 1000, dtype)
    data = b.filtered_png(plane, chunk=chunk)
    assert all_rows(data, png_header(data)) is not None  # not left to libpng
    decoded = decode(data)
    assert decoded.dtype == plane.dtype
    assert np.array_equal(decoded, plane)


LARGE = b.filtered_png(plane_of(1030, 1020, "uint8"))


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1), bit=st.integers(0, 7), cut=st.booleans())
def test_a_damaged_large_image_is_refused_as_by_libpng(place: float, bit: int, cut: bool) -> None:
    at = 8 + round(place * (len(LARGE) - 9))
    data = LARGE[:at] if cut else LARGE[:at] + bytes([LARGE[at] ^ 1 << bit]) + LARGE[at + 1 :]
    try:
        expected = imagecodecs.png_decode(data)
    except Exception:
        with pytest.raises(UndecodableImage):
            decode(data)
    else:
        assert np.array_equal(decode(data), expected)


def test_other_formats_are_decoded_whole() -> None:
    plane = b.smooth("other", 128)[0]
    assert np.array_equal(decode_prefix(b.tiff(plane), 20), plane[:20])
    data = b.jp2(plane)
    assert np.array_equal(decode_prefix(data, 20), decode(data)[:20])
    assert bytes_for_prefix(data, 20, 10) is None
    assert bytes_for_prefix(b.tiff(plane), 20, 10) is None


def test_a_damaged_chunk_gives_no_rows() -> None:
    data = bytearray(b.filtered_png(plane_of(200, 300), chunk=2000))
    at = data.index(b"IDAT") + 1000
    data[at] ^= 0x20
    with pytest.raises(UndecodableImage, match="a checksum is wrong"):
        decode_prefix(bytes(data), 100)
    with pytest.raises(UndecodableImage, match="a checksum is wrong"):
        decode_prefix(bytes(data[:20_000]), 100)


@pytest.mark.parametrize("n_rows", [1, 7, 100, 400])
def test_rows_are_inflated_without_a_stream(n_rows: int) -> None:
    data = b.filtered_png(plane_of(400, 300), chunk=2000)
    wanted = n_rows * png_header(data).row_bytes
    assert png._inflated_into_room(data, wanted) == png._inflated_as_stream(data, wanted)


def test_a_libdeflate_that_leaves_nothing_in_a_full_room_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tidy(data: bytes, out: bytearray) -> bytes:
        out[:] = bytes(len(out))
        raise imagecodecs.DeflateError("libdeflate_zlib_decompress", "INSUFFICIENT_SPACE")

    assert png._leaves_what_it_had()
    monkeypatch.setattr(png, "_leaves_what_it_had", png._leaves_what_it_had.__wrapped__)
    monkeypatch.setattr(imagecodecs, "deflate_decode", tidy)
    assert not png._leaves_what_it_had()
    plane = plane_of(400, 300)
    assert np.array_equal(decode_prefix(b.png(plane), 50), plane[:50])


def test_damage_after_the_rows_does_not_matter() -> None:
    plane = plane_of(400, 300)
    data = b.filtered_png(plane, chunk=2000)
    spoilt = data[: len(data) // 2] + bytes(len(data) - len(data) // 2)
    assert np.array_equal(decode_prefix(spoilt, 50), plane[:50])


def test_a_damaged_header_is_named() -> None:
    data = bytearray(b.png(plane_of(50, 50)))
    data[20] ^= 1
    with pytest.raises(UndecodableImage, match="a checksum is wrong"):
        decode_prefix(bytes(data), 10)
    with pytest.raises(UndecodableImage, match="cut off"):
        decode_prefix(bytes(data[:30]), 10)
    with pytest.raises(UndecodableImage, match="empty"):
        decode_prefix(b"", 10)


def test_a_header_that_claims_another_size() -> None:
    plane = plane_of(100, 120)
    data = b.filtered_png(plane)
    with pytest.raises(UndecodableImage, match="which no well image has"):
        decode_prefix(b.claiming(data, 60_000, 60_000), 10)
    with pytest.raises(UndecodableImage):  # more rows than there are
        decode_prefix(b.claiming(data, 200, 120), 150)
    with pytest.raises(UndecodableImage):  # wider: what comes first in a row is no filter
        decode_prefix(b.claiming(data, 100, 121), 50)
    for size in ((0, 120), (100, 0), (0, 0)):
        with pytest.raises(UndecodableImage, match="says that it has no pixels"):
            decode_prefix(b.claiming(data, *size), 50)
        with pytest.raises(UndecodableImage, match="says that it has no pixels"):
            bytes_for_prefix(b.claiming(data, *size)[:100], 50, 10)  # no more of it is read


def test_an_image_that_is_not_gray_is_none_of_ours() -> None:
    color = imagecodecs.png_encode(np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(UndecodableImage, match="not one gray plane"):
        decode_prefix(color, 5)


def test_a_small_claim_in_a_large_stream_does_not_fill_the_memory() -> None:
    # 200 MB of zeros in 200 kB: no more is inflated than the rows that are wanted
    data = b.filtered_png(np.zeros((100, 1000), np.uint8), (0,))
    packed = imagecodecs.zlib_encode(bytes(200_000_000))
    size = data[16:29]
    bomb = b.png_of_chunks([(b"IHDR", size), (b"IDAT", packed), (b"IEND", b"")])
    assert not decode_prefix(bomb, 60).any()
    assert decode_prefix(bomb, 60).shape == (60, 1000)


def test_no_setting_of_pillow_is_touched_while_threads_decode() -> None:
    data = b.filtered_png(plane_of(300, 300))[:30_000]
    seen: set[bool] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add(ImageFile.LOAD_TRUNCATED_IMAGES)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(50):
        decode_prefix(data, 20)
    done.set()
    watcher.join()
    assert seen == {False}


# --- previews --------------------------------------------------------------------------------


class Files:
    """Bytes of image files, and how many of them were asked for."""

    def __init__(self, *files: bytes) -> None:
        self.files = files
        self.asked: list[tuple[int, int | None]] = []

    def read(self, row: int, n_bytes: int | None = None) -> bytes:
        self.asked.append((row, n_bytes))
        return self.files[row][:n_bytes]


def block_means(plane: np.ndarray, size: int) -> np.ndarray:
    step = plane.shape[0] // size
    return plane.reshape(size, step, size, step).astype(float).mean(axis=(1, 3))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("encode", [b.png, b.tiff])
def test_a_large_plane_gives_a_piece_at_full_resolution(dtype: str, encode: object) -> None:
    plane = b.noise("large", 1000, dtype)[2]
    data = encode(plane)
    files = Files(data)
    preview = PrefixReader(files.read).preview(0)
    means = block_means(plane[:192, 404:596], 64)
    assert preview.dtype == plane.dtype
    assert np.abs(preview - means).max() <= 0.5
    assert np.array_equal(preview, preview_of(decode(data)))
    assert form_of(data) == (plane.dtype, 1000, 192, True)
    assert form_of(data).is_piece


def test_a_png_is_read_in_part_and_the_first_one_teaches_how_much() -> None:
    planes = b.noise("several", 1024, "uint16")
    files = Files(*(b.png(plane) for plane in planes))
    reader = PrefixReader(files.read)
    for row, plane in enumerate(planes):
        assert np.array_equal(reader.preview(row), preview_of(plane))
    assert [row for row, _ in files.asked] == [0, 0, 1, 2, 3, 4, 5]  # the header, then the rows
    assert all(n is not None and n < 0.2 * planes[0].nbytes + 9000 for _, n in files.asked)


def test_a_small_plane_is_shown_whole() -> None:
    plane = b.noise("small", 512, "uint8")[0]
    for data in (b.png(plane), b.tiff(plane)):
        preview = PrefixReader(Files(data).read).preview(0)
        assert np.abs(preview - block_means(plane, 64)).max() <= 0.5
        assert form_of(data) == (np.uint8, 512, 512, True)


def test_a_size_that_64_does_not_divide() -> None:
    plane = b.smooth("odd", 500, "uint16", 40_000)[0]
    preview = PrefixReader(Files(b.png(plane)).read).preview(0)
    assert preview.shape == (64, 64)
    assert np.array_equal(preview, decode_small(b.png(plane), 64))


def test_jpeg_2000_is_shown_whole_by_its_own_small_level() -> None:
    plane = b.smooth("wavelet", 512)[0]
    data = b.jp2(plane)
    preview = PrefixReader(Files(data).read).preview(0)
    # the level lies half a pixel to the top left of the means
    shifted = np.pad(decode(data), ((4, 0), (4, 0)), "edge")[:512, :512]
    assert preview.shape == (64, 64)
    assert np.abs(preview - block_means(shifted, 64)).mean() < 2
    assert form_of(data) == (np.uint8, 512, 512, True)
    assert not form_of(data).is_piece


def test_a_jpeg_2000_with_few_levels_is_decoded_whole() -> None:
    plane = b.smooth("shallow", 512)[0]
    data = b._pillow(plane, "JPEG2000", num_resolutions=2)
    preview = PrefixReader(Files(data).read).preview(0)
    assert np.abs(preview - block_means(plane, 64)).max() <= 1


def test_rows_behind_a_long_chunk_are_found() -> None:
    plane = plane_of(800, 800)
    data = b.filtered_png(plane, before=[(b"tEXt", b"k\0" + bytes(3_000_000))])
    assert np.array_equal(PrefixReader(Files(data).read).preview(0), preview_of(plane))


def test_a_file_that_is_cut_off_before_its_piece_is_damaged() -> None:
    data = b.png(b.noise("cut", 800, "uint16")[0])
    whole = preview_of(decode(data))
    assert np.array_equal(PrefixReader(Files(data[:400_000]).read).preview(0), whole)
    with pytest.raises(UndecodableImage, match="cut off"):
        PrefixReader(Files(data[:100_000]).read).preview(0)


def test_containers_of_several_sizes_are_read_right() -> None:
    small, large = b.noise("s", 400)[0], b.noise("l", 900)[0]
    files = Files(*(b.png(plane) for plane in (small, large, small, large, large)))
    reader = PrefixReader(files.read)
    for row, plane in enumerate((small, large, small, large, large)):
        assert np.array_equal(reader.preview(row), preview_of(plane))


def test_the_top_of_what_is_no_large_png_is_no_quicker() -> None:
    small = b.smooth("small", 512)[0]
    for data in (b.png(small), b.tiff(small), b.jp2(small)):
        reader = PrefixReader(Files(data, data).read)
        assert reader.prefix(0) is None
        assert reader.prefix(1) is None
    plane = b.noise("big", 800)[0]
    top = PrefixReader(Files(b.png(plane)).read).prefix(0)
    assert top is not None
    assert np.array_equal(top, plane[:PREFIX_ROWS])
