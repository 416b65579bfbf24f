"""Who watches a pull, and how; says nothing of what is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from loquent.domain.stock import PullEvent

OnEvent: TypeAlias = Callable[[PullEvent], None]
"""Called in the thread that pulls; what it raises ends the pull in a resumable state."""

OnBytes: TypeAlias = Callable[[int], None]
"""Called with all bytes that have arrived so far, never with a difference."""


def ignore(event: PullEvent) -> None:
    """Watch a pull without looking."""
    del event
