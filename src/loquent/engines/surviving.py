"""Does again what was lost with the worker that did it; knows neither workers nor work."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from loquent.domain.errors import WorkerCrashedError
from loquent.engines.host.process import StoppedWhileLoadingError

_logger = logging.getLogger(__name__)

N_ATTEMPTS: Final = 3
"""In all. What kills every worker that takes it up must end some time."""

A = TypeVar("A")


async def surviving(attempt: Callable[[], Awaitable[A]], *, n_attempts: int = N_ATTEMPTS) -> A:
    """Return what comes of `attempt`, which is called again where its worker died.

    Recognising, speaking, analysing and loading have no effect but their answer: to do them twice
    harms nobody.

    Raises: WorkerCrashedError, ModelLoadError: of the last attempt.
    """
    for number in range(1, n_attempts):
        try:
            return await attempt()
        except (WorkerCrashedError, StoppedWhileLoadingError):
            _logger.info("a worker died: what it did is done again (%d)", number)
    return await attempt()
