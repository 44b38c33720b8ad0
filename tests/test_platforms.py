"""Written for Windows and macOS as well: what of it Linux can tell."""

from __future__ import annotations

import ast
import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import builders as b
import napari_rxrx3 as rx
from napari_rxrx3.core.errors import HitsError, RxRx3Error
from napari_rxrx3.data.cache.disk_cache import DiskCache
from napari_rxrx3.data.files.local import put_in_place, written_atomically
from napari_rxrx3.data.thumbnails.prepare import prepare
from napari_rxrx3.figures.figure import save_figure
from napari_rxrx3.figures.ome_tiff import files_for, save_planes
from napari_rxrx3.figures.record import record_of, write_record
from napari_rxrx3.gui.results import save_text
from napari_rxrx3.hits.owner import Owner
from napari_rxrx3.hits.places import hits_path, queue_path
from napari_rxrx3.hits.review import open_review
from napari_rxrx3.hits.table import export_csv
from napari_rxrx3.session import Session
from windows_like import refuse_what_is_in_use

PACKAGE = Path(rx.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
SOURCES = {file.relative_to(PACKAGE).as_posix(): file.read_text(encoding="utf-8") for file in FILES}

# --- the code --------------------------------------------------------------------------------

UNIX_MODULES = {*("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog")}
WINDOWS_MODULES = {"msvcrt", "winreg", "winsound", "_winapi"}
UNIX_NAMES = {
    "os": {
        *("fork", "forkpty", "getuid", "geteuid", "getgid", "getegid", "getpgid", "killpg"),
        *("setsid", "setuid", "mkfifo", "mknod", "nice", "sysconf", "statvfs", "uname", "wait"),
        *("waitpid", "chown", "lchown", "posix_spawn", "getloadavg", "sched_getaffinity"),
        *("O_DIRECT", "O_NONBLOCK", "O_NOFOLLOW", "O_SYNC", "O_CLOEXEC", "O_DIRECTORY"),
        *("WNOHANG", "getpriority", "setpriority", "pipe2", "sendfile", "posix_fallocate"),
    },
    "signal": {
        *("SIGKILL", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE", "SIGQUIT"),
        *("alarm", "setitimer", "pthread_sigmask"),
    },
    "time": {"tzset", "clock_gettime"},
}
GUARDS = re.compile(r"sys\.platform|os\.name|hasattr\(|platform\.system")
UNIX_PLACES = re.compile(r"(?:^|\s)/(?:tmp|dev|proc|home|usr|etc|var|run|sys)(?:/|\b)")


def guarded_nodes(tree: ast.AST) -> set[ast.AST]:
    """All that is below a question for the platform, or where a failed import is caught."""
    safe: set[ast.AST] = set()
    for node in ast.walk(tree):
        asks = isinstance(node, ast.If | ast.IfExp) and GUARDS.search(ast.unparse(node.test))
        catches = isinstance(node, ast.Try) and any(
            re.search("ImportError|AttributeError", ast.unparse(handler.type or node))
            for handler in node.handlers
        )
        if asks or catches:
            safe |= set(ast.walk(node))
        if isinstance(node, ast.FunctionDef) and returns_early(node):
            safe |= set(ast.walk(node))
    return safe


def returns_early(function: ast.FunctionDef) -> bool:
    """A function that begins with: elsewhere there is nothing to do."""
    questions = (node for node in function.body[:2] if isinstance(node, ast.If))
    return any(
        GUARDS.search(ast.unparse(node.test)) and isinstance(node.body[0], ast.Return)
        for node in questions
    )


def unportable(source: str) -> Iterator[str]:
    """What is only on some systems, and is used without asking which this one is."""
    tree = tree_of(source)
    safe = guarded_nodes(tree)
    for node in ast.walk(tree):
        if node in safe:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None)
            names = {module} if module else {alias.name for alias in node.names}
            yield from (str(name) for name in names & (UNIX_MODULES | WINDOWS_MODULES))
        if isinstance(node, ast.Attribute):
            module = getattr(node.value, "id", "")
            yield from (f"{module}.{n}" for n in UNIX_NAMES.get(module, ()) if n == node.attr)
        if isinstance(node, ast.Constant) and UNIX_PLACES.search(str(node.value)):
            yield f"{node.value!r} in line {node.lineno}"


@pytest.mark.source
def test_what_some_systems_lack_is_asked_for() -> None:
    bad = {name: list(unportable(source)) for name, source in SOURCES.items()}
    assert {name: found for name, found in bad.items() if found} == {}


@cache
def tree_of(source: str) -> ast.Module:
    return ast.parse(source)


def calls(source: str) -> Iterator[tuple[ast.Call, str, dict[str, str]]]:
    """Each call with the name of what is called and its keywords."""
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
            yield node, name, {str(word.arg): ast.unparse(word.value) for word in node.keywords}


def is_text_mode(call: ast.Call, name: str, words: dict[str, str]) -> tuple[bool, bool]:
    """Whether a call opens a file as text, and whether it does for writing."""
    if isinstance(call.func, ast.Attribute) and name in ("read_text", "write_text"):
        return True, name == "write_text"
    if name not in ("open", "fdopen"):
        return False, False
    constants = [a.value for a in call.args if isinstance(a, ast.Constant)]
    modes = [m for m in constants if isinstance(m, str) and re.fullmatch(r"[rwaxbt+]+", m)]
    of_a_path = isinstance(call.func, ast.Name) or "Path(" in ast.unparse(call.func)
    mode = words.get("mode", modes[0] if modes else "").strip("'")
    if re.search(r"\b(?:archive|tarfile|tar|zipfile)\.", ast.unparse(call.func)):
        return False, False  # members are bytes
    is_text = "b" not in mode and bool(mode or (of_a_path and "opener" not in words))
    return is_text, is_text and bool(set(mode) & set("wax"))


def untold(source: str) -> Iterator[str]:
    """Texts whose encoding or line ends would be those of the system."""
    for call, name, words in calls(source):
        is_text, writes = is_text_mode(call, name, words)
        told = "encoding" in words and (not writes or "newline" in words)
        if is_text and not told:
            yield f"{name} in line {call.lineno}"
        if name == "to_csv" and "lineterminator" not in words and not is_ours(call):
            yield f"to_csv in line {call.lineno}"
        starts = "subprocess" in ast.unparse(call.func)
        if starts and {"text", "universal_newlines"} & set(words) and "encoding" not in words:
            yield f"{name} in line {call.lineno}"


def is_ours(call: ast.Call) -> bool:
    """Whether it is a method of ours that is called like that of pandas."""
    return not call.keywords and bool(
        re.search(r"self|answer|made|heat_map", ast.unparse(call.func))
    )


@pytest.mark.source
def test_texts_have_one_encoding_and_one_kind_of_line_ends() -> None:
    assert [f"{name}: {bad}" for name, source in SOURCES.items() for bad in untold(source)] == []


def bad_programs(source: str) -> Iterator[str]:
    """Forks, and programs that are not Python started anew; moves that Windows refuses."""
    if re.search(r"^\s*(?:import|from) multiprocessing|ProcessPoolExecutor", source, re.M):
        yield "multiprocessing, which may fork"
    for call, name, words in calls(source):
        called = ast.unparse(call.func)
        if called == "os.rename" or (name == "rename" and re.search("(?i)path|file|temp", called)):
            yield f"rename in line {call.lineno}, which on Windows does not replace"
        if not called.startswith("subprocess."):
            continue
        if not ast.unparse(call.args[0]).startswith("[sys.executable, "):
            yield f"another program in line {call.lineno}"
        if {"preexec_fn", "pass_fds", "start_new_session", "shell"} & set(words):
            yield f"unportable options in line {call.lineno}"
        if "creationflags" not in words:
            yield f"a console on Windows in line {call.lineno}"


@pytest.mark.source
def test_programs_are_python_itself_and_nothing_is_forked() -> None:
    assert [f"{n}: {bad}" for n, source in SOURCES.items() for bad in bad_programs(source)] == []


@pytest.mark.source
@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "from resource import getrusage",
        "import os\nos.nice(3)",
        "import signal\nsignal.SIGKILL",
        "place = '/tmp/x'",
        "import os\nif os.path:\n    os.fork()",
    ],
)
def test_unportable_code_would_be_found(code: str) -> None:
    assert list(unportable(code))


@pytest.mark.source
@pytest.mark.parametrize(
    "code",
    [
        "import sys\nif sys.platform != 'win32':\n    import fcntl",
        "import os\nif hasattr(os, 'nice'):\n    os.nice(3)",
        "getattr(os, 'O_NONBLOCK', 0)",
        "def f():\n    if not sys.platform.startswith('linux'):\n        return\n    os.fork()",
        "said = 'and/or, n/a, 1/2'",
    ],
)
def test_portable_code_is_let_through(code: str) -> None:
    assert not list(unportable(code))


@pytest.mark.source
@pytest.mark.parametrize(
    "code",
    [
        "from multiprocessing import Pool",
        "os.rename(a, b)",
        "temporary.rename(path)",
        "subprocess.run(['git'], creationflags=0)",
        "subprocess.Popen([sys.executable, x])",
    ],
)
def test_such_programs_would_be_found(code: str) -> None:
    assert list(bad_programs(code))


@pytest.mark.source
@pytest.mark.parametrize(
    "code",
    [
        "open('x')",
        "path.open('w', encoding='utf-8')",
        "path.read_text()",
        "path.write_text(x, encoding='utf-8')",
        "table.to_csv(path)",
        "subprocess.run(x, text=True)",
    ],
)
def test_texts_that_are_left_to_the_system_would_be_found(code: str) -> None:
    assert list(untold(code))


# --- names of files --------------------------------------------------------------------------

RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)", re.I)
ODD = st.text(min_size=1, max_size=300) | st.sampled_from(
    ["CON", "nul", "com1", "COM¹", "lpt9", "aux.", "a.", "a ", " a", "..", ".", "a:b", "a|b?*<>"]
)


def assert_good_everywhere(path: Path) -> None:
    for part in path.parts:
        assert not set(part) & set('<>:"/\\|?*') - {"/"} or part == "/"
        assert all(character >= " " for character in part)
        assert not RESERVED.match(part)
        assert not part.endswith((".", " "))
        assert len(part.encode("utf-8", "surrogateescape")) <= 255
        assert PureWindowsPath(part).parts == (part,) or part == "/"


@given(ODD, ODD)
@example("CON", "com²")
@example("x" * 300, "é" * 300)
@example("...", " ")
def test_files_of_hits_have_names_that_every_system_takes(dataset: str, reviewer: str) -> None:
    owner = Owner(reviewer, dataset, "0123456789abcdef", "anywhere", None)  # type: ignore[arg-type]
    path = hits_path(Path(), owner)
    assert_good_everywhere(path)
    assert_good_everywhere(queue_path(path))
    assert len(path.parts) == 2


@given(st.lists(ODD, min_size=2, max_size=6, unique=True))
@example(["Gene-001_1_B02", "gene-001_1_B02"])
@example(["a b", "a_b", "A_b", "a_b_2"])
def test_planes_of_wells_go_to_files_that_every_system_tells_apart(wells: list[str]) -> None:
    files = files_for("planes.ome.tif", wells)
    assert len({str(file).casefold() for file in files.values()}) == len(wells)
    for file in files.values():
        assert not set(file.name) & set('<>:"/\\|?*')


def test_kept_files_have_names_that_every_system_takes(tmp_path: Path) -> None:
    data = rx.open_dataset(a_screen().write_rxrx3(tmp_path / "data"), tmp_path / "cache")
    data.phenomap().nearest("PLK1")
    prepare(data, list(data.listed.slices), lambda *_: None)
    kept = [path.relative_to(tmp_path / "cache") for path in (tmp_path / "cache").rglob("*")]
    assert len(kept) > 8
    for path in kept:
        assert_good_everywhere(path)
    assert max(len(str(path)) for path in kept) < 80  # Windows takes 260 in all
    assert len({str(path).casefold() for path in kept}) == len(kept)


def test_a_tilde_is_the_home_folder_or_part_of_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    a_screen().write_rxrx3(tmp_path / "data")
    assert len(rx.open_dataset("~/data").wells) == len(a_screen().ids)
    with pytest.raises(RxRx3Error, match=r"~nobody-is-called-so.* does not exist\.$"):
        rx.open_dataset("~nobody-is-called-so/data")


# --- files that somebody has open ------------------------------------------------------------


def a_screen() -> b.Screen:
    rows = [b.control_row("gene-001", 1, f"B{c:02d}") for c in range(2, 10)]
    for line, gene in (("C", "PLK1"), ("D", "MTOR")):
        rows += [b.guide_row("gene-001", 1, f"{line}{c:02d}", gene, c) for c in range(2, 5)]
    return b.Screen.of(rows, 32)


@pytest.fixture
def data(tmp_path: Path) -> Any:
    folder = a_screen().write_rxrx3(tmp_path / "data")
    return rx.open_dataset(folder, tmp_path / "cache")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


IN_USE = "another program has it open, or you may not replace it"


def refusals(patch: pytest.MonkeyPatch, folder: Path, times: int) -> list[str]:
    """Have so many moves into a folder be refused, as when something looks into a new file.

    Threads that others left behind may write elsewhere meanwhile.
    """
    real, refused = os.replace, []

    def replace(source: Any, target: Any, **options: Any) -> None:
        if len(refused) < times and Path(target).is_relative_to(folder):
            refused.append(str(target))
            raise PermissionError(errno.EACCES, "Access is denied", str(source), 5, str(target))
        real(source, target, **options)

    patch.setattr(os, "replace", replace)
    return refused


def test_what_is_open_for_a_moment_is_replaced_a_moment_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = b.write(tmp_path / "file", b"old")
    refused = refusals(monkeypatch, tmp_path, 2)
    with written_atomically(path) as temporary:
        temporary.write_bytes(b"new")
    assert len(refused) == 2
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["file"]


def test_what_stays_open_is_left_as_it_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = b.write(tmp_path / "file", b"old")
    refusals(monkeypatch, tmp_path, 1000)
    with pytest.raises(OSError, match=IN_USE), written_atomically(path) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_another_trouble_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / "nothing", tmp_path / "file")


WRITERS: dict[str, Callable[[Any, Path], object]] = {
    "a table of hits": lambda data, path: export_csv([], data, "me", path),
    "a session": lambda data, path: write_record(path, record(data)),
    "a figure": lambda data, path: save_figure(path, data, record(data), overwrite=True),
    "planes": lambda data, path: save_planes(path, data, [data.wells.index[0]], overwrite=True),
}
ENDINGS = {"a figure": "png", "planes": "ome.tif", "a session": "json", "a table of hits": "csv"}


def record(data: Any) -> Any:
    session = Session()
    session.open(data)
    session.select_well(data.wells.index[0])
    return record_of(session)


@pytest.mark.first_example
@pytest.mark.parametrize("what", WRITERS)
def test_a_file_that_stays_open_elsewhere_is_one_sentence(
    what: str, data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = b.write(tmp_path / "out" / f"mine.{ENDINGS[what]}", b"old")
    with monkeypatch.context() as patch:
        refusals(patch, tmp_path, 1000)
        with pytest.raises(RxRx3Error, match=r"mine.*another program has it.*\.$") as caught:
            WRITERS[what](data, path)
        assert str(caught.value).count("\n") == 0
    assert path.read_bytes() == b"old"
    assert names_in(path.parent) == [path.name]
    refusals(monkeypatch, tmp_path, 1)
    WRITERS[what](data, path)
    assert path.read_bytes() != b"old"


def test_a_list_that_stays_open_elsewhere_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = b.write(tmp_path / "mine.csv", b"old")
    refusals(monkeypatch, tmp_path, 4)
    assert save_text(path, "a\n") == f"{path} cannot be written: {IN_USE}."
    assert path.read_bytes() == b"old"
    assert save_text(path, "a\nb\udcff\n") == f"Saved {path}."
    assert path.read_bytes() == b"a\nb?\n"


def test_tags_wait_for_a_file_that_is_open_elsewhere(
    data: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = open_review(data, "me", tmp_path / "hits")
    first, second, *_ = data.wells.index
    review.tag(first, 1)
    with monkeypatch.context() as patch:
        refusals(patch, tmp_path, 1000)
        review.tag(second, 2)
        assert f"cannot be saved in {review.path}: {IN_USE}." in review.trouble
    assert review.hit(second).tag == 2
    kept = json.loads(review.path.read_text(encoding="utf-8"))
    assert len(kept["hits"]) == 1
    assert review.save()
    assert not review.trouble
    assert {hit.tag for hit in open_review(data, "me", tmp_path / "hits").hits.values()} == {1, 2}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what is open")
def test_nothing_of_ours_replaces_or_removes_what_it_has_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows: the same, twice over one cache, works without one refusal."""
    folder = a_screen().write_rxrx3(tmp_path / "data")
    refused = refuse_what_is_in_use(monkeypatch)
    for _ in range(2):
        data = rx.open_dataset(folder, tmp_path / "cache")
        assert len(data.phenomap().nearest("PLK1")) == 2
        prepare(data, list(data.listed.slices), lambda *_: None)
        data.check()
        review = open_review(data, "me", tmp_path / "hits")
        review.tag(data.wells.index[0], 1)
        review.set_note(data.wells.index[0], "round")
        review.undo()
        for what, write in WRITERS.items():
            write(data, tmp_path / "out" / f"mine.{ENDINGS[what]}")
        data.cache.clean()
    own = str(tmp_path)
    assert [path for path in refused if path.startswith(own)] == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what is open")
def test_the_emulation_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = b.write(tmp_path / "file", b"x" * 8), b.write(tmp_path / "other", b"y" * 8)
    refused = refuse_what_is_in_use(monkeypatch)
    mapped = np.memmap(path, dtype=np.uint8, mode="r")
    with pytest.raises(PermissionError):
        other.replace(path)
    del mapped
    with path.open("rb"), pytest.raises(PermissionError):
        path.unlink()
    other.replace(path)
    assert len(refused) == 2


def test_a_cache_that_is_in_use_costs_speed_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals(monkeypatch, tmp_path, 10**6)
    cache = DiskCache(tmp_path / "cache")
    made = cache.new_mapped("vectors", "a", (3, 2), lambda array: array.fill(7))
    assert made.tolist() == [[7, 7]] * 3
    assert cache.arrays("wells", "a", lambda: {"x": np.arange(3)})["x"].tolist() == [0, 1, 2]
    assert cache.load("wells", "a") is None
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]


# --- other processes -------------------------------------------------------------------------

SPAWNED = """
import sys
from multiprocessing import get_context
from napari_rxrx3.cli import main
if __name__ == "__main__":
    pool = get_context("spawn").Pool(1)
    code = pool.apply(main, (["thumbnails", {path!r}],))
    pool.close()  # not terminated: what it has said is not on its way yet
    pool.join()
    sys.exit(code)
"""
DIRECT = "import sys; from napari_rxrx3.cli import main; sys.exit(main(['thumbnails', {path!r}]))"


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return shards of JPEG 2000, which other processes reduce."""
    folder = tmp_path_factory.mktemp("core data")
    screen = a_screen()
    for well in screen.ids:
        screen.planes[well] = b.smooth(well, 256)
    screen.write_core(folder)
    return folder


@pytest.mark.first_example
@pytest.mark.parametrize("how", ["stdin", "spawned"])
def test_images_are_reduced_whatever_python_was_started_with(
    how: str, core: Path, tmp_path: Path
) -> None:
    """Nothing of ours may run the main module again, or depend on there being one."""
    code = (SPAWNED if how == "spawned" else DIRECT).format(path=str(core))
    script = tmp_path / "a script & more.py"
    script.write_text(code, encoding="utf-8")
    start = "-" if how == "stdin" else str(script)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, start],
        input=code if how == "stdin" else "",
        capture_output=True,
        encoding="utf-8",
        env=environment,
        timeout=120,
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    said = "1 plate: 84 thumbnails made, 0 were there, 0 images missing, 0 damaged."
    assert run.stdout.strip() == said


def test_modules_beside_the_program_do_not_stand_in_for_others(core: Path, tmp_path: Path) -> None:
    b.write(tmp_path / "struct.py", b"raise SystemExit('not me')")
    b.write(tmp_path / "PIL.py", b"raise SystemExit('not me')")
    code = (
        "import sys; sys.path.remove('');"
        "from pathlib import Path;"
        "from napari_rxrx3.data.images import jpeg2000;"
        "from napari_rxrx3.data.worker_process import Worker;"
        "worker = Worker(Path(jpeg2000.__file__));"
        "worker.send({'size': 64, 'lengths': [8]}, b'no image');"
        "print(worker.receive()); worker.end()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=tmp_path
    )
    assert run.stdout.strip() == "Message(words={'shapes': [None]}, content=b'')", run.stderr


def test_hits_errors_are_of_our_family() -> None:
    assert issubclass(HitsError, RxRx3Error)
