"""Wherever the answer goes: it arrives, or one sentence says why not; never a traceback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import builders as b
from napari_rxrx3.cli import main

NEAREST = ["nearest", "{data}", "β-estradiol@2.5", "--align", "none"]
COMMANDS = {
    "check": ["check", "{data}"],
    "nearest": NEAREST,
    "nearest in JSON": [*NEAREST, "--json"],
    "scores": ["scores", "{data}", "--align", "none"],
    "doses": ["doses", "{data}", "--align", "none"],
    "scores as CSV": ["scores", "{data}", "--align", "none", "--csv"],
    "batches in JSON": ["batches", "{data}", "--align", "none", "--json"],
    "cache": ["cache"],
    "diagnostics": ["diagnostics", "{data}"],
    "help": ["nearest", "--help"],
    "version": ["--version"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        b.control_row("compound-001", 1, "C02"),
        b.dose_row("compound-001", 1, "C03", "β-estradiol", 2.5),
        b.dose_row("compound-001", 1, "C04", "药物\u202f甲", 2.5),
    ]
    screen = b.Screen.of(rows)
    screen.vectors = {row["well_id"]: b.noise(row["well_id"], 4)[0, 0] / 9e4 for row in rows}
    folder = tmp_path_factory.mktemp("data set")
    screen.write_metadata(folder / "metadata.csv")
    screen.write_embeddings(folder / "embeddings.parquet")
    return folder


def _run(data: Path, name: str, shell: str = "", **env: str) -> subprocess.CompletedProcess[bytes]:
    arguments = [part.format(data=data) for part in COMMANDS[name]]
    command = [sys.executable, "-W", "ignore", "-m", "napari_rxrx3", *arguments]
    if shell:
        command = ["bash", "-o", "pipefail", "-c", f'"$@" {shell}', "-", *command]
    return subprocess.run(
        command, capture_output=True, env={**os.environ, **env}, timeout=120, check=False
    )


@pytest.mark.first_example
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to try")
def test_on_a_full_disk_it_says_so(data: Path, name: str) -> None:
    run = _run(data, name, "> /dev/full")
    assert run.returncode == 1
    (line,) = run.stderr.decode().splitlines()
    assert line == "napari-rxrx3: The answer cannot be written (No space left on device)."


@pytest.mark.first_example
@pytest.mark.skipif(sys.platform == "win32", reason="closes pipes by bash")
@pytest.mark.parametrize("sink", [">&-", "| true", "> /dev/null 2>&-"])
def test_what_is_closed_ends_it_in_peace(data: Path, sink: str) -> None:
    run = _run(data, "check", sink)
    assert (run.returncode == 0) == ("null" in sink)
    assert run.stderr.decode() in ("", f"napari-rxrx3: {NO_OUTPUT}\n")


NO_OUTPUT = "The answer cannot be written (there is no standard output)."


@pytest.mark.first_example
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_letters_that_the_terminal_has_not_are_spelled(data: Path, encoding: str) -> None:
    run = _run(data, "nearest", PYTHONIOENCODING=encoding, COLUMNS="20", NO_COLOR="1", TERM="dumb")
    assert run.returncode == 0
    (line,) = run.stderr.decode(encoding).splitlines()
    assert encoding in line
    assert "\\u836f\\u7269" in run.stdout.decode(encoding)


@pytest.mark.skipif(sys.platform == "win32", reason="there arguments are text in any locale")
def test_what_is_typed_is_understood_in_a_locale_of_ascii(data: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = _run(data, "nearest in JSON", **plain)
    assert run.returncode == 0
    assert "\\u836f\\u7269" in run.stdout.decode("ascii")
    assert not run.stderr


@pytest.mark.parametrize("name", ["help", "version"])
def test_a_narrow_terminal_gets_help_too(data: Path, name: str) -> None:
    run = _run(data, name, COLUMNS="20")
    assert run.returncode == 0
    assert run.stdout
    assert not run.stderr


@settings(deadline=None)
@given(st.text(), st.sampled_from(["ascii", "cp1252", "latin-1", "cp437", "utf-8", "utf-16"]))
def test_any_sentence_is_said_in_any_encoding(name: str, encoding: str) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        assert main(["check", f"/not there/{name}".replace("\0", "")]) == 1
    err.flush()
    said = err.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert said.startswith("napari-rxrx3: ")
    assert len(said.splitlines()) == 1
