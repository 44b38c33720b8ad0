"""Stop, Ctrl-C and quitting are heard at once, whatever a server does meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import napari_rxrx3 as rx
from builders import Screen, Store, control_row, guide_row, noise, served
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.stopping import Stop, bound, check, finished, interruptible, pause, under
from napari_rxrx3.data.cache.memory import LruCache, one
from napari_rxrx3.data.parallel import Threads, in_threads
from napari_rxrx3.gui.work.tasks import Tasks
from pulse import work_of
from samples import soak

HEARD_S, GONE_S = 3.0, 8.0
"""Far more than it takes at rest, as tests share processors; who is not heard waits for 20 s."""
HELD_S = 1.0
"""Most that something may hold a process that is on its way out, however busy the machine."""
WELL = "gene-001_1_D05"
STEPS = ("screen/metadata.csv", "vectors.parquet", "Plate1.tar")
WAYS = ("silent", "trickle")

MAIN = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from napari_rxrx3.cli import main; raise SystemExit(main())"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [control_row("gene-001", 1, f"C{column:02d}") for column in range(3, 9)]
    rows += [guide_row("gene-001", 1, f"D{c:02d}", gene) for c, gene in ((5, "PLK1"), (6, "TUBB"))]
    screen = Screen.of(rows, dim=4)
    screen.planes = {WELL: noise(WELL, 32, "uint16")}
    root = tmp_path_factory.mktemp("served") / "screen"
    screen.write_metadata(root / "metadata.csv")
    screen.write_embeddings(root / "vectors.parquet")
    screen.write_tars(root)
    return root


class Late(Store):
    """A server that is well until something of a name is asked for the `nth` time."""

    def __init__(self, part: str, way: str, nth: int = 1) -> None:
        super().__init__()
        self.part, self.way, self.nth, self.is_waiting = part, way, nth, threading.Event()

    def __call__(self, path: str) -> str:
        self.asked.append(path)
        if self.part not in path or sum(self.part in each for each in self.asked) < self.nth:
            return ""
        self.is_waiting.set()
        if self.way == "silent":
            assert self.let_go.wait(120)
            return "drop"
        return self.way


@pytest.fixture
def late(folder: Path) -> Iterator[Callable[..., tuple[Late, str]]]:
    with pytest.MonkeyPatch.context(), suppress(BrokenPipeError):
        made: list[Any] = []

        def make(part: str, way: str, nth: int = 1) -> tuple[Late, str]:
            store = Late(part, way, nth)
            server = served(folder.parent, True, store)
            made.append((store, server))
            return store, f"{server.__enter__()}/screen"

        yield make
        for store, server in made:
            store.let_go.set()
            server.__exit__(None, None, None)


# --- the parts --------------------------------------------------------------------------------


def in_vain() -> None:
    """Wait as for a server that stays silent."""
    threading.Event().wait(30)


def stopped_after(work: Callable[[], Any], seconds: float = 0.2) -> float:
    """Do some work that would last, stop it, and tell how long it went on."""
    stop = Stop()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(bound(work, stop))
        time.sleep(seconds)
        assert not future.done()
        stop.set()
        begin = time.monotonic()
        assert isinstance(future.exception(10), Cancelled)
        return time.monotonic() - begin


many = Threads(4, "test")


@pytest.mark.parametrize(
    "work",
    [
        lambda: finished(in_vain),
        lambda: pause(30),
        lambda: list(in_threads(lambda _: finished(in_vain), range(20))),
        lambda: many.map(lambda _: finished(in_vain), range(20)),
    ],
    ids=["an answer", "a pause", "threads", "a pool"],
)
def test_what_waits_hears_that_it_is_stopped(work: Callable[[], Any]) -> None:
    assert stopped_after(work) < HEARD_S


def test_leaving_a_loop_stops_what_waits_in_it() -> None:
    def answer(number: int) -> int:
        return number if number == 0 else finished(lambda: in_vain() or 1)

    begin = time.monotonic()
    for _ in in_threads(answer, range(9)):
        break
    assert time.monotonic() - begin < HEARD_S


def test_answers_and_errors_come_back() -> None:
    assert finished(lambda: 5) == 5
    with pytest.raises(ZeroDivisionError):
        finished(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0)
    assert interruptible(lambda: 5) == 5


def test_some_seconds_more_may_be_had() -> None:
    stop = Stop()
    stop.set(0.3)
    with under(stop):
        check()
        assert finished(lambda: time.sleep(0.1) or "here") == "here"
        with pytest.raises(Cancelled):
            pause(10)
    check()


def test_a_part_stops_with_the_whole() -> None:
    whole = Stop()
    part = Stop(whole)
    assert not part.is_set
    whole.set()
    assert part.is_set


def test_who_is_stopped_leaves_the_work_to_those_who_wait_for_it() -> None:
    cache, stop, begun = LruCache(4, one), Stop(), threading.Event()

    def first() -> str:
        begun.set()
        return finished(lambda: in_vain() or "never")

    with ThreadPoolExecutor(2) as pool:
        stopped = pool.submit(bound(lambda: cache.get("a", first), stop))
        assert begun.wait(10)
        other = pool.submit(lambda: cache.get("a", lambda: "here"))
        stop.set()
        assert other.result(5) == "here"
        assert isinstance(stopped.exception(5), Cancelled)


# --- a data set -------------------------------------------------------------------------------


def everything(url: str, cache: Path) -> None:
    dataset = rx.open_dataset(url, cache)
    dataset.phenomap(align="none")
    dataset.check()


ANY = ""
REQUESTS = [(step, 1) for step in STEPS] + [soak((ANY, nth)) for nth in (1, 2, 3, 5, 8)]
"""What is asked for, and the how manieth of the requests for it gets no answer."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("request_", REQUESTS, ids=str)
def test_a_task_is_over_within_moments(
    late: Callable[..., tuple[Late, str]],
    tmp_path: Path,
    qapp: Any,
    way: str,
    request_: tuple[str, int],
) -> None:
    part, nth = request_
    store, url = late(part, way, nth)
    tasks, over = Tasks(), threading.Event()

    def work(progress: Any) -> None:
        try:
            everything(url, tmp_path)
        finally:
            over.set()

    tasks.run("work", work, id, id, "working")
    assert store.is_waiting.wait(20), f"it was asked for {store.asked}"
    time.sleep(0.2)
    begin = time.monotonic()
    tasks.cancel_shown()
    assert over.wait(10)
    assert time.monotonic() - begin < HEARD_S
    begin = time.monotonic()
    tasks.close(wait=True)
    assert time.monotonic() - begin < HEARD_S


@pytest.mark.each(3)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no Ctrl-C to one process")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("step", STEPS)
def test_one_ctrl_c_ends_the_command_line(
    late: Callable[..., tuple[Late, str]], tmp_path: Path, way: str, step: str
) -> None:
    store, url = late(step, way)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "nearest" if "vectors" in step else "check", url]
        + (["PLK1"] if "vectors" in step else []),
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert store.is_waiting.wait(60)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        begin = time.monotonic()
        _, said = process.communicate(timeout=20)
        assert time.monotonic() - begin < GONE_S
    finally:
        process.kill()
    assert process.returncode == 130
    assert said == ""


WINDOW = """
import atexit
import sys
import napari
from qtpy.QtCore import QTimer
from napari_rxrx3.gui.docking import dock_explorer

viewer = napari.Viewer()
explorer = dock_explorer(viewer)
explorer.open_path(sys.argv[1])

def close():
    print("tasks", *explorer.workspace.tasks.running, flush=True)
    viewer.close()

asked = QTimer()
asked.timeout.connect(lambda: sys.stdin.readline() and close())
asked.setSingleShot(True)
asked.start(500)
napari.run()
print("closed", flush=True)
atexit.register(print, "over", flush=True)
"""


def idle_until_gone(process: subprocess.Popen[str]) -> float:
    """Seconds for which the main thread of a process that ends just waits, as Linux tells."""
    begin, first = time.monotonic(), work_of(process.pid)
    last = first
    while process.poll() is None and time.monotonic() - begin < 20:
        last = max(last, work_of(process.pid))
        time.sleep(0.01)
    assert process.poll() is not None, "it does not end"
    return time.monotonic() - begin - (last - first) if sys.platform == "linux" else 0.0


@pytest.mark.soak
@pytest.mark.qt
@pytest.mark.parametrize("way", ["silent", soak("trickle")])
@pytest.mark.parametrize(
    "step", ["screen/metadata.csv", soak("vectors.parquet"), soak("Plate1.tar")]
)
def test_a_closed_window_leaves_no_process(
    late: Callable[..., tuple[Late, str]], tmp_path: Path, way: str, step: str
) -> None:
    store, url = late(step, way)
    process = subprocess.Popen(
        [sys.executable, "-c", WINDOW, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
    )
    try:
        assert store.is_waiting.wait(120)
        process.stdin.write("close\n")
        process.stdin.flush()
        said = [line.strip() for line in iter(process.stdout.readline, "closed\n")]
        assert "tasks open" in said
        begin = time.monotonic()
        assert process.stdout.readline() == "over\n", "all threads are"
        assert time.monotonic() - begin < GONE_S
        assert idle_until_gone(process) < HELD_S, "Python takes apart what there is, and waits not"
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
