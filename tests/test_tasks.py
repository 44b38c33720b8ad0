"""Work in the background: the newest request wins, and what is stopped stays stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_rxrx3.core.errors import Cancelled, MapError
from napari_rxrx3.gui.work.debounce import LeadingDebounce
from napari_rxrx3.gui.work.task_group import TaskGroup
from napari_rxrx3.gui.work.tasks import Tasks

Progress = Callable[[int, int, str], None]


class Slow:
    """Work that waits to be let go on, and notes how it ended."""

    def __init__(self, result: str) -> None:
        self.result = result
        self.begun, self.may_go_on, self.ended = (threading.Event() for _ in range(3))
        self.was_stopped = False

    def __call__(self, progress: Progress) -> str:
        self.begun.set()
        assert self.may_go_on.wait(20)
        try:
            progress(1, 2, f"half of {self.result}")
        except Cancelled:
            self.was_stopped = True
            raise
        finally:
            self.ended.set()
        return self.result

    def let_go(self) -> None:
        self.may_go_on.set()
        assert self.ended.wait(20)


@pytest.fixture
def tasks(qapp: Any) -> Iterator[Tasks]:
    tasks = Tasks()
    yield tasks
    tasks.close(wait=True)


@pytest.fixture
def heard() -> list[str]:
    """What was brought back."""
    return []


def fail(sentence: str) -> None:
    raise AssertionError(sentence)


def test_a_result_is_brought_to_the_gui_thread(tasks: Tasks, qtbot: Any) -> None:
    threads: list[object] = []

    def work(progress: Progress) -> object:
        return threading.current_thread()

    def done(worker: object) -> None:
        threads.extend((worker, threading.current_thread()))

    tasks.run("work", work, done, fail)
    qtbot.waitUntil(lambda: tasks.is_idle)
    worker, gui = threads
    assert worker is not gui
    assert gui is threading.main_thread()


def test_only_the_newest_of_a_name_is_heard(tasks: Tasks, qtbot: Any, heard: list[str]) -> None:
    old, new, other = Slow("old"), Slow("new"), Slow("other")
    tasks.run("list", old, heard.append, fail, "making the old")
    assert old.begun.wait(20)
    assert tasks.status == (0, 0, "making the old")
    tasks.run("list", new, heard.append, fail)
    assert tasks.status is None
    tasks.run("card", other, heard.append, fail)
    for work in (new, old, other):
        work.let_go()
    qtbot.waitUntil(lambda: tasks.is_idle)
    qtbot.wait(20)
    assert sorted(heard) == ["new", "other"]
    assert old.was_stopped
    assert tasks.status is None


def test_a_failure_that_was_overtaken_is_not_heard(
    tasks: Tasks, qtbot: Any, heard: list[str]
) -> None:
    begun, may_fail = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        begun.set()
        assert may_fail.wait(20)
        raise MapError("It went wrong.")

    tasks.run("list", work, heard.append, heard.append)
    assert begun.wait(20)
    tasks.run("list", lambda progress: "new", heard.append, heard.append)
    may_fail.set()
    qtbot.waitUntil(lambda: tasks.is_idle)
    qtbot.wait(20)
    assert heard == ["new"]


def test_errors_are_told_in_a_sentence(
    tasks: Tasks, qtbot: Any, heard: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(progress: Progress) -> None:
        raise MapError("There are no embeddings.")

    def break_(progress: Progress) -> None:
        raise ZeroDivisionError("division by zero")

    for name, work in (("refused", refuse), ("broken", break_)):
        tasks.run(name, work, fail, heard.append)
        qtbot.waitUntil(lambda: tasks.is_idle)
    assert heard == ["There are no embeddings.", "Unexpected ZeroDivisionError: division by zero"]
    (record,) = caplog.records
    assert "'broken'" in record.getMessage(), "a bug is logged with its traceback"


def test_the_oldest_work_that_has_words_is_told(tasks: Tasks, qtbot: Any) -> None:
    silent, first, second = Slow("silent"), Slow("first"), Slow("second")
    tasks.run("silent", silent, id, fail)
    assert tasks.status is None
    tasks.run("first", first, id, fail, "reading")
    tasks.run("second", second, id, fail, "comparing")
    assert tasks.status == (0, 0, "reading")
    first.let_go()
    qtbot.waitUntil(lambda: tasks.status == (0, 0, "comparing"))
    second.let_go()
    silent.let_go()
    qtbot.waitUntil(lambda: tasks.is_idle)
    assert tasks.status is None


def test_thousands_of_steps_are_told_now_and_then_and_the_last_of_them_in_any_case(
    tasks: Tasks, qtbot: Any
) -> None:
    told: list[object] = []
    tasks.changed.connect(lambda: told.append(tasks.status))
    reported, may_end = threading.Event(), threading.Event()

    def work(progress: Progress) -> None:
        for step in range(1, 3001):
            progress(step, 3000, "reading")
        reported.set()
        assert may_end.wait(20)

    tasks.run("open", work, id, fail, "opening")
    assert reported.wait(20)
    qtbot.waitUntil(lambda: tasks.status == (3000, 3000, "reading"))
    may_end.set()
    qtbot.waitUntil(lambda: tasks.is_idle)
    assert told[0] == (0, 0, "opening")
    assert told[-2:] == [(3000, 3000, "reading"), None]
    assert len(told) < 100


def test_the_user_stops_what_is_told_and_nothing_else(
    tasks: Tasks, qtbot: Any, heard: list[str]
) -> None:
    silent, shown = Slow("silent"), Slow("shown")
    stopped: list[str] = []
    tasks.stopped.connect(stopped.append)
    tasks.run("contrast", silent, heard.append, fail)
    tasks.run("open", shown, heard.append, fail, "opening")
    assert silent.begun.wait(20)
    assert shown.begun.wait(20)
    tasks.cancel_shown()
    assert stopped == ["open"]
    assert tasks.status is None
    shown.let_go()
    silent.let_go()
    qtbot.waitUntil(lambda: tasks.is_idle)
    qtbot.wait(20)
    assert shown.was_stopped
    assert heard == ["silent"]


def test_nothing_is_heard_once_it_is_closed(qtbot: Any, heard: list[str]) -> None:
    before = set(threading.enumerate())
    tasks, running = Tasks(), [Slow(str(i)) for i in range(4)]
    for work in running:
        tasks.run(work.result, work, heard.append, fail)
    assert all(work.begun.wait(20) for work in running)
    tasks.run("queued", lambda progress: heard.append("ran"), fail, fail)
    tasks.close()
    for work in running:
        work.let_go()
    qtbot.waitUntil(lambda: set(threading.enumerate()) <= before)
    qtbot.wait(20)
    assert all(work.was_stopped for work in running)
    assert heard == []


def test_what_is_asked_for_too_late_is_not_begun(qtbot: Any, heard: list[str]) -> None:
    tasks = Tasks()
    tasks.close(wait=True)
    tasks.run("late", lambda progress: heard.append("begun"), heard.append, heard.append, "late")
    qtbot.wait(20)
    assert heard == []
    assert tasks.is_idle
    assert tasks.status is None


def test_no_timer_is_left_once_it_is_closed(qtbot: Any) -> None:
    """Python's collector may take it in any thread, and there no timer can be stopped."""
    tasks, work = Tasks(), Slow("picture")
    timers = tasks.findChildren(QTimer)
    assert timers
    tasks.run("work", lambda progress: [progress(1, 2, "half"), work(progress)], fail, fail)
    qtbot.waitUntil(lambda: any(timer.isActive() for timer in timers))
    tasks.close()
    assert not any(timer.isActive() for timer in timers)
    work.let_go()


# -- all that goes on for a part of the window ----------------------------------------------------


class Source:
    told = Signal()


class Worker:
    """Who works until it is told that this is enough."""

    def __init__(self) -> None:
        self.is_idle = False
        self.closed: list[bool] = []

    def close(self, wait: bool = False) -> None:
        self.closed.append(wait)


@pytest.fixture
def group(tasks: Tasks) -> TaskGroup:
    return TaskGroup(tasks)


def test_a_group_is_settled_once_all_of_it_is(group: TaskGroup, tasks: Tasks, qtbot: Any) -> None:
    part, owner, slow, worker = group.part(), QObject(), Slow("list"), Worker()
    assert group.is_settled
    tasks.run("other", other := Slow("of somebody else"), id, fail)
    assert group.is_settled, "it is not a task of the group"
    part.run("list", slow, id, fail)
    assert not group.is_settled
    slow.let_go()
    qtbot.waitUntil(lambda: group.is_settled)
    part.add(worker)
    assert not group.is_settled
    worker.is_idle = True
    assert group.is_settled
    shown: list[bool] = []
    part.settled_if(lambda: bool(shown))
    timer = part.timer(owner, 10, lambda: shown.append(True))
    assert not group.is_settled
    timer.start()
    qtbot.waitUntil(lambda: group.is_settled)
    assert shown == [True]
    other.let_go()


def test_a_part_is_ended_alone_and_once(
    group: TaskGroup, tasks: Tasks, qtbot: Any, heard: list[str]
) -> None:
    part, owner, slow, other = group.part(), QObject(), Slow("list"), Slow("other")
    worker, source = part.add(Worker()), Source()
    part.connections(owner).connect(source.told, lambda: heard.append("told"))
    part.timer(owner, 0, lambda: heard.append("later")).start()
    part.at_end(lambda: heard.append("last"))
    part.at_end(source.told.emit)
    part.run("list", slow, heard.append, fail)
    group.run("other", other, heard.append, fail)
    assert slow.begun.wait(20)
    part.end(wait=True)
    assert heard == ["last", "told"], "the last is done while all is there"
    source.told.emit()
    slow.let_go()
    other.let_go()
    qtbot.waitUntil(lambda: group.is_settled)
    qtbot.wait(20)
    part.end()
    assert heard == ["last", "told", "other"]
    assert worker.closed == [True]


def test_a_group_closes_without_what_qt_destroyed(group: TaskGroup, qtbot: Any) -> None:
    part, owner = group.part(), QObject()
    worker = part.add(Worker())
    part.timer(owner, 10_000, fail)
    part.at_end(lambda: fail("nobody is there"))
    debounce = part.add(LeadingDebounce(lambda: None, owner))
    debounce.throttle()
    debounce.throttle()
    owner.deleteLater()
    qtbot.wait(20)
    group.close()
    assert group.is_settled
    assert worker.closed == [False]
    part.end()


class Bell:
    rung = Signal()


def test_a_closed_group_hears_nothing_though_its_window_is_still_there(group: TaskGroup) -> None:
    bell, owner, heard = Bell(), QObject(), []
    connections = group.part().connections(owner)
    connections.connect(bell.rung, lambda: heard.append(1))
    bell.rung.emit()
    group.close()
    bell.rung.emit()
    assert heard == [1]


def test_work_that_stops_by_itself_ends_and_is_said(
    tasks: Tasks, qtbot: Any, heard: list[str]
) -> None:
    """As when it asks another piece of work that was stopped."""

    def work(progress: Progress) -> None:
        raise Cancelled("A newer request took over.")

    tasks.run("work", work, lambda _: fail("it has no result"), heard.append)
    qtbot.waitUntil(lambda: tasks.is_idle)
    assert heard == ["It was stopped."]
