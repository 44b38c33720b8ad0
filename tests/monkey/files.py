"""What happens to files that are open: they vanish, are cut short, and come back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monkey.monkey import Monkey
    from monkey.world import World

__all__ = ["cut_a_file_short", "give_files_back", "remove_what_is_kept", "take_a_file_away"]

_APART = "taken away"


def take_a_file_away(monkey: Monkey) -> str:
    """As if a disk were unplugged."""
    world, path = _a_file(monkey)
    if path is None:
        return ""
    _keep_apart(world, path)
    return str(path.relative_to(world.path))


def cut_a_file_short(monkey: Monkey) -> str:
    """As if a copy had been broken off in the place of the file."""
    world, path = _a_file(monkey)
    if path is None:
        return ""
    whole = path.read_bytes()
    _keep_apart(world, path)
    path.write_bytes(whole[: monkey.dice.randrange(len(whole))])
    return f"{path.relative_to(world.path)} of {len(whole):,} bytes"


def give_files_back(monkey: Monkey) -> str:
    """All that was taken; what was shown in the meantime may go on saying that it is not there."""
    n = 0
    for world in monkey.worlds:
        apart = _apart(world)
        for path in [p for p in apart.rglob("*") if p.is_file()] if apart.is_dir() else []:
            path.replace(world.path / path.relative_to(apart))
            n += 1
    return f"{n} files" if n else ""


def remove_what_is_kept(monkey: Monkey) -> str:
    """As another window does when the cache is full, or somebody who empties the folder."""
    kept = [path for path in monkey.cache.rglob("*") if path.is_file()]
    if not kept:
        return ""
    path = monkey.dice.choice(kept)
    path.unlink(missing_ok=True)
    return str(path.relative_to(monkey.cache))


def _a_file(monkey: Monkey) -> tuple[World, Path | None]:
    """Of the data set that is open, mostly."""
    world = monkey.world or monkey.dice.choice(monkey.worlds)
    files = sorted(path for path in world.path.rglob("*") if path.is_file())
    return world, monkey.dice.choice(files) if files else None


def _keep_apart(world: World, path: Path) -> None:
    """Move a file away, if it was not yet; what was cut short in its place is deleted."""
    world.is_disturbed = True
    apart = _apart(world) / path.relative_to(world.path)
    if apart.exists():
        path.unlink()
        return
    apart.parent.mkdir(parents=True, exist_ok=True)
    path.replace(apart)


def _apart(world: World) -> Path:
    return world.path.with_name(f"{world.path.name} {_APART}")
