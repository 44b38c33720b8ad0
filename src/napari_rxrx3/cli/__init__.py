"""The command line: one subcommand for each thing that can be done without clicking."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from napari_rxrx3.cli.cells import add_cells
from napari_rxrx3.cli.data_set import (
    add_cache,
    add_check,
    add_diagnostics,
    add_index,
    add_thumbnails,
)
from napari_rxrx3.cli.exports import add_exports
from napari_rxrx3.cli.maps import (
    add_arms,
    add_batches,
    add_benchmark,
    add_doses,
    add_nearest,
    add_scores,
    add_sets,
)
from napari_rxrx3.cli.output import flush, give_up, note, say, take_any_letter
from napari_rxrx3.cli.reports import add_report
from napari_rxrx3.cli.windows import add_windows
from napari_rxrx3.core.errors import RxRx3Error
from napari_rxrx3.core.stopping import interruptible
from napari_rxrx3.core.version import __version__

__all__ = ["main", "parser_of_commands"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 0 only on success."""
    take_any_letter()
    try:
        try:
            arguments = parser_of_commands().parse_args(argv)
            if arguments.has_window:  # which is the main thread's
                return int(arguments.run(arguments))
            return int(interruptible(partial(arguments.run, arguments)))
        finally:
            flush()  # also after --help, which ends the program
    except RxRx3Error as error:
        note(str(error))
        return 1
    except BrokenPipeError:  # e.g. piped into head
        give_up(sys.stdout)
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        name = f"{error.filename}: " if error.filename else ""
        note(f"{name}{error.strerror or error}.")
        return 1
    except KeyboardInterrupt:
        return 130


class _Parser(argparse.ArgumentParser):
    def print_help(self, file: Any = None) -> None:
        say(self.format_help().rstrip("\n"))  # argparse would pass over what cannot be written


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        say(f"napari-rxrx3 {__version__}")
        parser.exit()


def parser_of_commands() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="napari-rxrx3",
        description="See RxRx3: plates, stains, nearest perturbations.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print it and exit")
    parser.set_defaults(has_window=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_windows(commands)
    add_check(commands)
    add_nearest(commands)
    add_sets(commands)
    add_arms(commands)
    add_scores(commands)
    add_doses(commands)
    add_report(commands)
    add_batches(commands)
    add_benchmark(commands)
    add_thumbnails(commands)
    add_cells(commands)
    add_exports(commands)
    add_index(commands)
    add_cache(commands)
    add_diagnostics(commands)
    return parser
