"""Tell before a request is served what it may take and cost at most."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from loquent.codec.glance import glance
from loquent.domain.audio import AudioSource
from loquent.domain.live import LiveRequest
from loquent.domain.pricing import PriceUnit
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import DiarizationRequest
from loquent.domain.speech import SpeechRequest
from loquent.routing.need import (
    Need,
    need_of_diarization,
    need_of_recording,
    need_of_stream,
    need_of_text,
)
from loquent.routing.planner import Planner
from loquent.routing.ranking import Candidate

Measure: TypeAlias = Callable[[AudioSource], Awaitable[float]]
"""Counts the seconds of a recording by its samples."""


class Estimate:
    """What one request may take; a recording is measured only if somebody must know its length.

    Args:
        source: the recording, None where there is none.
    """

    def __init__(
        self, planner: Planner, measure: Measure, need: Need, source: AudioSource | None = None
    ) -> None:
        self._planner = planner
        self._measure = measure
        self._need = need
        self._source = source
        self._audio_s: float | None = None

    @property
    def n_characters(self) -> int:
        """Characters of a text to be spoken."""
        return self._need.n_characters

    async def audio_s(self) -> float:
        """Return how long the recording lasts, 0 where there is none.

        Raises: InvalidAudioError, AudioTooLongError.
        """
        if self._audio_s is None:
            self._audio_s = await self._measure(self._source) if self._source else 0.0
        return self._audio_s

    async def micros(self) -> int:
        """Return what the request costs at the dearest endpoint that may serve it.

        Raises: InvalidAudioError, AudioTooLongError; what `Planner.candidates` does.
        """
        charged = {unit for each in self._able(self._need) for unit in _charged(each)}
        if self._source and charged - {PriceUnit.REQUEST}:
            return self.micros_for(await self.audio_s())
        return self._most(self._need)

    def micros_for(self, audio_s: float) -> int:
        """Return what the request costs at most if its sound lasts so long.

        Raises: what `Planner.candidates` does.
        """
        return self._most(replace(self._need, audio_s=audio_s))

    def _most(self, need: Need) -> int:
        return max((candidate.price_micros for candidate in self._able(need)), default=0)

    def _able(self, need: Need) -> list[Candidate]:
        return [each for each in self._planner.candidates(need) if each.is_able]


def _charged(candidate: Candidate) -> set[PriceUnit]:
    """Return by what an endpoint charges."""
    return {price.unit for price in candidate.endpoint.prices if price.micros}


class Estimates:
    """Estimates requests of every kind."""

    def __init__(self, planner: Planner, measure: Measure) -> None:
        """Take who knows the endpoints and their prices, and who measures recordings."""
        self._planner = planner
        self._measure = measure

    def recording(self, request: TranscriptionRequest, source: AudioSource) -> Estimate:
        """Return what a transcription or translation may take."""
        seen = glance(source)
        need = need_of_recording(request, seen.container, source.n_bytes, seen.audio_s)
        return Estimate(self._planner, self._measure, need, source)

    def voices(self, request: DiarizationRequest, source: AudioSource) -> Estimate:
        """Return what it may take to tell speakers apart."""
        return Estimate(self._planner, self._measure, need_of_diarization(request), source)

    def text(self, request: SpeechRequest) -> Estimate:
        """Return what it may take to speak a text."""
        return Estimate(self._planner, self._measure, need_of_text(request))

    def stream(self, request: LiveRequest) -> Estimate:
        """Return what a live session may take; how long it lasts is not known."""
        return Estimate(self._planner, self._measure, need_of_stream(request))
