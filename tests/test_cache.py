"""Files and arrays that are kept: whole or not at all, and never more than was allowed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.files.local import folder_written_atomically, written_atomically

ARRAYS = {
    "number": np.arange(600).reshape(20, 30),
    "name": np.array([b"AA02_s1_w3.png", b""]),
    "text": np.array(["µ", "compound-001"]),
    "none": np.zeros((0, 3), np.float32),
}


class Builder:
    """Builds arrays and counts how often it was asked to."""

    def __init__(self, arrays: dict[str, np.ndarray] = ARRAYS) -> None:
        self.arrays, self.calls = arrays, 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.calls += 1
        return self.arrays


def assert_same(got: dict[str, np.ndarray], want: dict[str, np.ndarray] = ARRAYS) -> None:
    assert list(got) == list(want)
    for name, array in want.items():
        assert got[name].dtype == array.dtype
        np.testing.assert_array_equal(got[name], array)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def disk_full_after(n_bytes: int) -> Iterator[None]:
    """Let no file grow beyond some bytes: the write fails, as on a full disk."""
    resource = pytest.importorskip("resource", reason="only Unix limits the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- written_atomically ----------------------------------------------------------------------


def test_a_file_is_replaced_when_the_block_ends_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "list.csv"
    with written_atomically(path) as temporary:
        temporary.write_text("one")
        assert not path.exists()
    with written_atomically(path) as temporary:
        temporary.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two"
    assert files_in(tmp_path) == [path]


def test_a_written_file_may_be_read_by_whom_the_user_allows(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with written_atomically(tmp_path / "list.csv") as temporary:
            temporary.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "list.csv").stat().st_mode & 0o777 == 0o644


def stop_halfway(temporary: Path) -> None:
    temporary.write_text("half of i")
    raise KeyboardInterrupt


def outgrow_the_disk(temporary: Path) -> None:
    with disk_full_after(1000):
        temporary.write_bytes(bytes(5000))


@pytest.mark.parametrize(
    ("spoil", "error"), [(stop_halfway, KeyboardInterrupt), (outgrow_the_disk, OSError)]
)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[BaseException]
) -> None:
    path = tmp_path / "list.csv"
    path.write_text("old")
    with pytest.raises(error), written_atomically(path) as temporary:
        spoil(temporary)
    assert path.read_text() == "old"
    assert files_in(tmp_path) == [path]


def test_a_target_that_cannot_be_replaced_is_an_error_that_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"), written_atomically(tmp_path / "taken") as temporary:
        temporary.write_text("x")
    assert not files_in(tmp_path)


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plate"
    with pytest.raises(KeyboardInterrupt), folder_written_atomically(path) as temporary:
        stop_halfway(b.write(temporary / "whole", b"1").with_name("half"))
    assert not list((tmp_path / "new").iterdir())
    with folder_written_atomically(path) as temporary:
        b.write(temporary / "deep" / "one", b"1")
        assert not path.exists()
    assert files_in(tmp_path) == [path / "deep" / "one"]


def test_a_folder_that_was_left_unfinished_is_removed_a_day_later(tmp_path: Path) -> None:
    old, new = (tmp_path / f".{letter * 32}.rxrx3.part" for letter in "ab")
    own = tmp_path / ".of the user.rxrx3.part"
    for folder in (old, new, own):
        b.write(folder / "half", b"half")
    for folder in (old, own):
        os.utime(folder, (0, 0))
    with folder_written_atomically(tmp_path / "plate") as temporary:
        temporary.mkdir()
    assert sorted(tmp_path.iterdir()) == sorted([own, new, tmp_path / "plate"])


# --- DiskCache -------------------------------------------------------------------------------


def test_arrays_are_built_once_and_come_back_the_same(tmp_path: Path) -> None:
    build = Builder()
    assert_same(DiskCache(tmp_path).arrays("tar-index", "Plate1.tar|12|3", build))
    assert_same(DiskCache(tmp_path).arrays("tar-index", "Plate1.tar|12|3", build))
    assert build.calls == 1


def test_another_kind_or_another_file_is_another_entry(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    build = Builder()
    for kind, fingerprint in (("map", "x"), ("scores", "x"), ("map", "y")):
        cache.arrays(kind, fingerprint, build)
    assert build.calls == 3
    assert (
        len({cache.path(*key, ".npz") for key in (("map", "x"), ("scores", "x"), ("map", "y"))})
        == 3
    )


def saved(save: Callable[..., Any], *arrays: Any, **named: Any) -> bytes:
    with tempfile.TemporaryFile() as file:
        save(file, *arrays, **named)
        file.seek(0)
        return file.read()


DAMAGED = {
    "empty": b"",
    "garbage": b"\x00garbage" * 50,
    "zip head only": b"PK\x03\x04",
    "one array, no archive": saved(np.save, np.arange(3)),
    "pickled objects": saved(np.savez, number=np.array([{}], dtype=object), allow_pickle=True),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_built_again_and_replaced(tmp_path: Path, content: bytes) -> None:
    cache, build = DiskCache(tmp_path), Builder()
    path = cache.path("tar-index", "x", ".npz")
    path.parent.mkdir()
    path.write_bytes(content)
    for _ in range(2):
        assert_same(cache.arrays("tar-index", "x", build))
    assert build.calls == 1


@pytest.fixture(scope="module")
def good_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[DiskCache, Path, bytes]:
    cache = DiskCache(tmp_path_factory.mktemp("cache"))
    cache.arrays("tar-index", "x", Builder())
    path = cache.path("tar-index", "x", ".npz")
    return cache, path, path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_off_anywhere_is_built_again(
    good_file: tuple[DiskCache, Path, bytes], share: float
) -> None:
    cache, path, content = good_file
    path.write_bytes(content[: int(share * len(content))])
    assert_same(cache.arrays("tar-index", "x", Builder()))


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@settings(max_examples=200, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_no_error_and_never_another_number(
    good_file: tuple[DiskCache, Path, bytes], share: float, bit: int
) -> None:
    cache, path, content = good_file
    flipped = bytearray(content)
    flipped[int(share * len(content))] ^= 1 << bit
    path.write_bytes(flipped)
    got = cache.arrays("tar-index", "x", Builder())
    assert_same(got, {name: ARRAYS[name] for name in got})


def blocked_by_a_file(folder: Path) -> Path:
    (folder / "file").write_text("not a folder")
    return folder / "file" / "cache"


def taken_by_a_folder(folder: Path) -> Path:
    DiskCache(folder).path("tar-index", "x", ".npz").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("place", [blocked_by_a_file, taken_by_a_folder])
def test_a_folder_that_cannot_be_written_costs_speed_only(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    cache, build = DiskCache(place(tmp_path)), Builder()
    before = files_in(tmp_path)
    for _ in range(2):
        assert_same(cache.arrays("tar-index", "x", build))
    assert build.calls == 2
    assert files_in(tmp_path) == before


def test_a_full_disk_costs_speed_only(tmp_path: Path) -> None:
    cache, build = DiskCache(tmp_path), Builder()
    with disk_full_after(1000):
        assert_same(cache.arrays("tar-index", "x", build))
    assert not files_in(tmp_path)
    assert_same(cache.arrays("tar-index", "x", build))
    assert len(files_in(tmp_path)) == 1


def test_a_failed_build_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def build() -> dict[str, np.ndarray]:
        raise OSError("the tar is cut off")

    with pytest.raises(OSError, match="cut off"):
        DiskCache(tmp_path).arrays("tar-index", "x", build)
    assert not files_in(tmp_path)


TWO_PROCESSES = """
import sys
from pathlib import Path
import numpy as np
from napari_rxrx3.data.cache.disk_cache import DiskCache
cache, want = DiskCache(Path(sys.argv[1])), np.arange(200_000)
print("ready", flush=True)
sys.stdin.readline()
for i in range(20):
    got = cache.arrays("tar-index", str(i), lambda: {"number": want + i})["number"]
    assert np.array_equal(got, want + i)
"""


def test_two_processes_at_once_both_get_whole_arrays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TWO_PROCESSES, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in both:
        process.communicate(timeout=60)
    assert [process.returncode for process in both] == [0, 0]
    assert len(files_in(tmp_path)) == 20
    assert all(path.suffix == ".npz" for path in files_in(tmp_path))


# --- in memory -------------------------------------------------------------------------------


@given(
    max_bytes=st.integers(0, 60),
    asked=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 40)), max_size=40),
)
def test_never_more_bytes_are_kept_than_allowed(
    max_bytes: int, asked: list[tuple[int, int]]
) -> None:
    cache = LruCache(max_bytes)
    keys = {(number, size) for number, size in asked}
    for number, size in asked:
        array = cache.get((number, size), lambda n=number, s=size: np.full(s, n, np.uint8))
        np.testing.assert_array_equal(array, np.full(size, number))
        assert cache.size == sum(size for key, size in keys if (key, size) in cache)
        assert cache.size <= max_bytes
        assert ((number, size) in cache) == (size <= max_bytes)


def test_the_longest_unused_goes_first() -> None:
    cache = LruCache(3)
    for key in ("a", "b", "c", "a", "d"):
        cache.get(key, lambda: np.zeros(1, np.uint8))
    assert {key for key in "abcd" if key in cache} == {"a", "c", "d"}


def test_an_array_too_large_to_keep_pushes_nothing_out() -> None:
    cache = LruCache(10)
    cache.get("small", lambda: np.zeros(4, np.uint8))
    assert cache.get("large", lambda: np.ones(11, np.uint8)).sum() == 11
    assert "small" in cache
    assert "large" not in cache


def test_what_is_put_again_counts_once_and_what_is_dropped_no_more() -> None:
    cache = LruCache(10)
    for size in (4, 6, 11, 3):  # of one key: 11 is too large to keep
        cache.put("a", np.zeros(size, np.uint8))
        assert cache.size == (size if size <= 10 else 0)
    cache.put("b", np.zeros(7, np.uint8))
    assert cache.find("a").nbytes == 3
    cache.put("c", np.zeros(1, np.uint8))
    assert ("a" in cache, "b" in cache) == (True, False), "a was found, b was not"
    cache.drop("a")
    cache.drop("unknown")
    assert (cache.size, cache.find("a")) == (1, None)
    cache.clear()
    assert (cache.size, "c" in cache) == (0, False)


def test_things_may_be_counted() -> None:
    cache = LruCache(2, one)
    for key in "abc":
        assert cache.get(key, lambda k=key: [k]) == [key]
    assert [key in cache for key in "abc"] == [False, True, True]


def ask_from_threads(
    cache: LruCache, compute: Callable[[], np.ndarray], n: int = 12
) -> tuple[list[Any], int]:
    """Ask for one key from many threads while the first computation runs; answers and calls."""
    asking, calls = threading.Semaphore(0), []

    def slow() -> np.ndarray:
        calls.append(1)
        for _ in range(n):
            asking.acquire(timeout=5)
        time.sleep(0.1)  # the last ones have said that they ask, and now do
        return compute()

    def ask(_: int) -> Any:
        asking.release()
        try:
            return cache.get("key", slow)
        except ArithmeticError as error:
            return error

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(ask, range(n))), len(calls)


@pytest.mark.parametrize("max_bytes", [0, 1000])
def test_many_threads_share_one_computation(max_bytes: int) -> None:
    answers, calls = ask_from_threads(LruCache(max_bytes), lambda: np.arange(10))
    assert calls == 1
    assert all(answer is answers[0] for answer in answers)
    np.testing.assert_array_equal(answers[0], np.arange(10))


def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    def fail() -> np.ndarray:
        raise ArithmeticError("damaged")

    cache = LruCache(1000)
    answers, calls = ask_from_threads(cache, fail)
    assert calls == 1
    assert [str(answer) for answer in answers] == ["damaged"] * len(answers)
    assert "key" not in cache
    assert cache.get("key", lambda: np.arange(3)).size == 3


def test_who_waits_for_a_computation_that_was_stopped_tries_it() -> None:
    """What stops one is not the answer for the others, who were not stopped."""
    cache, calls, waiting = LruCache(1000), [], threading.Semaphore(0)

    def compute() -> np.ndarray:
        calls.append(1)
        if len(calls) == 1:
            for _ in range(3):
                waiting.acquire(timeout=5)
            time.sleep(0.1)  # the others have said that they ask, and now do
            raise KeyboardInterrupt
        return np.arange(3)

    def ask(_: int) -> Any:
        waiting.release()
        try:
            return cache.get("key", compute, shares_failure=False).size
        except KeyboardInterrupt:
            return "stopped"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert sorted(map(str, answers)) == ["3", "3", "3", "stopped"]
    assert len(calls) == 2


def test_different_keys_are_computed_at_the_same_time() -> None:
    cache, both = LruCache(1000), threading.Barrier(2, timeout=20)

    def compute() -> np.ndarray:
        both.wait()  # breaks if the other one cannot start meanwhile
        return np.arange(3)

    with ThreadPoolExecutor(2) as pool:
        assert [a.size for a in pool.map(lambda key: cache.get(key, compute), "ab")] == [3, 3]


def test_a_computation_may_use_the_cache_itself() -> None:
    cache = LruCache(1000)
    whole = cache.get("half", lambda: cache.get("whole", lambda: np.arange(8))[::2])
    np.testing.assert_array_equal(whole, [0, 2, 4, 6])
    assert "whole" in cache
