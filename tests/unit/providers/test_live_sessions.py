"""What every live session at a provider promises."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

import numpy as np
import pytest

from loquent.codec.bare_sound import BareSound
from loquent.domain.errors import UnsupportedOptionError, UpstreamError
from loquent.domain.live import (
    Final,
    Partial,
    SoundEncoding,
    SoundFormat,
    SpeechStarted,
    SpeechStopped,
)
from tests.unit.providers.live_talk import (
    WIRES,
    Wire,
    asked,
    calling,
    finals,
    starts,
    talked,
    texts,
)
from tests.vendors.live_hearing import LiveVendor, pcm16, speech

TALK = "alpha bravo charlie delta | echo foxtrot | golf"
PHRASES = ["alpha bravo charlie delta", "echo foxtrot", "golf"]


@pytest.fixture(params=sorted(WIRES))
def wire(request: pytest.FixtureRequest) -> Wire:
    return WIRES[request.param]


@pytest.fixture
def vendor(wire: Wire) -> LiveVendor:
    return wire.vendor()


async def test_every_utterance_gets_one_final_and_all_text_is_there(
    wire: Wire, vendor: LiveVendor
) -> None:
    async with calling(wire, vendor) as session:
        updates = await talked(session, pcm16(speech(TALK)))
    assert texts(updates) == PHRASES
    assert [final.utterance for final in finals(updates)] == [1, 2, 3]
    assert starts(updates) == [1, 2, 3]


async def test_an_utterance_starts_is_guessed_at_stops_and_is_understood(
    wire: Wire, vendor: LiveVendor
) -> None:
    async with calling(wire, vendor) as session:
        updates = await talked(session, pcm16(speech(TALK)))
    kinds = (SpeechStarted, Partial, SpeechStopped, Final)
    for number in (1, 2, 3):
        told = [type(u) for u in updates if u.utterance == number and isinstance(u, kinds)]
        assert [kind for kind, _ in groupby(told)] == list(kinds)


async def test_times_count_from_the_start_of_the_session(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        updates = await talked(session, pcm16(speech("alpha bravo | charlie")))
    first, second = finals(updates)
    assert first.start_s == pytest.approx(0.7, abs=0.05)
    assert second.start_s == pytest.approx(2.0, abs=0.05)
    assert first.start_s < first.end_s <= second.start_s < second.end_s
    for final in (first, second):
        assert final.transcript.duration_s == pytest.approx(final.end_s - final.start_s)
        assert final.transcript.model == "live-1"
        assert final.transcript.provider == "vendor"


@pytest.mark.parametrize("chunk_bytes", [1, 333, 3_200, 1_000_000])
async def test_sound_arrives_whole_however_it_is_cut(
    wire: Wire, vendor: LiveVendor, chunk_bytes: int
) -> None:
    sound = pcm16(speech("alpha"))
    async with calling(wire, vendor) as session:
        await talked(session, sound, chunk_bytes)
    (log,) = vendor.sessions
    if wire.rate_hz == 16_000:
        assert bytes(log.sound) == sound
    assert len(log.sound) / 2 / wire.rate_hz == pytest.approx(len(sound) / 2 / 16_000, abs=1e-3)


@pytest.mark.parametrize(
    ("sample_rate_hz", "encoding"),
    [
        (8_000, SoundEncoding.PCM_MULAW),
        (8_000, SoundEncoding.PCM_ALAW),
        (24_000, SoundEncoding.PCM_S16LE),
        (44_100, SoundEncoding.PCM_F32LE),
        (48_000, SoundEncoding.PCM_S16LE),
    ],
)
async def test_any_sound_is_understood(
    wire: Wire, vendor: LiveVendor, sample_rate_hz: int, encoding: SoundEncoding
) -> None:
    samples = speech("alpha hotel", sample_rate_hz)
    request = asked(sound=SoundFormat(sample_rate_hz, encoding))
    async with calling(wire, vendor, request) as session:
        updates = await talked(session, _encoded(samples, encoding), 4_001)
    assert texts(updates) == ["alpha hotel"]
    n_samples = len(vendor.sessions[0].sound) / 2
    assert n_samples / wire.rate_hz == pytest.approx(len(samples) / sample_rate_hz, abs=0.01)


async def test_half_a_sample_at_the_end_is_dropped(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        updates = await talked(session, pcm16(speech("alpha")) + b"\x01", 999)
    assert texts(updates) == ["alpha"]


async def test_speech_that_goes_on_to_the_end_is_understood(wire: Wire, vendor: LiveVendor) -> None:
    sound = pcm16(speech("alpha bravo"))[: -2 * 12_000]
    async with calling(wire, vendor) as session:
        updates = await talked(session, sound)
    assert texts(updates) == ["alpha bravo"]


async def test_a_stream_without_speech_ends_without_text(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        updates = await talked(session, bytes(32_000))
    assert [text for text in texts(updates) if text] == []


async def test_a_stream_without_sound_ends(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        updates = await talked(session, b"")
    assert updates == []


async def test_a_commit_ends_the_utterance_before_its_silence(
    wire: Wire, vendor: LiveVendor
) -> None:
    first, second = pcm16(speech("alpha bravo"))[:-25_600], pcm16(speech("charlie"))
    async with calling(wire, vendor) as session:
        updates = session.updates()
        await session.hear(first)
        number = await session.commit()
        told = [update async for update in _until_final(updates)]
        await session.hear(second)
        await session.finish()
        told += [update async for update in updates]
    assert number == 1
    assert texts(told) == ["alpha bravo", "charlie"]
    assert [f.utterance for f in finals(told)] == [1, 2]


async def test_a_commit_without_sound_ends_nothing(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        assert await session.commit() is None
    assert [m for m in vendor.sessions[0].messages if m["type"] != "session.update"] == []


async def test_what_is_cleared_is_not_told(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        await session.hear(pcm16(speech("alpha bravo"))[:-25_600])
        await session.clear()
        updates = await talked(session, pcm16(speech("charlie")))
    assert texts(updates) == ["charlie"]


async def test_the_same_terms_again_change_nothing(wire: Wire, vendor: LiveVendor) -> None:
    request = asked(language="en")
    async with calling(wire, vendor, request) as session:
        await session.configure(request)
        with pytest.raises(UnsupportedOptionError, match="Connect again"):
            await session.configure(asked(language="de"))
        assert texts(await talked(session, pcm16(speech("alpha")))) == ["alpha"]


async def test_words_that_change_are_counted(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        (final,) = finals(await talked(session, pcm16(speech("alpha bravo charlie"))))
    assert final.n_shown == 3
    assert final.n_changed == 0


async def test_leaving_closes_the_socket_and_leaves_no_task(wire: Wire, vendor: LiveVendor) -> None:
    before = asyncio.all_tasks()
    async with calling(wire, vendor) as session:
        await session.hear(pcm16(speech("alpha")))
        log = vendor.sessions[0]
        updates = session.updates()
        assert isinstance(await anext(updates), SpeechStarted)
        inside = asyncio.all_tasks()
    await asyncio.wait_for(log.has_left.wait(), 5)
    assert len(inside) > len(before)
    assert [task for task in asyncio.all_tasks() - before if not task.done()] == []


async def test_updates_end_when_the_context_is_left(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        updates = session.updates()
    assert [update async for update in updates] == []


async def test_partials_keep_the_distance_that_the_caller_wants(
    wire: Wire, vendor: LiveVendor
) -> None:
    async with calling(wire, vendor, asked(interim_s=3_600.0)) as session:
        updates = await talked(session, pcm16(speech(TALK)))
    assert len([update for update in updates if isinstance(update, Partial)]) == 1
    assert texts(updates) == PHRASES


async def test_hearing_after_the_end_of_the_session_fails(wire: Wire, vendor: LiveVendor) -> None:
    async with calling(wire, vendor) as session:
        pass
    with pytest.raises(UpstreamError):
        await session.hear(pcm16(speech("alpha")))


async def _until_final(updates: Any) -> Any:
    async for update in updates:
        yield update
        if isinstance(update, Final):
            return


def _encoded(samples: Any, encoding: SoundEncoding) -> bytes:
    match encoding:
        case SoundEncoding.PCM_S16LE:
            return pcm16(samples)
        case SoundEncoding.PCM_F32LE:
            return bytes(samples.astype("<f4").tobytes())
        case _:
            return _companded(samples, encoding)


def _companded(samples: Any, encoding: SoundEncoding) -> bytes:
    """Return the codes whose values come next, by our own reading of all codes."""
    values = BareSound(SoundFormat(16_000, encoding)).push(bytes(range(256)))
    order = np.argsort(values)
    places = np.searchsorted(values[order], samples).clip(0, 255)
    return bytes(order[places].astype(np.uint8).tobytes())
