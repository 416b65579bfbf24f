"""What was spoken once is not spoken again, and no more is kept than may be."""

from __future__ import annotations

import os
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.errors import EngineError
from loquent.domain.speech import Casting, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.pipeline.sound_cache import CachingSpeaker, SoundCache
from tests.fakes.fake_speaker import FakeSpeaker

CASTING = Casting("fake/hummer", (("hum", 1.0),), "en-US", {"pitch": 50.0}, ("x",))
REQUEST = SpeechRequest("tts-1", "three small words", word_times=True)
PLENTY = 10_000_000


async def said(
    inner: FakeSpeaker, cache: SoundCache, request: SpeechRequest = REQUEST, edition: str = "1"
) -> list[SpeechPlan | SpeechChunk]:
    async with aclosing(CachingSpeaker(inner, CASTING, cache, edition).speak(request)) as items:
        return [item async for item in items]


def kept(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_the_second_time_nobody_speaks_and_all_is_as_before(tmp_path: Path) -> None:
    inner, cache = FakeSpeaker(casting=CASTING), SoundCache(tmp_path, PLENTY)
    first, second = await said(inner, cache), await said(inner, cache)
    assert len(inner.requests) == 1
    assert first[0] == second[0]
    for made, read in zip(first[1:], second[1:], strict=True):
        assert isinstance(made, SpeechChunk)
        assert isinstance(read, SpeechChunk)
        assert (made.text, made.words) == (read.text, read.words)
        np.testing.assert_allclose(made.samples, read.samples, atol=1e-4)


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, text="three other words"),
        replace(REQUEST, speed=1.5),
        replace(REQUEST, word_times=False),
    ],
)
async def test_another_wish_is_another_sound(tmp_path: Path, other: SpeechRequest) -> None:
    inner, cache = FakeSpeaker(), SoundCache(tmp_path, PLENTY)
    await said(inner, cache)
    await said(inner, cache, other)
    await said(inner, cache, edition="2")
    assert len(inner.requests) == 3


async def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    inner = FakeSpeaker()
    await said(inner, SoundCache(tmp_path, PLENTY))
    (path,) = kept(tmp_path)
    cache = SoundCache(tmp_path, 2 * path.stat().st_size + 100)
    os.utime(path, (1, 1))
    second, third = (replace(REQUEST, text=f"three {size} words") for size in ("large", "tall-"))
    await said(inner, cache, second)
    await said(inner, cache, third)
    assert not path.exists()
    assert len(kept(tmp_path)) == 2
    await said(inner, cache, second)
    assert len(inner.requests) == 3


async def test_what_is_larger_than_the_cache_is_not_kept(tmp_path: Path) -> None:
    await said(FakeSpeaker(), SoundCache(tmp_path, 100))
    assert kept(tmp_path) == []


async def test_what_was_broken_off_is_not_kept(tmp_path: Path) -> None:
    cache = SoundCache(tmp_path, PLENTY)
    with pytest.raises(EngineError):
        await said(FakeSpeaker(broken=EngineError("stopped")), cache)
    async with aclosing(CachingSpeaker(FakeSpeaker(), CASTING, cache, "1").speak(REQUEST)) as items:
        await anext(items)
    assert kept(tmp_path) == []


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"nonsense", b'{"format": 1}\n\x00'])
async def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    inner, cache = FakeSpeaker(), SoundCache(tmp_path, PLENTY)
    await said(inner, cache)
    (path,) = kept(tmp_path)
    path.write_bytes(damage)
    await said(inner, cache)
    await said(inner, cache)
    assert len(inner.requests) == 2


async def test_only_the_owner_may_read_what_is_kept(tmp_path: Path) -> None:
    await said(FakeSpeaker(), SoundCache(tmp_path, PLENTY))
    (path,) = kept(tmp_path)
    assert path.stat().st_mode & 0o077 == 0


async def test_a_folder_that_cannot_be_written_costs_nothing_but_the_cache(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert len(await said(FakeSpeaker(), SoundCache(tmp_path / "file" / "x", PLENTY))) == 4
