"""What a server said of its files: enough to open again what is kept when it is away."""

from __future__ import annotations

import json
from typing import Any

from napari_rxrx3.core.secrets import public

__all__ = ["Answers"]

_FORMAT = 1


class Answers:
    """Answers by question and path, as plain values and without what is secret in addresses.

    Attributes
    ----------
    day : str
        When the server answered last, as 2026-05-03; empty while it does.
    """

    def __init__(self) -> None:
        self.day = ""
        self._said: dict[str, Any] = {}

    def note(self, question: str, path: str, answer: Any) -> None:
        """Remember an answer; those to "listing" are lists that begin with an address each."""
        if question == "listing":
            answer = [[public(name), *rest] for name, *rest in answer]
        self._said[_key(question, path)] = answer

    def find(self, question: str, path: str) -> Any:
        """The answer; None if it was not asked."""
        return self._said.get(_key(question, path))

    def to_json(self, day: str) -> str:
        return json.dumps({"format": _FORMAT, "day": day, "said": self._said})

    def take(self, text: str | bytes) -> bool:
        """Go on with what was said another time; whether that was understood."""
        try:
            found = json.loads(text)
            if found["format"] != _FORMAT or not isinstance(found["said"], dict):
                return False
            self.day, self._said = str(found["day"]), found["said"]
        except (ValueError, KeyError, TypeError):
            return False
        return True


def _key(question: str, path: str) -> str:
    return f"{question} {public(path)}"
