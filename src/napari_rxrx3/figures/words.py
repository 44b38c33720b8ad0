"""Words on a page: how wide they are, and where their lines end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

__all__ = ["Measure", "labels_in", "wrapped"]

Measure = Callable[[str, float], float]
"""Width of a text at a font size, both in points."""

_SIZES = (7.0, 6.5, 6.0, 5.5, 5.0)
_MOST_LINES = 4


def wrapped(text: str, size: float, width: float, measure: Measure) -> list[str]:
    """Lines of at most this width; a word that is longer is broken.

    They end at blanks, but not at no-break spaces.
    """
    lines = [""]
    for word in filter(None, text.split(" ")):
        longer = f"{lines[-1]} {word}".strip()
        if measure(longer, size) <= width:
            lines[-1] = longer
            continue
        *whole, rest = _broken(word, size, width, measure)
        lines += [*whole, rest]
    return lines if lines[0] else lines[1:]


def labels_in(
    labels: Sequence[str], width: float, measure: Measure
) -> tuple[float, list[list[str]]] | None:
    """The largest font size at which all labels fit a width in a few lines, and these lines.

    None if there is none: then a label would have to be cut, and a cut one can mislead.
    """
    for size in _SIZES:
        words = {word for label in labels for word in label.split()}
        if any(measure(word, size) > width for word in words):
            continue
        lines = [
            [line for part in label.split("\n") for line in wrapped(part, size, width, measure)]
            for label in labels
        ]
        if all(len(label) <= _MOST_LINES for label in lines):
            return size, lines
    return None


def _broken(word: str, size: float, width: float, measure: Measure) -> list[str]:
    parts = [""]
    for letter in word:
        if parts[-1] and measure(parts[-1] + letter, size) > width:
            parts.append("")
        parts[-1] += letter
    return parts
