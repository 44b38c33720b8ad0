"""The cache keeps to its budget: the longest unused goes, what is in use or not ours stays."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from disks import fill_up, mount, mounted
from napari_rxrx3.cli import main
from napari_rxrx3.core.plate import N_POSITIONS, PlateId
from napari_rxrx3.data.cache import disk_cache as cache_module
from napari_rxrx3.data.cache.budgets import DISK_BYTES, MEMORY_BYTES, Budgets, budget_of, budgets
from napari_rxrx3.data.cache.disk_cache import (
    DiskCache,
    default_cache_folder,
    demo_folder,
)
from napari_rxrx3.data.cache.eviction import KINDS, clean, described, empty, kept_files
from napari_rxrx3.data.cache.memory import LruCache
from napari_rxrx3.data.parallel import Background, background, in_threads
from napari_rxrx3.data.thumbnails.plate_thumbnails import PlateThumbnails
from napari_rxrx3.data.vectors.vector_store import VectorRows, VectorStore

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _budgets_of_the_test() -> Iterator[None]:
    before = budgets.disk_bytes, budgets.memory_bytes
    budgets.disk_bytes, budgets.memory_bytes = None, MEMORY_BYTES
    yield
    budgets.disk_bytes, budgets.memory_bytes = before


def age(path: Path, hours: float) -> None:
    """Make a file look as if it was last used some hours ago."""
    then = time.time() - hours * HOUR
    os.utime(path, (then, then))


def age_all(folder: Path, hours: float) -> None:
    for file in kept_files(folder):
        age(file.path, hours)


def put(folder: Path, name: str, n_bytes: int, hours: float, kind: str = "map") -> Path:
    """Make a file of the cache that was last used some hours ago."""
    path = DiskCache(folder).path(kind, name, ".npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(n_bytes))
    age(path, hours)
    return path


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def call_later(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether something comes true within some seconds."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


# --- what goes and what stays ----------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    files=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=8),
    max_bytes=st.integers(0, 200),
)
def test_the_longest_unused_go_until_the_rest_is_within_budget(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[int, int]], max_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    kinds = list(KINDS)
    made = {
        put(folder, str(i), n, hours - 0.5, kinds[i % len(kinds)]): (n, hours)
        for i, (n, hours) in enumerate(files)
    }
    clean(folder, max_bytes)
    left = set(files_in(folder))
    gone = [hours for path, (_, hours) in made.items() if path not in left]
    removable = [made[path][1] for path in left if made[path][1] > 1]
    assert sum(made[path][0] for path in left) <= max_bytes or not removable
    assert all(hours > 1 for hours in gone)
    assert not gone or not removable or max(removable) <= min(gone)
    last = [path for path in made if path not in left and made[path][1] == min(gone, default=0)]
    total = sum(made[path][0] for path in left)
    assert not gone or total + sum(made[path][0] for path in last) > max_bytes


def test_using_a_file_keeps_it_and_leaves_its_content(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    for name in ("a", "b", "c"):
        cache.save("map", name, {"x": np.arange(1000)})
        age(cache.path("map", name, ".npz"), {"a": 9, "b": 8, "c": 7}[name])
    before = cache.path("map", "a", ".npz").read_bytes()
    age(cache.path("map", "a", ".npz"), 9)
    used = DiskCache(tmp_path).load("map", "a")
    clean(tmp_path, 0)
    assert [f.path for f in kept_files(tmp_path)] == [cache.path("map", "a", ".npz")]
    assert used is not None
    assert cache.path("map", "a", ".npz").read_bytes() == before


def test_what_is_open_stays_however_long_ago_it_was_opened(tmp_path: Path) -> None:
    budgets.disk_bytes = 0
    cache = DiskCache(tmp_path)
    mapped = cache.new_mapped("map-vectors", "x", (10, 4), lambda array: array.fill(3))
    other = cache.new_mapped("map-vectors", "y", (10, 4), lambda array: array.fill(4))
    cache.save("tar-index", "x", {"x": np.arange(3)})
    cache.save("scores", "x", {"x": np.arange(3)})
    view = mapped[2:]
    del mapped, other
    gc.collect()
    age_all(tmp_path, 5)
    cache.clean()
    assert sorted(f.kind for f in kept_files(tmp_path)) == ["map-vectors", "tar-index"]
    assert (view == 3).all()
    del view
    gc.collect()
    age_all(tmp_path, 5)
    cache.clean()
    assert [f.kind for f in kept_files(tmp_path)] == ["tar-index"]
    age_all(tmp_path, 5)
    DiskCache(tmp_path).clean()
    assert [f.kind for f in kept_files(tmp_path)] == ["tar-index"]
    del cache
    gc.collect()
    age_all(tmp_path, 5)
    DiskCache(tmp_path).clean()
    assert not kept_files(tmp_path)


def test_what_the_cache_did_not_make_is_never_removed(tmp_path: Path) -> None:
    budgets.disk_bytes = 0
    mine = put(tmp_path, "x", 10, 5)
    name = mine.name
    others = [
        demo_folder(str(tmp_path / "demo")) / "metadata.csv",
        tmp_path / "demo" / "map" / name,
        tmp_path / name,
        tmp_path / "map" / "notes.npz",
        tmp_path / "map" / f"{name}.csv",
        tmp_path / "map" / name.upper(),
        tmp_path / "map" / "deeper" / name,
        tmp_path / "vector" / name,
        tmp_path / "map" / ".half.part",
    ]
    for path in others:
        b.write(path, b"precious")
    folder = tmp_path / "scores" / name
    folder.mkdir(parents=True)
    link = tmp_path / "vectors" / name
    link.parent.mkdir()
    link.symlink_to(others[0])
    for path in files_in(tmp_path):
        age(path, 100)
    DiskCache(tmp_path).clean()
    assert not mine.exists()
    empty(tmp_path)
    assert all(path.read_bytes() == b"precious" for path in [*others, link])
    assert folder.is_dir()


def test_unfinished_files_go_when_nobody_writes_them_any_more(tmp_path: Path) -> None:
    parts = [tmp_path / "map" / f".{digit * 32}.part" for digit in "abc"]
    for path, hours in zip(parts, (0, 23, 25), strict=True):
        age(b.write(path, b"half"), hours)
    clean(tmp_path, 1000)
    assert [path.exists() for path in parts] == [True, True, False]
    clean(tmp_path, 0)
    assert [path.exists() for path in parts] == [True, True, False]
    assert [file.path for file in empty(tmp_path)] == [parts[0]]


def test_a_time_in_the_future_protects_no_file(tmp_path: Path) -> None:
    wrong, right = put(tmp_path, "wrong", 10, -100), put(tmp_path, "right", 10, 5)
    clean(tmp_path, 15)
    assert not wrong.exists()
    assert right.exists()


def test_who_loses_a_file_while_writing_it_gets_the_answer_nevertheless(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)

    def fill(array: np.ndarray) -> None:
        for part in (tmp_path / "vectors").glob(".*.part"):
            age(part, 30)  # as if this process had slept for a day
        clean(tmp_path, 10**9)
        array.fill(7)

    assert (cache.new_mapped("vectors", "x", (1000, 8), fill) == 7).all()
    assert cache.open_mapped("vectors", "x") is None


# --- when it is cleaned ----------------------------------------------------------------------


def screen_of(gene: str) -> b.Screen:
    rows = [b.control_row("gene-001", 1, f"C{c:02d}") for c in range(3, 11)]
    rows += [b.guide_row("gene-001", 1, f"D{c:02d}", gene, c - 2) for c in range(3, 7)]
    return b.Screen.of(rows, 16, dim=3)


def use(path: Path, folder: Path) -> tuple[Any, Any]:
    """Open a data set, look at a well and at the map."""
    dataset = rx.open_dataset(path, cache_dir=folder)
    labels = dataset.phenomap(align="centerscale").labels
    return dataset.read("gene-001_1_D03"), labels


def test_opening_a_data_set_removes_what_was_unused_for_long(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    for name in ("old", "new"):
        screen_of(name.upper()).write_rxrx3(tmp_path / name)
    use(tmp_path / "old", folder)
    gc.collect()  # the data set is closed
    age_all(folder, 30)
    old = files_in(folder)
    assert len(old) > 4
    before = use(tmp_path / "new", folder)
    background.finish()
    assert set(old) < set(files_in(folder))
    budgets.disk_bytes = 1
    after = use(tmp_path / "new", folder)
    background.finish()
    assert not set(old) & set(files_in(folder))
    assert len([p for p in files_in(folder) if p.suffix != ".json"]) == len(old)
    np.testing.assert_array_equal(after[0], before[0])
    assert after[1].equals(before[1])
    assert "OLD" in use(tmp_path / "old", folder)[1].index


def test_adding_makes_room(tmp_path: Path) -> None:
    budgets.disk_bytes = 10_000
    old = put(tmp_path, "old", 9000, 5)
    DiskCache(tmp_path).save("map", "little", {"x": np.zeros(10)})
    background.finish()
    assert old.exists()
    DiskCache(tmp_path).save("map", "much", {"x": np.zeros(1000)})
    assert old.exists()
    background.finish()
    assert not old.exists()
    assert len(kept_files(tmp_path)) == 2


def test_thumbnails_make_room(tmp_path: Path) -> None:
    screen_of("PLK1").write_rxrx3(tmp_path / "data")
    dataset = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
    background.finish()
    thumbnails = PlateThumbnails.open(dataset, PlateId("gene-001", 1))
    for position, channel in thumbnails.todo(range(N_POSITIONS), (1, 2)):
        thumbnails.fill([(position, channel)])
    old = put(tmp_path / "cache", "old", 100, 5)
    budgets.disk_bytes = 1000
    thumbnails.save()
    background.finish()
    assert not old.exists()
    assert "thumbnails" in {file.kind for file in kept_files(tmp_path / "cache")}


@pytest.mark.parametrize("added", [True, False])
def test_it_happens_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, added: bool
) -> None:
    monkeypatch.setattr(cache_module, "_PATIENCE", 0.1)
    cache = DiskCache(tmp_path)
    old = put(tmp_path, "old", 5000, 5)
    if added:
        (tmp_path / "budget.json").write_text('{"disk_bytes": 5000}')
        cache.save("map", "new", {"x": np.zeros(1)})
    else:
        budgets.disk_bytes = 1000
    assert call_later(lambda: not old.exists())


def test_a_number_that_is_typed_digit_by_digit_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_PATIENCE", 1.5)
    old = put(tmp_path, "old", 5000, 5)
    cache = DiskCache(tmp_path)
    for digits in ("1", "10", "100", "1000", "10000"):
        budgets.disk_bytes = int(digits)
    assert not call_later(lambda: not old.exists(), 2.5)
    assert budget_of(cache.folder) == 10_000
    assert call_later(lambda: (tmp_path / "budget.json").exists())


def test_a_program_that_ends_before_leaves_a_clean_cache(tmp_path: Path) -> None:
    old = put(tmp_path, "old", 5000, 5)
    code = (
        "import sys; import numpy as np; from pathlib import Path\n"
        "from napari_rxrx3.data.cache.budgets import budgets\n"
        "from napari_rxrx3.data.cache.disk_cache import DiskCache\n"
        "budgets.disk_bytes = 3000\n"
        "DiskCache(Path(sys.argv[1])).save('map', 'new', {'x': np.zeros(10)})"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    assert not old.exists()
    assert len(kept_files(tmp_path)) == 1


def test_work_that_waits_is_done_once_and_failures_do_not_stop_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[str] = []
    own = Background()
    own.later("a", lambda: done.append("first"), 0.3)
    own.later("a", lambda: done.append("second"), 0.0)
    own.later("b", lambda: done.append(str(1 / 0)), 0.0)
    own.later("c", lambda: done.append("much later"), 100)
    own.later("d", lambda: done.append("anew"), 0.0, anew=True)
    assert call_later(lambda: done == ["anew", "first"])
    assert "ZeroDivisionError" in caplog.text
    own.later("c", lambda: done.append("at once"), 0.0, anew=True)
    assert call_later(lambda: done == ["anew", "first", "at once"])
    own.later("e", lambda: done.append("at the end"), 100)
    own.finish()
    own.finish()
    assert done[3:] == ["at the end"]


@pytest.mark.parametrize(
    ("asked", "cores", "n"), [(1, 8, 1), (8, 1, 8), (0, 1, 4), (0, 6, 6), (0, None, 4)]
)
def test_parallel_work_is_done_by_as_many_threads_as_asked_or_as_there_are_cores(
    asked: int, cores: int | None, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four are the least, as disks and servers answer late."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    at_once = threading.Barrier(n)  # nobody goes on before so many are at work
    lock, running, most = threading.Lock(), 0, 0

    def work(job: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        at_once.wait(30)
        time.sleep(0.02)
        with lock:
            running -= 1
        return job**2

    assert list(in_threads(work, range(3 * n), asked)) == [job**2 for job in range(3 * n)]
    assert most == n


def test_parallel_work_that_nobody_waits_for_any_more_is_not_begun() -> None:
    begun: list[int] = []

    def work(job: int) -> int:
        begun.append(job)
        time.sleep(0.02)
        return job

    results = in_threads(work, range(100), 2)
    assert next(results) == 0
    results.close()
    assert len(begun) < 50


def test_programs_without_a_choice_keep_to_what_was_chosen_last(tmp_path: Path) -> None:
    budgets.disk_bytes = None
    assert budget_of(tmp_path) == DISK_BYTES == 2 * 10**9
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_rxrx3.data.cache.budgets import budgets\n"
        "from napari_rxrx3.data.cache.disk_cache import DiskCache\n"
        "budgets.disk_bytes = 70 * 10**9; DiskCache(Path(sys.argv[1])).clean()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    assert budget_of(tmp_path) == 70 * 10**9
    budgets.disk_bytes = 5
    assert budget_of(tmp_path) == 5


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"disk_bytes": -1}', '{"disk_bytes": "all"}'])
def test_a_note_that_says_nothing_is_no_budget(tmp_path: Path, note: str) -> None:
    budgets.disk_bytes = None
    (tmp_path / "budget.json").write_text(note)
    assert budget_of(tmp_path) == DISK_BYTES


@pytest.mark.parametrize("number", [-1, float("nan"), float("inf")])
def test_a_budget_is_a_number_of_bytes(number: float) -> None:
    with pytest.raises(ValueError, match="number of bytes"):
        Budgets(memory_bytes=number)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="number of bytes"):
        budgets.disk_bytes = number  # type: ignore[assignment]


def test_a_kind_that_would_never_be_removed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'pictures'"):
        DiskCache(tmp_path).save("pictures", "x", {})


def test_every_kind_of_file_has_a_name_for_people(tmp_path: Path) -> None:
    screen_of("PLK1").write_rxrx3(tmp_path / "tars")
    screen_of("PLK1").write_core(tmp_path / "core")
    screen_of("PLK1").write_embeddings(tmp_path / "core" / "vectors.parquet")
    screen_of("PLK1").write_metadata(tmp_path / "core" / "metadata.csv")
    for name in ("tars", "core"):
        use(tmp_path / name, tmp_path / "cache")
    folders = {path.parent.name for path in files_in(tmp_path / "cache")}
    assert {"tar-index", "shard-index", "vectors", "map-vectors"} <= folders <= set(KINDS)
    assert {f.path for f in kept_files(tmp_path / "cache")} == set(files_in(tmp_path / "cache"))


# --- in memory -------------------------------------------------------------------------------


def test_memory_shrinks_at_once_and_grows_again(tmp_path: Path) -> None:
    screen = screen_of("PLK1")
    screen.write_rxrx3(tmp_path / "data")
    dataset = rx.open_dataset(tmp_path / "data", cache_dir=tmp_path / "cache")
    planes = dataset.images.memory
    for well in screen.ids:
        dataset.read(well)
    of_well = screen.planes[screen.ids[0]].nbytes
    assert planes.size == len(screen.ids) * of_well
    budgets.memory_bytes = 2 * of_well
    assert planes.size == 2 * of_well
    np.testing.assert_array_equal(dataset.read(screen.ids[0]), screen.planes[screen.ids[0]])
    assert planes.size <= 2 * of_well
    budgets.memory_bytes = 100 * of_well
    for well in screen.ids:
        dataset.read(well)
    assert planes.size == len(screen.ids) * of_well


def test_the_longest_unused_arrays_go_when_memory_shrinks() -> None:
    cache = LruCache(100)
    for key in "abca":
        cache.get(key, lambda: np.zeros(10, np.uint8))
    cache.resize(20)
    assert [key in cache for key in "abc"] == [True, False, True]
    assert cache.size == 20


# --- several programs at once ----------------------------------------------------------------

CHILD = """
import os, random, sys
from pathlib import Path
import numpy as np
from napari_rxrx3.data.cache.budgets import budgets
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.parallel import Background, background
from napari_rxrx3.data.thumbnails.plate_thumbnails import PlateThumbnails
from napari_rxrx3.data.vectors.vector_store import VectorStore
import pyarrow as pa

folder, seed, n = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
choose = random.Random(seed)

def rows(i):
    def read(to):
        to.begin("file")
        for start in (0, 200):
            ids = pa.array([f"well-{k}" for k in range(start, start + 200)])
            to.add(ids, np.full((200, 4), i + 1, np.float32))
    return read

def use(cache, i):
    got = cache.arrays("map", str(i), lambda: {"x": np.full(30_000, i)})["x"]
    assert got.shape == (30_000,) and (got == i).all()
    mapped = cache.open_mapped("map-vectors", str(i))
    if mapped is None:
        mapped = cache.new_mapped("map-vectors", str(i), (2000, 8), lambda a: a.fill(i + 1))
    assert mapped.shape == (2000, 8) and (mapped == i + 1).all()
    store = VectorStore(cache, str(i), 4)
    stored = store.open() or store.build(rows(i))
    assert len(stored.well_ids) == 400 and (stored.vectors == i + 1).all()

print("ready", flush=True)
sys.stdin.readline()
for turn in range(n):
    cache = DiskCache(folder)
    use(cache, choose.randrange(6))
    for path in folder.rglob("*.np*"):
        if choose.random() < 0.5:
            try:
                os.utime(path, (1, 1))
            except FileNotFoundError:
                pass
    cache.clean()
"""

WRITER = """
import itertools, sys
from pathlib import Path
import numpy as np
import pyarrow as pa
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.vectors.vector_store import VectorStore

def fill(array):
    for start in range(0, len(array), 100):
        array[start : start + 100] = i + 1

def read(rows):
    rows.begin("file")
    for start in range(0, 40_000, 1000):
        ids = pa.array([f"well-{k}" for k in range(start, start + 1000)])
        rows.add(ids, np.full((1000, 8), i + 1, np.float32))

cache = DiskCache(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for i in itertools.cycle(range(3)):
    cache.new_mapped("map-vectors", str(i), (40_000, 8), fill)
    cache.save("map", str(i), {"x": np.full(300_000, i)})
    VectorStore(cache, str(i), 8).build(read)
"""


def children(code: str, folder: Path, turns: int, number: int) -> list[subprocess.Popen[str]]:
    """Start programs that use one cache, and let them go once all are ready."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder), str(seed), str(turns)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(number)
    ]
    for child in started:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in started:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    return started


def test_programs_that_use_and_clean_one_cache_do_not_hinder_each_other(tmp_path: Path) -> None:
    (tmp_path / "budget.json").write_text('{"disk_bytes": 700000}')
    running = children(CHILD, tmp_path, 25, number=3)
    ended = [(child.communicate(timeout=120)[1], child.returncode) for child in running]
    assert ended == [("", 0)] * 3
    assert not list(tmp_path.rglob("*.part"))
    assert kept_files(tmp_path)
    age_all(tmp_path, 2)
    DiskCache(tmp_path).clean()
    assert 0 < sum(file.n_bytes for file in kept_files(tmp_path)) <= 700_000


def test_what_another_program_used_within_the_hour_stays(tmp_path: Path) -> None:
    paths = [put(tmp_path, name, 1000, 5) for name in ("used", "unused")]
    code = (
        "import sys; from pathlib import Path\n"
        "from napari_rxrx3.data.cache.disk_cache import DiskCache\n"
        "DiskCache(Path(sys.argv[1])).load('map', 'used')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
    clean(tmp_path, 0)
    assert [path.exists() for path in paths] == [True, False]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_program_leaves_nothing_half_written_that_counts(tmp_path: Path) -> None:
    n_whole = n_halves = 0
    for i in range(8):
        (child,) = children(WRITER, tmp_path, 0, number=1)
        time.sleep(0.02 + 0.03 * i)
        child.kill()
        child.communicate(timeout=60)
        n_whole += check_whole_files(tmp_path)
        halves = list(tmp_path.rglob("*.part"))
        n_halves += len(halves)
        for part in halves:
            age(part, 25)
        clean(tmp_path, 10**9)
        assert not list(tmp_path.rglob("*.part"))
        for path in files_in(tmp_path):
            path.unlink()
    assert n_whole
    assert n_halves  # or none was killed while it wrote


def check_whole_files(folder: Path) -> int:
    """Check that all files have the content that the writer gives them; their number."""
    cache, n_read = DiskCache(folder), 0
    for i in range(3):
        arrays = cache.load("map", str(i))
        mapped = cache.open_mapped("map-vectors", str(i))
        stored = VectorStore(cache, str(i), 8).open()
        if arrays is not None:
            np.testing.assert_array_equal(arrays["x"], np.full(300_000, i))
        if mapped is not None:
            np.testing.assert_array_equal(mapped, np.full((40_000, 8), i + 1))
        if stored is not None:
            np.testing.assert_array_equal(stored.vectors, np.full((40_000, 8), i + 1))
        n_read += sum(found is not None for found in (arrays, mapped, stored))
    whole = [file for file in kept_files(folder) if not file.is_unfinished]
    # vectors without the list of their wells are whole, and written once more
    assert n_read >= len([f for f in whole if f.kind != "vectors"])
    return len(whole)


# --- disks that are full or locked -----------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    with mounted(tmp_path / "disk") as folder:
        yield folder


def vectors_of(n_wells: int) -> Callable[[VectorRows], None]:
    def read(rows: VectorRows) -> None:
        rows.begin("file")
        for start in range(0, n_wells, 1000):
            ids = pa.array([f"well-{i}" for i in range(start, start + 1000)])
            rows.add(ids, np.full((1000, 128), start, np.float32))

    return read


def test_a_full_disk_costs_speed_only(small_disk: Path) -> None:
    cache = DiskCache(small_disk / "cache")
    kept = cache.arrays("map", "small", lambda: {"x": np.arange(100)})
    filling = small_disk / "of others"
    for _ in range(2):
        large = cache.arrays("map", "large", lambda: {"x": np.arange(1_000_000)})
        np.testing.assert_array_equal(large["x"], np.arange(1_000_000))
        mapped = cache.new_mapped("map-vectors", "x", (10_000, 128), lambda a: a.fill(5))
        assert mapped.shape == (10_000, 128)
        assert (mapped == 5).all()
        stored = VectorStore(cache, "x", 128).build(vectors_of(10_000))
        assert len(stored.well_ids) == 10_000
        np.testing.assert_array_equal(stored.vectors[::1000, 0], np.arange(0, 10_000, 1000))
        assert [file.kind for file in kept_files(cache.folder)] == ["map"]
        np.testing.assert_array_equal(cache.arrays("map", "small", dict)["x"], kept["x"])
        fill_up(filling)
    filling.unlink()
    small = cache.new_mapped("map-vectors", "x", (1000, 128), lambda a: a.fill(5))
    assert isinstance(small, np.memmap)


def test_a_data_set_opens_with_its_cache_on_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    screen_of("PLK1").write_rxrx3(tmp_path / "data")
    fill_up(small_disk / "of others")
    planes, labels = use(tmp_path / "data", small_disk / "cache")
    np.testing.assert_array_equal(planes, screen_of("PLK1").planes["gene-001_1_D03"])
    assert "PLK1" in labels.index
    assert not [path for path in files_in(small_disk / "cache") if path.stat().st_size]


def test_a_locked_cache_is_used_and_left_alone(small_disk: Path, tmp_path: Path) -> None:
    budgets.disk_bytes = 1
    screen_of("PLK1").write_rxrx3(tmp_path / "data")
    before = use(tmp_path / "data", small_disk / "cache")
    age_all(small_disk / "cache", 30)
    files = files_in(small_disk)
    mount("-o", "remount,ro", str(small_disk))
    after = use(tmp_path / "data", small_disk / "cache")
    DiskCache(small_disk / "cache").clean()
    assert {file.path for file in empty(small_disk / "cache")} == set(files)
    assert files_in(small_disk) == files
    np.testing.assert_array_equal(after[0], before[0])
    assert after[1].equals(before[1])


# --- the command -----------------------------------------------------------------------------


def test_the_command_says_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = default_cache_folder()
    assert main(["cache"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(folder)
    put(folder, "a", 1_500_000, 0, "vectors")
    put(folder, "b", 20_000, 0, "map")
    put(folder, "c", 10, 0, "map")
    demo = b.write(demo_folder() / "metadata.csv", b"precious")
    (folder / "budget.json").write_text('{"disk_bytes": 5000000000}')
    assert main(["cache", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(folder),
        "budget_bytes": 5 * 10**9,
        "kinds": {
            "vectors": {"files": 1, "bytes": 1_500_000},
            "map": {"files": 2, "bytes": 20_010},
        },
    }
    assert main(["cache"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        [*KINDS["vectors"].split(), "1", "1.5", "MB"],
        [*KINDS["map"].split(), "2", "20.0", "kB"],
        ["all", "3", "1.5", "MB", "of", "5.0", "GB"],
    ]
    assert main(["cache", "--clear"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["all", "0", "0", "B", "of", "5.0", "GB"]]
    assert not kept_files(folder)
    assert demo.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(999, "999 B"), (1000, "1.0 kB"), (10**6, "1.0 MB"), (10**9, "1.0 GB")]
)
def test_round_sizes_are_told_in_the_larger_unit(n_bytes: int, words: str) -> None:
    assert described([], n_bytes).endswith(f"0 B of {words}")


def test_emptying_spares_what_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    part = b.write(default_cache_folder() / "vectors" / f".{'a' * 32}.part", b"half")
    done = put(default_cache_folder(), "a", 10, 0)
    assert main(["cache", "--clear"]) == 0
    assert "being written" in capsys.readouterr().out
    assert part.exists()
    assert not done.exists()


def test_making_more_thumbnails_than_fit_is_said_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen_of("PLK1").write_rxrx3(tmp_path / "data")
    for n_bytes, words in ((600_000, ""), (500_000, "Thumbnails of 1 plate take about 0.")):
        budgets.disk_bytes = n_bytes
        assert main(["thumbnails", str(tmp_path / "data")]) == 0
        out, err = capsys.readouterr()
        assert "1 plate: " in out
        assert words in err
        assert bool(err) == bool(words)
