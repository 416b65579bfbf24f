"""Decides which window is analysed next; knows neither the model nor the recording."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from loquent.domain.audio import Samples, SpeechRegion
from loquent.engines.due_order import DueOrder
from loquent.ports import WindowVoices


class WindowEngine(Protocol):
    """A loaded model that tells voices apart, in several windows side by side."""

    @property
    def n_workers(self) -> int:
        """How many windows are worth analysing side by side."""
        ...

    async def analyse(self, samples: Samples, wanted: SpeechRegion) -> WindowVoices:
        """Tell who speaks in a window, and how they sound in the `wanted` part of it.

        A call that is cancelled may still occupy its worker until it is done.

        Raises: EngineError.
        """
        ...


class WindowScheduler(DueOrder[WindowEngine, WindowVoices]):
    """A `VoiceAnalyst` over a `WindowEngine`; one for each loaded model."""

    async def analyse(self, samples: Samples, wanted: SpeechRegion, due_s: float) -> WindowVoices:
        """Tell who speaks in `samples`; a cancelled call leaves the queue at once.

        Raises: ModelNotReadyError: the model is being unloaded; EngineError.
        """
        return await self._do(partial(self._engine.analyse, samples, wanted), due_s)
