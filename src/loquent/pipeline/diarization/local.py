"""The local path without words: decode, and tell who speaks when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import aclosing, suppress

from loquent.domain.audio import SAMPLE_RATE_HZ, AudioSource, SpeechRegion
from loquent.domain.errors import MissingChannelError
from loquent.domain.request import SpeechDetection
from loquent.domain.speakers import Channels, Diarization, DiarizationRequest, SpeakerTurn, letter
from loquent.pipeline.channels import in_order, refuse_single_channel
from loquent.pipeline.diarization.following import SpeakerFollowing
from loquent.pipeline.segmentation import RegionFinder
from loquent.ports import AudioDecoder, VoiceActivityDetector

_TURNS = SpeechDetection(prefix_padding_ms=50, silence_duration_ms=300)
"""Turns end sooner than the speech that is given to a recognizer."""


class LocalDiarizer:
    """A `Diarizer` that runs one model on this machine."""

    def __init__(
        self,
        model_id: str,
        *,
        decoder: AudioDecoder,
        detector: VoiceActivityDetector,
        following: SpeakerFollowing,
    ) -> None:
        self._model_id = model_id
        self._decoder = decoder
        self._detector = detector
        self._following = following

    async def diarize(self, request: DiarizationRequest, source: AudioSource) -> Diarization:
        """Return all turns. Cancelling the call stops the work."""
        if request.search.channels is Channels.SEPARATE:
            return await self._by_channel(source)
        async with (
            self._following.follow(request.search) as follower,
            aclosing(self._decoder.decode(source)) as windows,
        ):
            async for samples in windows:
                await follower.hear(samples)
            return await follower.finish()

    async def _by_channel(self, source: AudioSource) -> Diarization:
        """Take every channel for one speaker."""
        channels: dict[int, list[SpeechRegion]] = {}
        longest_s = 0.0
        with suppress(MissingChannelError):
            for channel in in_order():
                channels[channel], duration_s = await self._regions(source, channel)
                longest_s = max(longest_s, duration_s)
        refuse_single_channel(len(channels))
        turns = _turns([channels[channel] for channel in sorted(channels)])
        return Diarization(turns, _exclusive(turns), longest_s, self._model_id)

    async def _regions(self, source: AudioSource, channel: int) -> tuple[list[SpeechRegion], float]:
        """Return where somebody speaks on one channel, and how long it is."""
        finder = RegionFinder(_TURNS, max_region_s=math.inf)
        activity = self._detector.stream()
        regions: list[SpeechRegion] = []
        n_samples = 0
        async with aclosing(self._decoder.decode(source, channel)) as windows:
            async for samples in windows:
                n_samples += len(samples)
                regions += finder.push(await activity.probabilities(samples))
        duration_s = n_samples / SAMPLE_RATE_HZ
        return [*regions, *finder.finish(duration_s)], duration_s


def _turns(channels: Sequence[Sequence[SpeechRegion]]) -> tuple[SpeakerTurn, ...]:
    """Name the channels in the order in which they begin; return their turns, sorted by time."""
    speaking = sorted((regions for regions in channels if regions), key=lambda r: r[0].start_s)
    turns = [
        SpeakerTurn(region.start_s, region.end_s, letter(number))
        for number, regions in enumerate(speaking)
        for region in regions
    ]
    return tuple(sorted(turns, key=lambda turn: (turn.start_s, turn.speaker)))


def _exclusive(turns: Sequence[SpeakerTurn]) -> tuple[SpeakerTurn, ...]:
    """Leave out what others say while somebody speaks already."""
    exclusive: list[SpeakerTurn] = []
    free_from_s = 0.0
    for turn in turns:
        if turn.end_s > free_from_s:
            start_s = max(turn.start_s, free_from_s)
            exclusive.append(SpeakerTurn(start_s, turn.end_s, turn.speaker))
            free_from_s = turn.end_s
    return tuple(exclusive)
