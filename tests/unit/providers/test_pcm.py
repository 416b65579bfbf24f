"""Bare sound in pieces cut anywhere becomes whole samples."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import UpstreamError
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan
from loquent.providers.pcm import chunks_of_pcm, planned

ACCESS = ProviderAccess(id="somebody", kind="openai", base_url="https://api.example")
PLAN = SpeechPlan(Casting("m", (("v", 1.0),), "en"), sample_rate_hz=24_000, n_characters=2)


async def streamed(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def silent_chunks(n_chunks: int) -> AsyncIterator[SpeechChunk]:
    for _ in range(n_chunks):
        yield SpeechChunk(np.zeros(4, dtype=np.float32))


async def test_samples_reach_from_minus_one_to_one() -> None:
    chunks = [c async for c in chunks_of_pcm(streamed(b"\x00\x80\x00\x00\xff\x7f"))]
    assert len(chunks) == 1
    assert chunks[0].samples.dtype == np.float32
    assert chunks[0].samples.tolist() == [-1.0, 0.0, 32_767 / 32_768]


async def test_half_a_sample_waits_for_the_other_half() -> None:
    chunks = [c async for c in chunks_of_pcm(streamed(b"\x00", b"\x40\x00", b"\xc0"))]
    assert [c.samples.tolist() for c in chunks] == [[0.5], [-0.5]]


async def test_half_a_sample_at_the_end_is_dropped() -> None:
    chunks = [c async for c in chunks_of_pcm(streamed(b"\x00\x40\x01"))]
    assert [c.samples.tolist() for c in chunks] == [[0.5]]


@given(samples=st.lists(st.integers(-32_768, 32_767)), cuts=st.lists(st.integers(0, 60)))
async def test_no_cut_changes_the_sound(samples: list[int], cuts: list[int]) -> None:
    sound = np.array(samples, dtype="<i2").tobytes()
    borders = [0, *sorted(min(cut, len(sound)) for cut in cuts), len(sound)]
    pieces = [sound[a:b] for a, b in pairwise(borders)]
    chunks = [c.samples async for c in chunks_of_pcm(streamed(*pieces))]
    assert [round(s * 32_768) for chunk in chunks for s in chunk.tolist()] == samples


async def test_the_plan_comes_with_the_first_sound() -> None:
    told = [type(update) async for update in planned(ACCESS, PLAN, silent_chunks(2))]
    assert told == [SpeechPlan, SpeechChunk, SpeechChunk]


async def test_no_sound_at_all_is_an_error_and_no_plan() -> None:
    with pytest.raises(UpstreamError, match="no sound"):
        await anext(planned(ACCESS, PLAN, silent_chunks(0)))
