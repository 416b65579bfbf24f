"""Decides which piece of text is spoken next; knows neither the model nor where sound goes."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from loquent.engines.due_order import DueOrder
from loquent.ports import PieceOptions, SpokenPiece


class PieceEngine(Protocol):
    """A loaded model that speaks pieces, several side by side."""

    @property
    def n_workers(self) -> int:
        """How many pieces are worth speaking side by side."""
        ...

    @property
    def sample_rate_hz(self) -> int:
        """The rate of every piece."""
        ...

    async def speak(self, text: str, options: PieceOptions) -> SpokenPiece:
        """Speak a piece. A call that is cancelled may still occupy its worker until it is done.

        Raises: EngineError.
        """
        ...


class SpeechScheduler(DueOrder[PieceEngine, SpokenPiece]):
    """A `PieceSpeaker` over a `PieceEngine`; one for each loaded model.

    Of what waits, that piece is next whose listener will be the first without sound: so a new
    caller goes before one who has minutes of sound in store.
    """

    @property
    def sample_rate_hz(self) -> int:
        return self._engine.sample_rate_hz

    async def speak(self, text: str, options: PieceOptions, due_s: float) -> SpokenPiece:
        """Speak `text`; a cancelled call leaves the queue at once.

        Raises: ModelNotReadyError: the model is being unloaded; EngineError.
        """
        return await self._do(partial(self._engine.speak, text, options), due_s)
