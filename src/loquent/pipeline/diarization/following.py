"""Follow who speaks in a recording while it is decoded; decides nothing about it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Final

import numpy as np

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, SpeechRegion, duration_s
from loquent.domain.errors import InvalidRequestError
from loquent.domain.speakers import (
    MAX_REFERENCE_S,
    MIN_REFERENCE_S,
    Diarization,
    KnownSpeaker,
    SpeakerSearch,
)
from loquent.pipeline.diarization.clustering import Vectors, Voices
from loquent.pipeline.diarization.resolving import resolve
from loquent.pipeline.diarization.windows import HOP_S, Window, WindowCutter
from loquent.ports import (
    WINDOW_S,
    AudioDecoder,
    VoiceAnalyst,
    VoiceAnalystSource,
    WindowVoices,
)

N_IN_FLIGHT: Final = 16
"""Windows of one recording that may wait for the model: 10 MB."""

_REFERENCES: Final = "known_speaker_references"

_SPARE_S: Final = 0.5
"""A reference may be so much longer than MAX_REFERENCE_S: files end a little late."""


class SpeakerFollower:
    """Hears a recording piece by piece, and tells at its end who spoke when."""

    def __init__(
        self,
        model_id: str,
        analyst: VoiceAnalyst,
        search: SpeakerSearch,
        known: Mapping[str, Vectors],
    ) -> None:
        self._model_id = model_id
        self._analyst = analyst
        self._search = search
        self._known = known
        self._cutter = WindowCutter()
        self._began_s = time.monotonic()
        self._room = asyncio.Semaphore(N_IN_FLIGHT)
        self._heard: list[asyncio.Task[WindowVoices]] = []

    async def hear(self, samples: Samples) -> None:
        """Take the next samples; waits where too many windows wait for the model.

        Raises: EngineError: of an earlier window.
        """
        for window in self._cutter.push(samples):
            await self._begin(window)

    async def finish(self) -> Diarization:
        """End the recording and tell who spoke when.

        Raises: EngineError.
        """
        for window in self._cutter.finish():
            await self._begin(window)
        windows = await asyncio.gather(*self._heard)
        # Comparing thousands of voices takes a second: others are served meanwhile.
        return await asyncio.to_thread(
            resolve,
            windows,
            self._cutter.duration_s,
            self._search,
            self._known,
            self._model_id,
        )

    async def close(self) -> None:
        """Drop what still waits."""
        for task in self._heard:
            task.cancel()
        await asyncio.gather(*self._heard, return_exceptions=True)

    async def _begin(self, window: Window) -> None:
        await self._room.acquire()
        for task in self._heard[-N_IN_FLIGHT:]:
            if task.done():
                task.result()
        due_s = self._began_s + len(self._heard) * HOP_S
        self._heard.append(asyncio.create_task(self._analysed(window, due_s)))

    async def _analysed(self, window: Window, due_s: float) -> WindowVoices:
        """Hear a window; a recording is due as fast as it sounds, so that newcomers go first."""
        try:
            return await self._analyst.analyse(window.samples, window.wanted, due_s)
        finally:
            self._room.release()


class SpeakerFollowing:
    """Follows recordings with one model on this machine."""

    def __init__(
        self, model_id: str, *, decoder: AudioDecoder, analysts: VoiceAnalystSource
    ) -> None:
        self._model_id = model_id
        self._decoder = decoder
        self._analysts = analysts

    @asynccontextmanager
    async def follow(self, search: SpeakerSearch) -> AsyncIterator[SpeakerFollower]:
        """Begin with a recording; leaving the context stops the work.

        Raises: InvalidRequestError: if a known voice is no sound, not one, or is too short or too
            long; ModelNotFoundError, ModelLoadError, ModelNotReadyError, OverloadedError.
        """
        analyst = await self._analysts.analyst(self._model_id)
        known = {speaker.name: await self._voice(analyst, speaker) for speaker in search.known}
        follower = SpeakerFollower(self._model_id, analyst, search, known)
        try:
            yield follower
        finally:
            await follower.close()

    async def _voice(self, analyst: VoiceAnalyst, speaker: KnownSpeaker) -> Vectors:
        samples = await self._reference(speaker)
        if not MIN_REFERENCE_S <= duration_s(samples) <= MAX_REFERENCE_S + _SPARE_S:
            is_short = duration_s(samples) < MIN_REFERENCE_S
            raise InvalidRequestError(
                f"The reference of {speaker.name!r} is too {'short' if is_short else 'long'}; it "
                f"must last {MIN_REFERENCE_S:g} to {MAX_REFERENCE_S:g} s.",
                param=_REFERENCES,
            )
        samples = samples[: round(WINDOW_S * SAMPLE_RATE_HZ)]
        wanted = SpeechRegion(0.0, duration_s(samples))
        vector = main_voice(await analyst.analyse(samples, wanted, time.monotonic()))
        if vector is None:
            raise InvalidRequestError(
                f"Nobody is heard in the reference of {speaker.name!r}.", param=_REFERENCES
            )
        return vector

    async def _reference(self, speaker: KnownSpeaker) -> Samples:
        """Decode a reference, not much further than it may last."""
        parts: list[Samples] = []
        try:
            async with aclosing(self._decoder.decode(speaker.reference)) as windows:
                async for samples in windows:
                    parts.append(samples)
                    if sum(map(duration_s, parts)) > MAX_REFERENCE_S + _SPARE_S:
                        break
        except InvalidRequestError as error:
            raise InvalidRequestError(
                f"The reference of {speaker.name!r} cannot be heard: {error.message}",
                param=_REFERENCES,
                code=error.code,
            ) from error
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def main_voice(heard: WindowVoices) -> Vectors | None:
    """Return the voice of who speaks most, shape (1, n_dimensions), or None if nobody does."""
    spans = heard.spans
    if not spans:
        return None
    said_s: dict[int, float] = {}
    for span in spans:
        said_s[span.column] = said_s.get(span.column, 0.0) + span.heard_s
    most = max(said_s, key=lambda column: said_s[column])
    own = [span for span in spans if span.column == most]
    voices = Voices(np.stack([s.vector for s in own]), np.array([s.heard_s for s in own]))
    return voices.merged(np.zeros(len(own), dtype=np.intp)).vectors
