"""What a pull tells whoever watches it; says nothing of how it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Phase(StrEnum):
    """Where a pull stands; a source that fails sends it back to resolving."""

    RESOLVING = "resolving"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    INSTALLING = "installing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PullEvent:
    """One step of one pull.

    Attributes:
        source: who is being asked, or None before and after that.
        bytes_total: None where it is not known yet.
        message: one sentence for a person, often "".
    """

    model_id: str
    phase: Phase
    source: str | None = None
    bytes_done: int = 0
    bytes_total: int | None = None
    message: str = ""


OnEvent: TypeAlias = Callable[[PullEvent], None]
"""Called in the thread that pulls; what it raises ends the pull in a resumable state."""

OnBytes: TypeAlias = Callable[[int], None]
"""Called with all bytes that have arrived so far, never with a difference."""


def ignore(event: PullEvent) -> None:
    """Watch a pull without looking."""
    del event
