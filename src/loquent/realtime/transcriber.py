"""Opens live sessions on one local model, and knows which are open."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

from loquent.domain.errors import OverloadedError
from loquent.domain.live import LiveActivity, LiveRequest
from loquent.ports import (
    LiveRecognizerSource,
    LiveSession,
    VoiceActivityDetector,
    VoiceAnalystSource,
)
from loquent.realtime.ladder import RETRY_AFTER_S, Ladder
from loquent.realtime.session import LocalLiveSession, Parts


class LocalLiveTranscriber:
    """A `LiveTranscriber` that runs one model on this machine, and another to tell speakers apart.

    Args:
        diarization_model: what `analysts` call the one that tells speakers apart; it is brought
            when a session asks for speakers.
    """

    def __init__(
        self,
        model_id: str,
        *,
        detector: VoiceActivityDetector,
        recognizers: LiveRecognizerSource,
        analysts: VoiceAnalystSource,
        diarization_model: str,
    ) -> None:
        self._model_id = model_id
        self._detector = detector
        self._recognizers = recognizers
        self._bring_analyst = partial(analysts.analyst, diarization_model)
        self._ladder = Ladder()
        self._sessions: dict[str, LocalLiveSession] = {}

    @asynccontextmanager
    async def open(self, request: LiveRequest) -> AsyncIterator[LiveSession]:
        """Start a session; leaving the context stops its work and frees what it held."""
        if self._ladder.is_exhausted:
            raise OverloadedError(
                "The server has no time left for one more live session. Try again later.",
                retry_after_s=RETRY_AFTER_S,
            )
        async with self._recognizers.live_recognizer(self._model_id) as recognizer:
            name = f"live_{uuid4().hex[:12]}"
            activity = self._detector.stream()
            parts = Parts(self._model_id, recognizer, activity, self._ladder, self._bring_analyst)
            session = LocalLiveSession(name, request, parts)
            self._sessions[name] = session
            try:
                await session.prepare()
                yield session
            finally:
                del self._sessions[name]
                await session.close()
                if not self._sessions:
                    self._ladder = Ladder()

    def sessions(self) -> Sequence[LiveActivity]:
        """Return those that are open, the oldest first."""
        return [session.activity() for session in self._sessions.values()]
