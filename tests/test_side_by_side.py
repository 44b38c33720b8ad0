"""Computations at once: results in order, errors and stops that reach all of them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.core.forking import Lock
from napari_rxrx3.core.progress import Progress, holding, silent
from napari_rxrx3.data.parallel import side_by_side


@pytest.fixture(params=[1, 2, 5])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("os.cpu_count", lambda: request.param)
    return int(request.param)


def working(seconds: float, answer: str, said: str = "working") -> object:
    def job(report: Progress) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            report(1, 2, said)
            time.sleep(0.01)
        return answer

    return job


def test_results_are_in_the_order_of_the_jobs(cores: int) -> None:
    jobs = [working(0.2, "a"), working(0, "b"), working(0.1, "c")]
    assert side_by_side(jobs, silent) == ["a", "b", "c"]


def test_the_first_that_goes_on_is_reported_in_the_caller_s_thread(cores: int) -> None:
    heard: list[tuple[str, int]] = []

    def progress(done: int, total: int, text: str) -> None:
        heard.append((text, threading.get_ident()))

    side_by_side([working(0.4, "a", "first"), working(0.8, "b", "second")], progress)
    assert {thread for _, thread in heard} == {threading.get_ident()}
    texts = [text for text, _ in heard if text != "preparing"]
    assert set(texts) == {"first", "second"}
    assert texts == sorted(texts)  # never to and fro


def test_a_stop_reaches_all_and_nothing_goes_on(cores: int) -> None:
    ended = threading.Event()

    def job(report: Progress) -> None:
        try:
            working(60, "")(report)  # type: ignore[operator]
        except Cancelled:
            ended.set()
            raise

    began = time.monotonic()

    def stop(done: int, total: int, text: str) -> None:
        if time.monotonic() > began + 0.3:
            raise Cancelled("stopped by the test")

    with pytest.raises(Cancelled, match="by the test"):
        side_by_side([job, job], stop)
    assert ended.is_set()
    assert not [t for t in threading.enumerate() if t.name.startswith("rxrx3-compute")]


def test_an_error_stops_the_others_and_is_raised(cores: int) -> None:
    def broken(report: Progress) -> None:
        raise ZeroDivisionError

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        side_by_side([broken, working(30, "")], silent)
    assert time.monotonic() < began + 20


_NESTED = """
import os
os.cpu_count = lambda: 2
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
from napari_rxrx3.core.progress import silent
from napari_rxrx3.data.parallel import side_by_side

def n_blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}

def nested(report):
    side_by_side([lambda report: 0, lambda report: 0], report)
    return n_blas_threads()

before = n_blas_threads()
assert side_by_side([nested, nested], silent) == [{1}, {1}]
assert n_blas_threads() == before
try:
    side_by_side([lambda report: 1 // 0, nested], silent)
except ZeroDivisionError:
    assert n_blas_threads() == before
    print("as before")
"""


def test_linear_algebra_has_its_threads_back() -> None:
    """In a process of its own: what other tests have loaded may keep its threads."""
    run = subprocess.run(
        [sys.executable, "-c", _NESTED], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.stdout == "as before\n", run.stderr


def test_who_waits_for_another_s_work_can_be_stopped() -> None:
    lock = Lock()
    lock.acquire()

    def stop(done: int, total: int, text: str) -> None:
        raise Cancelled("stopped by the test")

    began = time.monotonic()
    with pytest.raises(Cancelled), holding(lock, stop):
        raise AssertionError("another has it")
    assert time.monotonic() < began + 5
    lock.release()
    with holding(lock, stop):
        assert not lock.acquire(timeout=0.01)
    assert lock.acquire(timeout=1)
