"""Processes that work for this one: messages, failures in words, and no orphans."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import psutil
import pytest

from napari_rxrx3.data.images import jpeg2000
from napari_rxrx3.data.worker_process import Worker, WorkerFailed, WorkerProcessError
from napari_rxrx3.maps.projection import umap_worker

ECHO = """
def work(channel):
    while (message := channel.receive()) is not None:
        channel.send({"words": message.words}, message.content[::-1])
"""
COMPILED = "pow(3, 10**9)"  # which never looks for a signal, and holds Python's lock


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


@pytest.mark.parametrize("content", [b"", b"abc", bytes(range(256)) * 20_000])
def test_words_and_bytes_go_there_and_back(tmp_path: Path, content: bytes) -> None:
    worker = Worker(script(tmp_path, ECHO))
    try:
        for words in ({}, {"n": 3, "text": "naïve\n", "list": [1, 2.5, None]}):
            worker.send(words, content)
            answer = worker.receive()
            assert answer.words == {"words": words}
            assert answer.content == content[::-1]
    finally:
        worker.end()
    assert worker.process.poll() is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def work(channel): raise ValueError('these\\n vectors')", "ValueError: these vectors"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("work = None", "TypeError: 'NoneType' object is not callable"),
    ],
)
def test_an_error_of_the_script_is_told(tmp_path: Path, text: str, said: str) -> None:
    worker = Worker(script(tmp_path, text))
    with pytest.raises(WorkerFailed) as caught:
        worker.receive()
    assert str(caught.value) == said
    worker.end()


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("os._exit(3)", "ended with code 3"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "ended by SIGKILL; the memory may be too small"),
        ("channel._sink.write(bytes(30)); os._exit(0)", "ended with code 0"),
    ],
)
def test_how_a_worker_ended_is_told(tmp_path: Path, last: str, said: str) -> None:
    worker = Worker(script(tmp_path, f"import os, signal\ndef work(channel): {last}"))
    with pytest.raises(WorkerProcessError) as caught:
        for _ in worker.listen(0.05):
            pass
    assert str(caught.value) == said
    assert not isinstance(caught.value, WorkerFailed)
    worker.end()


def test_what_is_printed_is_no_answer(tmp_path: Path) -> None:
    text = """
    import os, sys
    def work(channel):
        print("no answer")
        os.write(1, b"no answer")
        os.write(2, b"x" * 1_000_000)
        channel.send({"done": 1})
    """
    worker = Worker(script(tmp_path, text))
    assert worker.receive().words == {"done": 1}
    worker.end()


def test_silence_is_told_and_a_busy_worker_ends_at_once(tmp_path: Path) -> None:
    text = f"""
    def work(channel):
        channel.send({{"begun": True}})
        {COMPILED}
    """
    worker = Worker(script(tmp_path, text))
    answers = worker.listen(0.05)
    while next(answers) is None:
        pass
    assert next(answers) is None
    start = time.monotonic()
    worker.end()
    assert time.monotonic() - start < 5
    assert worker.process.poll() is not None
    assert not [t for t in threading.enumerate() if t.name == "rxrx3-script"]


def test_a_python_that_is_no_python_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for executable, said in ((str(tmp_path / "napari"), "no Python of its own"), (None, "brings")):
        monkeypatch.setattr(sys, "executable", executable)
        with pytest.raises(WorkerProcessError, match=said):
            Worker(script(tmp_path, ECHO))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(WorkerProcessError, match=r"cannot be started \("):
        Worker(script(tmp_path, ECHO))


def test_a_worker_finds_what_this_process_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "only_here.py").write_text("x = 5", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    text = "import only_here\ndef work(channel): channel.send({'x': only_here.x})"
    worker = Worker(script(tmp_path, text))
    assert worker.receive().words == {"x": 5}
    worker.end()


@pytest.mark.parametrize("of", [jpeg2000.__file__, str(umap_worker._SCRIPT)])
def test_a_worker_loads_little(tmp_path: Path, of: str) -> None:
    text = f"""
    import importlib.util, sys
    spec = importlib.util.spec_from_file_location("other", {of!r})
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    def work(channel):
        channel.send({{"loaded": sorted(sys.modules)}})
    """
    worker = Worker(script(tmp_path, text))
    loaded = {name.partition(".")[0] for name in worker.receive().words["loaded"]}
    worker.end()
    assert "marshal" in loaded
    assert not loaded & {"napari_rxrx3", "pandas", "numpy", "qtpy", "napari", "subprocess"}


PROGRAM = """
import sys
from pathlib import Path
from napari_rxrx3.data.worker_process import Worker
worker = Worker(Path(sys.argv[1]), ends_with_thread=sys.argv[2] == "thread")
worker.receive()
print(worker.process.pid, flush=True)
worker.receive()
"""
WAITING = {
    "for a message": ("channel.receive()", "", "any"),
    "while it works": ("time.sleep(100)", "channel.end_at_eof()", "any"),
    "in compiled code": (COMPILED, "channel.end_at_eof()", "linux"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
@pytest.mark.parametrize("where", WAITING)
def test_a_worker_ends_when_its_program_is_killed(tmp_path: Path, where: str) -> None:
    last, first, platform = WAITING[where]
    if platform not in ("any", sys.platform):
        pytest.skip("only Linux ends a process with another one")
    text = f"""
    import time
    def work(channel):
        {first or "pass"}
        channel.send({{}})
        {last}
    """
    path = script(tmp_path, text)
    how = "thread" if platform == "linux" else "pipe"
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), how], stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        process = psutil.Process(int(program.stdout.readline()))
        assert process.is_running()
        program.send_signal(signal.SIGKILL)
        program.wait()
        _, alive = psutil.wait_procs([process], timeout=20)
        assert not alive


@pytest.mark.soak
def test_workers_outlive_the_thread_that_started_them(tmp_path: Path) -> None:
    started: list[Worker] = []
    thread = threading.Thread(target=lambda: started.append(Worker(script(tmp_path, ECHO))))
    thread.start()
    thread.join()
    time.sleep(0.2)
    started[0].send({"still": "there"})
    assert started[0].receive().words == {"words": {"still": "there"}}
    started[0].end()
