"""What callers of one loaded model speak to; knows neither queues nor where the model runs."""

from __future__ import annotations

import math
from typing import Protocol

from loquent.engines.due_order import DueStatus
from loquent.engines.scheduling.scheduler import SchedulerStatus
from loquent.ports import Lane, PieceSpeaker, SpeechRecognizer, VoiceAnalyst


class ListeningService(SpeechRecognizer, Protocol):
    """One loaded model that recognises speech for everybody."""

    @property
    def n_live_streams(self) -> int:
        """How many streams of speech can be recognised as fast as they are spoken, at least 1."""
        ...

    def check_admission(self, lane: Lane, *, max_wait_s: float = math.inf) -> None:
        """Refuse a newcomer who would wait too long; what was once admitted is always served.

        Args:
            max_wait_s: what is too long, where the limit of the queue is not lower.

        Raises: OverloadedError, ModelNotReadyError: the model is being unloaded.
        """
        ...

    def status(self) -> SchedulerStatus:
        """Return what the model is doing now, without waiting for anybody."""
        ...

    async def close(self) -> None:
        """Take no more calls; those that wait end, with an error or with their answer."""
        ...


class DueService(Protocol):
    """One loaded model whose work is done in the order in which it is due."""

    def check_admission(self) -> None:
        """Refuse a newcomer who would wait too long; what was once admitted is always served.

        Raises: OverloadedError; ModelNotReadyError: the model is being unloaded.
        """
        ...

    def status(self) -> DueStatus:
        """Return what the model is doing now, without waiting for anybody."""
        ...

    async def close(self) -> None:
        """Take no more calls; those that wait end, with an error or with their answer."""
        ...


class SpeakingService(PieceSpeaker, DueService, Protocol):
    """One loaded model that speaks for everybody."""


class AnalysingService(VoiceAnalyst, DueService, Protocol):
    """One loaded model that tells voices apart for everybody."""
