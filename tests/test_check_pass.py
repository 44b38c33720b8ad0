"""The check of images goes on where it stood, and decodes again what has changed."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import builders as b
import napari_rxrx3 as rx
import zarr_plates as z
from napari_rxrx3.cli import main
from napari_rxrx3.core.errors import Cancelled
from napari_rxrx3.data.check import CheckReport
from napari_rxrx3.data.images.catalog import ImageCatalog
from napari_rxrx3.data.passes import Done, Share, Task, _result

N_PLATES = 4
ROWS = [
    b.guide_row("gene-001", plate, address, "PLK1")
    for plate in range(1, N_PLATES + 1)
    for address in ("B02", "B03")
]


@pytest.fixture
def screen(root: Path) -> b.Screen:
    """Plates with an unreadable image each, but for the first."""
    screen = b.Screen.of(ROWS)
    screen.write_metadata(root / "metadata.csv")
    for (experiment, plate), planes in screen.by_plate().items():
        files = b.image_files(planes)
        if plate != "1":
            files["B03_s1_w5.png"] = b"text"
        b.write_tar(root / f"images/{experiment}/Plate{plate}.tar", files)
    return screen


class Watch:
    """Which planes are decoded, a name of their container each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        decoded = ImageCatalog.decoded

        def watched(catalog: ImageCatalog, source: Any, row: int) -> Any:
            self.names.append(Path(source.path).name)
            return decoded(catalog, source, row)

        monkeypatch.setattr(ImageCatalog, "decoded", watched)

    def seen(self) -> list[str]:
        """The containers that were decoded since the last call."""
        names, self.names = sorted(set(self.names)), []
        return names


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(monkeypatch)


def checked(root: Path, cache: Path, **options: Any) -> CheckReport:
    return rx.open_dataset(root, cache_dir=cache).check(**options)


def assert_same(one: CheckReport, other: CheckReport) -> None:
    pd.testing.assert_frame_equal(one.problems, other.problems)
    assert one.counts == other.counts
    assert one.summary() == other.summary()


def test_what_was_checked_is_not_decoded_again(
    screen: b.Screen, root: Path, cache: Path, watch: Watch
) -> None:
    first = checked(root, cache)
    assert first.problems["plate"].tolist() == [2, 3, 4]
    assert watch.seen() == [f"Plate{n}.tar" for n in range(1, N_PLATES + 1)]
    again = checked(root, cache)
    assert watch.seen() == []
    assert_same(first, again)
    assert "4 checked now" in first.checked
    assert "4 checked before and the same since, 0 checked now" in again.checked


def test_a_file_that_changed_is_decoded_again(
    screen: b.Screen, root: Path, cache: Path, watch: Watch
) -> None:
    checked(root, cache)
    watch.seen()
    files = b.image_files(screen.by_plate()["gene-001", "3"])
    b.write_tar(root / "images/gene-001/Plate3.tar", files)
    assert checked(root, cache).problems["plate"].tolist() == [2, 4]
    assert watch.seen() == ["Plate3.tar"]


def test_all_is_decoded_again_if_that_is_wanted(
    screen: b.Screen, root: Path, cache: Path, watch: Watch
) -> None:
    first = checked(root, cache)
    watch.seen()
    assert_same(checked(root, cache, again=True), first)
    assert len(watch.seen()) == N_PLATES


def test_the_lists_alone_decode_nothing(
    screen: b.Screen, root: Path, cache: Path, watch: Watch
) -> None:
    report = checked(root, cache, decode=False)
    assert watch.seen() == []
    assert not report.checked


def test_a_check_that_was_stopped_goes_on(
    screen: b.Screen, root: Path, cache: Path, watch: Watch
) -> None:
    def stop(done: int, total: int, text: str) -> None:
        if "Plate3" in text:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        checked(root, cache, progress=stop)
    watch.seen()
    whole = checked(root, cache)
    assert watch.seen() == ["Plate3.tar", "Plate4.tar"]
    assert_same(whole, checked(root, cache / "other"))


@pytest.mark.parametrize("n", [2, 3, 9])
def test_parts_make_the_whole(
    n: int, screen: b.Screen, root: Path, cache: Path, watch: Watch
) -> None:
    parts = [checked(root, cache, share=Share(k, n)) for k in range(1, n + 1)]
    seen = [plate for part in parts for plate in part.problems["plate"].tolist()]
    assert sorted(seen) == [2, 3, 4]
    watch.seen()
    whole = checked(root, cache)
    assert watch.seen() == []
    assert_same(whole, checked(root, cache / "other"))


def test_what_may_pass_is_said_and_not_kept(
    screen: b.Screen, root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = ImageCatalog.decoded

    def busy(catalog: ImageCatalog, source: Any, row: int) -> Any:
        if source.path.endswith("Plate1.tar") and row == 4:
            raise OSError(errno.EIO, "Input/output error")
        return read(catalog, source, row)

    with monkeypatch.context() as context:
        context.setattr(ImageCatalog, "decoded", busy)
        during = checked(root, cache)
    assert during.problems["plate"].tolist() == [1, 2, 3, 4]
    assert "Input/output error" in during.problems["detail"].iloc[0]
    after = checked(root, cache)
    assert after.problems["plate"].tolist() == [2, 3, 4]
    assert "3 checked before and the same since, 1 checked now" in after.checked


def test_a_container_that_changes_meanwhile_is_named(
    screen: b.Screen, root: Path, cache: Path
) -> None:
    path = root / "images/gene-001/Plate2.tar"

    def replace(done: int, total: int, text: str) -> None:
        if "Plate2" in text:
            b.write_tar(path, {"B02_s1_w1.png": b"text"})

    found = checked(root, cache, progress=replace).problems
    (problem,) = found[found["kind"] == "not_checked"].to_dict("records")
    assert "Plate2.tar has changed since the check began" in problem["detail"]
    assert set(found["plate"].dropna()) == {3, 4}


def damage(path: Path) -> None:
    path.write_bytes(b"no JSON")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [damage, remove])
def test_what_is_kept_may_be_lost(
    harm: Callable[[Path], None], screen: b.Screen, root: Path, cache: Path, watch: Watch
) -> None:
    first = checked(root, cache)
    kept = sorted((cache / "checks").iterdir())
    assert len(kept) == N_PLATES
    harm(kept[0])
    watch.seen()
    assert_same(checked(root, cache), first)
    assert len(watch.seen()) == 1


def test_a_cache_that_cannot_be_written_costs_time_alone(
    screen: b.Screen, root: Path, tmp_path: Path
) -> None:
    first = checked(root, tmp_path / "cache")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "checks").write_bytes(b"a file where the folder should be")
    assert_same(checked(root, blocked), first)


def test_copies_are_compared_once(screen: b.Screen, root: Path, cache: Path, watch: Watch) -> None:
    files = b.image_files(screen.by_plate()["gene-001", "1"])
    files["B02_s1_w1.png"] = b.png(b.noise("other", 16)[0])
    b.write_folder(root / "images/gene-001/Plate1", files)
    first = checked(root, cache)
    assert first.counts["disagreement"] == 1
    assert "1 pair of them to compare" in first.checked
    watch.seen()
    assert_same(checked(root, cache), first)
    assert watch.seen() == []


def test_chunks_of_ome_zarr_that_change_are_seen(root: Path, cache: Path, watch: Watch) -> None:
    planes = {f"B{c:02d}": np.stack(b.noise(f"z{c}", 32)) for c in (2, 3)}
    plate = root / "plate.zarr"
    z.write_plate(plate, planes)
    assert checked(root, cache).is_clean
    checked(root, cache)
    watch.seen()
    chunk = max((p for p in plate.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[:100])
    found = checked(root, cache).problems
    assert set(found["kind"]) == {"unreadable_plane"}
    assert watch.seen() == ["plate.zarr"]


def test_the_command_does_a_part_and_says_so(
    screen: b.Screen,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert main(["check", str(root), "--part", "2/4", "--json"]) == 0
    part = capsys.readouterr()
    assert "1 container of images: 1 checked now" in part.err
    assert part.out.count('"unreadable_plane"') == 2  # counted and listed
    assert main(["check", str(root), "--full"]) == 0
    whole = capsys.readouterr()
    assert "1 checked before and the same since, 3 checked now" in whole.out
    assert "unreadable_plane: 3" in whole.out


def test_what_was_done_elsewhere_is_what_is_told() -> None:
    task, done = Task("Plate1", 6), Done(n_written=6)
    ended = [Future[Done]() for _ in range(3)]
    ended[0].set_result(done)
    ended[1].set_exception(OSError("the worker was lost"))
    ended[2].set_exception(Cancelled("stopped"))
    assert _result(ended[0], task) is done
    lost = _result(ended[1], task)
    assert (lost.failures, lost.is_whole) == (["Plate1: the worker was lost"], False)
    with pytest.raises(Cancelled):
        _result(ended[2], task)
