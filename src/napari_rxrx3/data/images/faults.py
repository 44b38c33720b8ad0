"""Why a file of images cannot be read, in words, and whether that may pass."""

from __future__ import annotations

from dataclasses import dataclass

from napari_rxrx3.data.files.remote import MayPass

__all__ = ["PlaneFault", "may_pass", "plain_cause"]


@dataclass(frozen=True)
class PlaneFault:
    """Why a plane cannot be decoded, and whether that is no fault of what is in the file."""

    cause: str
    may_pass: bool


def may_pass(error: Exception) -> bool:
    """Whether a server or the system gives something not now, whatever is in the file."""
    return isinstance(error, MayPass) or getattr(error, "errno", None) is not None


def plain_cause(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is not there any more"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200] or type(error).__name__
