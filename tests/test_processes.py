"""Data sets, maps and images in other processes: forked, started, and of pools and schedulers."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import time
from multiprocessing import get_all_start_methods
from pathlib import Path
from textwrap import dedent
from typing import Any

import cloudpickle
import dask
import numpy as np
import pytest

import napari_rxrx3 as rx
from builders import Screen, control_row, guide_row, noise
from napari_rxrx3.core.forking import Lock, _Gate
from napari_rxrx3.data.cache.memory import LruCache, one
from samples import soak

WELLS = ["gene-001_1_D05", "gene-001_1_D06", "gene-001_1_D07"]
FORMS = ["write_folders", "write_tars", "write_core"]
needs_fork = pytest.mark.skipif("fork" not in get_all_start_methods(), reason="nothing forks here")


def a_screen(dtype: str = "uint16") -> Screen:
    rows = [control_row("gene-001", 1, f"C{column:02d}") for column in range(3, 9)]
    genes = zip(WELLS, ("PLK1", "PSMB5", "TUBB"), strict=True)
    rows += [guide_row("gene-001", 1, well.rpartition("_")[2], gene) for well, gene in genes]
    screen = Screen.of(rows, dim=4)
    rng = np.random.default_rng(1)
    for row in rows:
        screen.vectors[row["well_id"]] = rng.normal(size=4).astype("float32")
    for well in WELLS:
        screen.planes[well] = noise(well, 32, dtype)
    return screen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return a_screen().write_rxrx3(tmp_path / "a screen")


def sums() -> dict[str, int]:
    return {well: int(noise(well, 32, "uint16").sum()) for well in WELLS}


def ran(script: str, tmp_path: Path, *arguments: object) -> str:
    """What a program prints that does as users' programs do; it has 60 seconds."""
    file = tmp_path / "program.py"
    file.write_text(dedent(script))
    command = [sys.executable, str(file), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


POOL = """
    import multiprocessing, sys, threading
    import napari_rxrx3 as rx

    def work(job):
        dataset, well = job
        return int((dataset or mine).read(well).sum())

    is_over = threading.Event()

    def looks_on():
        while not is_over.is_set():
            for well in wells:
                mine.read(well), mine.thumbnail(well), mine.preview(well, 1), mine.wells

    if __name__ == "__main__":
        method, path, cache, *wells = sys.argv[1:]
        mine = rx.open_dataset(path, cache_dir=cache)
        mine.phenomap(align="none").nearest("PLK1")
        mine.read(wells[0]), mine.thumbnail(wells[0]), mine.preview(wells[0], 1)
        lookers = [threading.Thread(target=looks_on) for _ in range(3)]
        for looker in lookers:
            looker.start()
        sent = None if method == "fork" else mine
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(*pool.map(work, [(sent, well) for well in wells]))
        is_over.set()  # Python does not end well under threads that go on
        for looker in lookers:
            looker.join()
"""


@pytest.mark.first_example
@pytest.mark.parametrize("method", get_all_start_methods())
def test_workers_read_what_their_parent_has_open(root: Path, tmp_path: Path, method: str) -> None:
    said = ran(POOL, tmp_path, method, root, tmp_path / "cache", *WELLS)
    assert [int(word) for word in said.split()] == list(sums().values())


@pytest.mark.first_example
@needs_fork
@pytest.mark.parametrize("form", FORMS)
def test_a_child_has_what_its_parent_has_not_read(tmp_path: Path, form: str) -> None:
    script = """
        import os, sys
        import napari_rxrx3 as rx

        path, cache, first, second = sys.argv[1:]
        dataset = rx.open_dataset(path, cache_dir=cache)
        dataset.read(first), dataset.thumbnail(first), dataset.preview(first, 1)
        if os.fork() == 0:
            print(dataset.read(second).shape, dataset.preview(second, 1).shape, flush=True)
            print(dataset.phenomap(align="none").nearest("PLK1")["key"].tolist(), flush=True)
            os._exit(0)
        assert os.wait()[1] == 0
    """
    screen = a_screen("uint8" if form == "write_core" else "uint16")
    root = tmp_path / "screen"
    screen.write_metadata(root / "metadata.csv")
    getattr(screen, form)(root)
    screen.write_plate_embeddings(root)
    said = ran(script, tmp_path, root, tmp_path / "cache", *WELLS[:2])
    assert said.splitlines()[0] == "(6, 32, 32) (64, 64)"
    assert "TUBB" in said


@needs_fork
def test_a_lock_that_a_thread_holds_is_free_in_a_child(tmp_path: Path) -> None:
    script = """
        import os, threading
        from napari_rxrx3.core.forking import Lock
        from napari_rxrx3.data.cache.memory import LruCache, one

        lock, kept, never = Lock(), LruCache(2, one), threading.Event()
        kept.put("known", 1)
        for work in (lock.acquire, lambda: kept.get("asked", never.wait)):
            threading.Thread(target=work, daemon=True).start()
        while lock.acquire(0.01) or not kept._running:
            pass
        if os.fork() == 0:
            assert lock.acquire(5)
            assert kept.get("known", None) == 1
            assert kept.get("asked", lambda: 2) == 2
            print("done", flush=True)
            os._exit(0)
        assert os.wait()[1] == 0
        os._exit(0)
    """
    assert ran(script, tmp_path) == "done\n"


@needs_fork
def test_a_fork_waits_for_what_is_being_read(tmp_path: Path) -> None:
    script = """
        import os, threading, time
        from napari_rxrx3.core.forking import not_while_forking

        begun, ended = threading.Event(), []

        def reads():
            with not_while_forking(), not_while_forking():
                begun.set()
                time.sleep(0.3)
                ended.append(1)

        threading.Thread(target=reads).start()
        begun.wait()
        with not_while_forking():  # who forks does not wait for itself
            child = os.fork()
        if child == 0:
            with not_while_forking():
                print(len(ended), flush=True)
            os._exit(0)
        assert os.wait()[1] == 0
        with not_while_forking():
            print("parent")
    """
    assert ran(script, tmp_path) == "1\nparent\n"


def test_forking_lets_nobody_begin_while_it_waits_for_those_who_work() -> None:
    """Or it would wait for ever for one after another."""
    gate = _Gate()
    works, may_end, has_begun, is_shut = (threading.Event() for _ in range(4))

    def first() -> None:
        gate.enter()
        works.set()
        may_end.wait(30)
        gate.leave()

    def second() -> None:
        gate.enter()
        has_begun.set()
        gate.leave()

    def forks() -> None:
        gate.shut()
        is_shut.set()
        assert not has_begun.is_set()
        gate.open()

    threads = [threading.Thread(target=target, daemon=True) for target in (first, forks, second)]
    threads[0].start()
    assert works.wait(30)
    threads[1].start()
    time.sleep(0.2)  # it waits by then
    threads[2].start()
    assert not has_begun.wait(0.3)
    assert not is_shut.is_set()
    may_end.set()
    assert is_shut.wait(30)
    assert has_begun.wait(30)
    for thread in threads:
        thread.join(30)


def test_locks_and_memories_work_in_the_process_that_makes_them() -> None:
    lock, kept = Lock(), LruCache(2, one)
    with lock:
        assert not lock.acquire(0)
    for key in "abc":
        kept.put(key, key)
    kept.renew()
    assert (kept.size, "a" in kept, "c" in kept) == (2, False, True)
    assert Lock(threading.RLock).acquire()


@pytest.mark.parametrize("package", [pickle, cloudpickle])
def test_what_travels_is_an_address(root: Path, tmp_path: Path, package: object) -> None:
    dataset = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    phenomap = dataset.phenomap(align="none")
    image = dataset.image(WELLS[1])
    sent = (
        package.dumps((dataset, phenomap))
        if package is pickle
        else cloudpickle.dumps((dataset, phenomap, image))
    )
    assert len(sent) < 20_000
    other, map_of_other, *images = package.loads(sent)
    assert np.array_equal(other.read(WELLS[0]), dataset.read(WELLS[0]))
    assert map_of_other.spec == phenomap.spec
    assert map_of_other.nearest("PLK1").equals(phenomap.nearest("PLK1"))
    for found in images:
        assert np.array_equal(found.compute(), dataset.read(WELLS[1]))
    assert package.loads(package.dumps(dataset)) is other, "all that is sent of one is one"


@pytest.mark.first_example
@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_images_are_computed_by_every_scheduler(root: Path, tmp_path: Path, scheduler: str) -> None:
    dataset = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    images = [dataset.image(well).sum() for well in WELLS]
    assert list(dask.compute(*images, scheduler=scheduler)) == list(sums().values())


def test_a_lazy_image_names_what_is_wrong_in_another_process(tmp_path: Path) -> None:
    a_screen().write_folders(tmp_path / "screen")
    image = rx.open_dataset(tmp_path / "screen", cache_dir=tmp_path / "cache").image(WELLS[0])
    (file,) = (tmp_path / "screen").rglob("D05_s1_w2.png")
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(rx.ImageUnavailable, match=f"{WELLS[0]}, channel 2.*D05_s1_w2.png"):
        image.compute(scheduler="processes")


@pytest.mark.parametrize("package", [pickle, cloudpickle])
def test_a_lazy_image_travels(root: Path, tmp_path: Path, package: Any) -> None:
    image = rx.open_dataset(root, cache_dir=tmp_path / "cache").image(WELLS[0])
    for _ in range(2):
        image = pickle.loads(package.dumps(image))  # noqa: S301
    assert int(image.sum().compute()) == sums()[WELLS[0]]


@pytest.mark.soak
def test_joblib_reads(root: Path, tmp_path: Path) -> None:
    script = """
        import sys
        import joblib
        import napari_rxrx3 as rx

        path, cache, *wells = sys.argv[1:]
        dataset = rx.open_dataset(path, cache_dir=cache)
        read = joblib.delayed(lambda well: int(dataset.read(well).sum()))
        print(*joblib.Parallel(2)(map(read, wells)))
    """
    said = ran(script, tmp_path, root, tmp_path / "cache", *WELLS)
    assert [int(word) for word in said.split()] == list(sums().values())


def test_who_changes_a_table_changes_that_table(root: Path, tmp_path: Path) -> None:
    dataset = rx.open_dataset(root, cache_dir=tmp_path / "cache")
    phenomap = dataset.phenomap(align="none")
    gives = [lambda: dataset.wells, lambda: dataset.plates, lambda: phenomap.scores]
    gives += [lambda: dataset.known_wells, lambda: dataset.known_plates]
    gives += [lambda: phenomap.labels, lambda: phenomap.nearest("PLK1")]
    for give in gives:
        before, changed = give().copy(), give()
        changed["mine"] = 1
        changed.iloc[0, 0] = changed.iloc[-1, 0]
        del changed[changed.columns[1]]
        assert give().equals(before)


@needs_fork
def test_a_child_computes_what_its_parent_computed_by_threads(root: Path, tmp_path: Path) -> None:
    """Dask would give the work to threads that the child does not have."""
    script = """
        import multiprocessing, sys
        import numpy as np
        import napari_rxrx3 as rx

        path, cache, *wells = sys.argv[1:]
        dataset = rx.open_dataset(path, cache_dir=cache)
        images = [dataset.image(well) for well in wells]
        np.asarray(images[0])
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(*(int(image.sum()) for image in pool.map(np.asarray, images)))
    """
    said = ran(script, tmp_path, root, tmp_path / "cache", *WELLS)
    assert [int(word) for word in said.split()] == list(sums().values())


@pytest.mark.soak
@pytest.mark.parametrize("backend", [soak("loky"), "threading", soak("multiprocessing")])
def test_joblib_is_sent_data_sets_and_maps(root: Path, tmp_path: Path, backend: str) -> None:
    script = """
        import sys
        import joblib
        import napari_rxrx3 as rx

        def work(dataset, map_of_it, well):
            return int(dataset.read(well).sum()), map_of_it.nearest("PLK1")["key"].tolist()

        if __name__ == "__main__":
            path, cache, backend, *wells = sys.argv[1:]
            dataset = rx.open_dataset(path, cache_dir=cache)
            phenomap = dataset.phenomap(align="none")
            jobs = (joblib.delayed(work)(dataset, phenomap, well) for well in wells)
            for total, keys in joblib.Parallel(2, backend=backend)(jobs):
                assert keys == phenomap.nearest("PLK1")["key"].tolist()
                print(total)
    """
    said = ran(script, tmp_path, root, tmp_path / "cache", backend, *WELLS)
    assert [int(word) for word in said.split()] == list(sums().values())


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["processes", "threads"])
def test_a_cluster_of_dask_reads(root: Path, tmp_path: Path, kind: str) -> None:
    script = """
        import sys
        import dask
        from dask.distributed import Client, LocalCluster
        import napari_rxrx3 as rx

        def work(dataset, well):
            return int(dataset.read(well).sum())

        if __name__ == "__main__":
            path, cache, kind, *wells = sys.argv[1:]
            dataset = rx.open_dataset(path, cache_dir=cache)
            phenomap = dataset.phenomap(align="none")
            options = {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": None}
            options |= {"processes": kind == "processes"}
            with LocalCluster(**options) as cluster, Client(cluster) as client:
                sent = client.gather([client.submit(work, dataset, well) for well in wells])
                lazy = dask.compute(*(dataset.image(well).sum() for well in wells))
                assert sent == list(map(int, lazy))
                keys = client.submit(lambda m: m.nearest("PLK1")["key"].tolist(), phenomap)
                assert keys.result() == phenomap.nearest("PLK1")["key"].tolist()
                opened = client.submit(rx.open_dataset, path, cache).result()
                assert work(opened, wells[0]) == sent[0]
                try:
                    client.submit(work, dataset, "gene-001_1_Z09").result()
                except rx.RxRx3Error as error:
                    assert "gene-001_1_Z09" in str(error)
            print(*sent)
    """
    said = ran(script, tmp_path, root, tmp_path / "cache", kind, *WELLS)
    assert [int(word) for word in said.split()] == list(sums().values())
