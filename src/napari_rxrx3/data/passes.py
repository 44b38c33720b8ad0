"""Passes over images: what is done once for all of a data set, container by container.

A pass is cut into tasks, one for each container of images, so that whoever does one opens only
that container. A task writes its file whole or not at all, and one whose file is there is not done
again: a pass that was stopped goes on where it stood, and machines may share it. It runs in
threads here, on a dask cluster, or as one of several parts, each of which may run anywhere.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import uuid4

from napari_rxrx3.core.errors import Cancelled, RxRx3Error
from napari_rxrx3.core.progress import Progress, silent
from napari_rxrx3.core.stopping import current_stop, finished
from napari_rxrx3.core.words import count
from napari_rxrx3.data.files.local import mark_in
from napari_rxrx3.data.parallel import use_cores

if TYPE_CHECKING:
    from distributed import Client, Event, Future

    from napari_rxrx3.data.welldata import WellData

__all__ = ["ALL_OF_IT", "Done", "ImagePass", "PassSummary", "Share", "Task", "cluster", "run_pass"]

_ASKED_S = 0.2
_PATIENCE_S = 10
_RETRIES = 3
_GOODBYE_S = 0.2
_LOST = (
    "The dask scheduler does not answer any more. What was done so far stays: start again, and the "
    "rest is done."
)
_NO_WORKERS = "waiting for workers of the dask scheduler"

_SHARE = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class Task:
    """What is done at once: `n_images` of one container, or of one plate; `words` call it."""

    words: str
    n_images: int


@dataclass
class Done:
    """What became of a task: how many things were written, what else is counted, what failed.

    A task may be done though some of it failed; one that is not left no file, and is tried again
    by the next pass. What is `found`, by the task, is told to whoever started the pass.
    """

    n_written: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    is_whole: bool = True
    found: dict[Any, Any] = field(default_factory=dict)


def _not_done(task: Task, error: object) -> Done:
    return Done(failures=[f"{task.words}: {error}"], is_whole=False)


TaskT = TypeVar("TaskT", bound=Task)


class ImagePass(Protocol, Generic[TaskT]):
    """What is done in a pass; it and its tasks travel to other machines."""

    def tasks(self, dataset: WellData) -> Sequence[TaskT]:
        """All of it, the same each time and everywhere."""
        ...

    def folder_of(self, dataset: WellData) -> Path:
        """Where the files of tasks are written."""
        ...

    def is_done(self, task: TaskT) -> bool:
        """Whether the file of a task is there."""
        ...

    def do(self, dataset: WellData, task: TaskT, progress: Progress) -> Done:
        """Write the file of a task, whole or not at all.

        `progress` is called with (done, total, text), both in images, and may raise to stop.
        """
        ...


class Share(NamedTuple):
    """One of several parts of a pass, counted from 1."""

    number: int = 1
    of: int = 1

    @classmethod
    def from_text(cls, text: str) -> Share:
        """The share that is written like ``3/100``.

        Raises
        ------
        RxRx3Error
            If it is written otherwise, or there is no such part.
        """
        match = _SHARE.fullmatch(text.strip())
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise RxRx3Error(f"{text!r} is no part such as 3/100, the third of a hundred.")
        return cls(int(match[1]), int(match[2]))


ALL_OF_IT = Share()


@dataclass
class PassSummary:
    """What a pass has done.

    Attributes
    ----------
    n_tasks, n_before, n_open : int
        How many tasks there were, of how many the file was there before, and of how many there is
        none now.
    n_written : int
        How many things, such as crops, were written.
    counts : Counter of str
        What else the pass counts.
    failures : list of str
        What could not be, a sentence each.
    found : dict
        What tasks found, where it is not in their files, by the task.
    tasks : sequence of Task
        All of them, in their order.
    """

    n_tasks: int
    n_before: int = 0
    n_open: int = 0
    n_written: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    found: dict[Any, Any] = field(default_factory=dict, repr=False)
    tasks: Sequence[Any] = field(default=(), repr=False, compare=False)

    def add(self, done: Done) -> None:
        self.n_open += not done.is_whole
        self.n_written += done.n_written
        self.counts += done.counts
        self.failures += done.failures
        self.found |= done.found

    def words(self, what: str) -> str:
        """One line for a person, about written things of this name."""
        were = "was" if self.n_before == 1 else "were"
        before = f" ({self.n_before:,} {were} there)" if self.n_before else ""
        said = f"{count(self.n_tasks, 'plate')}{before}: {count(self.n_written, what)} written"
        if left_out := len(self.failures) - self.n_open:
            said += f", {left_out:,} left out"
        if self.n_open:
            said += f"; {count(self.n_open, 'plate')} not written, to be tried again"
        return f"{said}."


def run_pass(
    dataset: WellData,
    work: ImagePass[TaskT],
    *,
    client: Client | None = None,
    share: Share = ALL_OF_IT,
    progress: Progress | None = None,
) -> PassSummary:
    """Do what is not done yet of a pass, or of a share of it.

    Parameters
    ----------
    client : distributed.Client, optional
        Where to do it, if not in threads here. Its workers must see the data, and the place that is
        written to, under the same path or address. What a lost worker had begun is done again.
        The first one that does not see them ends the pass with a sentence.
    share : Share
        Every n-th task; who does the others need not know of this one.
    progress : callable, optional
        Called with (done, total, text), both in images; may raise to stop.

    Returns
    -------
    PassSummary
    """
    dataset = dataset.held()  # in a window another field may be shown meanwhile
    tasks = work.tasks(dataset)[share.number - 1 :: share.of]
    open_ones = [task for task in tasks if not work.is_done(task)]
    summary = PassSummary(len(tasks), len(tasks) - len(open_ones), tasks=tasks)
    report = progress or silent
    if client is None:
        _here(dataset, work, open_ones, summary, report)
    else:
        _on_cluster(dataset, work, open_ones, summary, report, client)
    return summary


def _here(
    dataset: WellData,
    work: ImagePass[TaskT],
    tasks: Sequence[TaskT],
    summary: PassSummary,
    progress: Progress,
) -> None:
    """One task after the other, each of which uses all cores."""
    total, before = sum(task.n_images for task in tasks), 0
    for task in tasks:

        def of_task(done: int, _: int, text: str, before: int = before) -> None:
            progress(before + done, total, text)

        summary.add(_done(dataset, work, task, of_task))
        before += task.n_images


def _done(dataset: WellData, work: ImagePass[TaskT], task: TaskT, progress: Progress) -> Done:
    progress(0, task.n_images, task.words)
    try:
        done = work.do(dataset, task, progress)
        progress(task.n_images, task.n_images, task.words)  # what a stop has cut short is not done
        return done
    except Cancelled:
        raise
    except (RxRx3Error, OSError) as error:
        return _not_done(task, error)


# --- on a cluster --------------------------------------------------------------------------------


@contextmanager
def cluster(address: str | None = None, file: str | None = None) -> Iterator[Client | None]:
    """The dask cluster at an address, or that a file or dask's own settings name; else None.

    Raises
    ------
    RxRx3Error
        If it does not answer, or distributed is not installed.
    """
    import dask.config  # loads much

    if not (address or file or dask.config.get("scheduler-address", None)):
        yield None
        return
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise RxRx3Error(
            "Work on other machines needs dask.distributed: pip install napari-rxrx3[distributed]"
        ) from None
    where = str(file or address or dask.config.get("scheduler-address"))
    client = _connected(where, address, file)
    try:
        yield client
    finally:
        _without_waiting(lambda: client.close(timeout=_GOODBYE_S))


def _connected(where: str, address: str | None, file: str | None) -> Client:
    """A client, unless whoever asked stops waiting for it."""
    from distributed import Client

    stop = current_stop()

    def connect() -> Client:
        client = Client(address, scheduler_file=file, timeout=_PATIENCE_S, set_as_default=False)
        if stop is not None and stop.is_set:  # nobody hears of it any more
            client.close(timeout=_GOODBYE_S)
        return client

    try:
        return finished(connect)
    except (OSError, ValueError, TypeError, AssertionError) as error:  # the last: a busy computer
        why = " ".join(str(error).split()) or "this computer is too busy to ask it"
        raise RxRx3Error(f"The dask scheduler {where} does not answer ({why}).") from error


def _without_waiting(act: Callable[[], object]) -> None:
    """Tell a scheduler something; one that is gone, or silent, is not waited for."""

    def tell() -> None:
        with suppress(Exception):  # a connection that is broken raises anything
            act()

    thread = Thread(target=tell, name="rxrx3-scheduler", daemon=True)
    thread.start()
    thread.join(_GOODBYE_S)


def _on_cluster(
    dataset: WellData,
    work: ImagePass[TaskT],
    tasks: Sequence[TaskT],
    summary: PassSummary,
    progress: Progress,
    client: Client,
) -> None:
    from distributed import Event

    if not tasks:
        return
    stop = Event(f"napari-rxrx3-{uuid4().hex}", client)
    how = {"pure": False, "retries": _RETRIES}
    futures: dict[Future, TaskT] = {}
    try:
        with client.as_current(), mark_in(work.folder_of(dataset)) as mark:
            # once to the scheduler, not with each task: it may know all wells of a screen
            job = client.submit(_itself, _Job(dataset.__reduce__(), work, stop.name, mark), **how)
            futures |= {client.submit(_on_worker, job, task, **how): task for task in tasks}
            _collect(client, futures, summary, progress, mark)
    except BaseException as error:
        _without_waiting(stop.set)
        _without_waiting(lambda: client.cancel(list(futures)))
        if isinstance(error, Exception) and _is_lost(error):
            raise RxRx3Error(_LOST) from error
        raise


def _is_lost(error: Exception) -> bool:
    """Whether the connection to the scheduler is the reason."""
    return not isinstance(error, Cancelled | RxRx3Error) and (
        isinstance(error, OSError | TimeoutError) or type(error).__name__.endswith("CancelledError")
    )


def _collect(
    client: Client,
    futures: dict[Future, TaskT],
    summary: PassSummary,
    progress: Progress,
    mark: Path | None,
) -> None:
    from distributed import wait

    total, done, sees = sum(task.n_images for task in futures.values()), 0, False
    open_ones = set(futures)
    while open_ones:
        text = f"{count(len(open_ones), 'part')} left"
        progress(done, total, text if done or _has_workers(client) else _NO_WORKERS)
        if client.status != "running":
            raise RxRx3Error(_LOST)
        try:
            ended, open_ones = wait(list(open_ones), _ASKED_S, "FIRST_COMPLETED")
        except TimeoutError:
            continue
        if mark is not None:
            with suppress(OSError):
                mark.touch()  # or it is tidied up after a day
        for future in ended:
            if not sees:  # once one does, another one is no reason to lose the rest
                error = future.exception()
                _require_sight(error)
                sees = error is None
            summary.add(_result(future, futures[future]))
            done += futures[future].n_images


def _has_workers(client: Client) -> bool:
    return bool(finished(client.nthreads))


def _result(future: Future, task: Task) -> Done:
    """What a worker answered; one that was lost again and again is no reason to lose the rest."""
    error = future.exception()
    if error is None:
        done: Done = future.result()
        return done
    if isinstance(error, Cancelled):
        raise error
    return _not_done(task, error)


class _NotSeen(RxRx3Error):
    """A worker does not see the data, or the place that is written to."""


def _require_sight(error: BaseException | None) -> None:
    """Raise with one sentence what would be wrong with each of the tasks."""
    if isinstance(error, _NotSeen):
        raise error
    if isinstance(error, ImportError):
        why = " ".join(str(error).split())
        raise RxRx3Error(
            f"The workers of the dask cluster cannot load napari-rxrx3 ({why}): install there what "
            "is installed here."
        ) from error


class _Job(NamedTuple):
    """What all tasks of a pass have in common, as it travels to workers.

    Attributes
    ----------
    opening : (callable, arguments)
        How pickle opens the data set; here it is opened by hand, to say what a worker misses.
    work : ImagePass
    stop : str
        Name of the event.
    mark : Path or None
        A file that is there where results are written.
    """

    opening: Any
    work: Any
    stop: str
    mark: Path | None


def _itself(job: _Job) -> _Job:
    """As a task of its own it is made again if the worker that holds it is lost."""
    return job


def _on_worker(job: _Job, task: Task) -> Done:
    from distributed import Event, get_client, get_worker

    worker = get_worker()
    if worker.nanny:  # the process is all its own, as are those on the other cores
        use_cores(worker.state.nthreads)
    open_it, where = job.opening
    try:
        dataset = open_it(*where)
        if job.mark is not None and not job.mark.exists():
            raise OSError(f"{job.mark.parent} is another folder there, or none")
    except (RxRx3Error, OSError) as error:
        raise _NotSeen(
            f"The worker {worker.address} does not see what this computer does ({error}). "
            "The data, and the folder that is written to, must have the same path there."
        ) from None
    if job.work.is_done(task):  # by a worker that was taken for lost
        return Done()
    return _done(dataset, job.work, task, _Heard(Event(job.stop, get_client())))


class _Heard:
    """A progress that asks the scheduler now and then whether to stop."""

    def __init__(self, stop: Event) -> None:
        self._stop, self._next = stop, 0.0

    def __call__(self, *_: Any) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _ASKED_S
            if self._stop.is_set():
                raise Cancelled("The pass was stopped.")
