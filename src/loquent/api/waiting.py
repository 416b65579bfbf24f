"""Says what those wait for whose model is on its way into memory; loads nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from loquent.api.recognition import Recognition
from loquent.ports import ActivityBoard

FIRST_EVENT_S: Final = 10.0
"""How long a stream may hold back its status, so that an early error is a plain HTTP error."""

LOADING_S: Final = 1.0
"""The same while a model is being loaded, and how often that is told."""

Loading: TypeAlias = Callable[[], str]
"""Tells what is being loaded now, "" for nothing."""


def loading_on(board: ActivityBoard) -> Loading:
    """Return what tells which models are on their way into memory."""

    def loading() -> str:
        models = [activity.model for activity in board.activity() if not activity.is_loaded]
        return f"{', '.join(models)} is being loaded" if models else ""

    return loading


async def first_event(recognition: Recognition, loading: Loading) -> None:
    """Wait until a stream may begin: with its first event, or to tell what it waits for.

    Raises: whatever ended the work before that.
    """
    if not await recognition.wait(LOADING_S) and not loading():
        await recognition.wait(FIRST_EVENT_S - LOADING_S)
