"""Who says what: the local path with speakers, over fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import numpy as np
import pytest

from loquent.domain.audio import Samples
from loquent.domain.errors import EngineError, InvalidRequestError
from loquent.domain.speakers import Channels, KnownSpeaker, SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript
from loquent.pipeline.transcription import LocalTranscriber
from tests.fakes.fake_speech import FakeDecoder, FakeRecognizer, Line, silence, spoken
from tests.fakes.fake_voices import FakeAnalyst, FakeRecordings, recording
from tests.unit.pipeline.local_path import (
    ENGLISH,
    PAUSE_S,
    SOURCE,
    collected,
    over,
    path,
    settled,
)

SPEAKERS = replace(ENGLISH, speakers=SpeakerSearch())

TALK = [spoken(0, 2.0), spoken(1, 2.0), silence(PAUSE_S), spoken(2, 2.0)]
"""A and B speak one after the other, then C; what A says is recognised together with B's."""

SAID = [Line("never"), Line("one two three four"), Line("five six")]


def talking(
    recognizer: FakeRecognizer | None = None, analyst: FakeAnalyst | None = None
) -> tuple[LocalTranscriber, FakeDecoder]:
    decoder = FakeDecoder(TALK)
    return over(decoder, recognizer or FakeRecognizer(SAID), analyst or FakeAnalyst()), decoder


def by_speaker(segments: Sequence[Segment]) -> list[tuple[str | None, str]]:
    return [(segment.speaker, segment.text) for segment in segments]


async def test_who_speaks_is_told_with_the_transcript_and_not_before() -> None:
    told, transcript = await collected(talking()[0], SPEAKERS)
    assert by_speaker(told) == [(None, " one two three four"), (None, " five six")]
    assert by_speaker(transcript.segments) == [
        ("A", " one two"),
        ("B", " three four"),
        ("C", " five six"),
    ]
    assert [segment.id for segment in transcript.segments] == [0, 1, 2]
    assert transcript.text == "one two three four five six"


async def test_nobody_listens_to_voices_unless_a_caller_wants_speakers() -> None:
    analyst = FakeAnalyst()
    recognizer = FakeRecognizer(SAID)
    told, transcript = await collected(talking(recognizer, analyst)[0], ENGLISH)
    assert by_speaker(transcript.segments) == by_speaker(told)
    assert {segment.speaker for segment in told} == {None}
    assert analyst.asked_for == []
    assert not any(heard.options.word_timestamps for heard in recognizer.heard)


async def test_words_tell_speakers_apart_and_are_left_out_unless_they_are_wanted() -> None:
    recognizer = FakeRecognizer(SAID)
    told, transcript = await collected(talking(recognizer)[0], SPEAKERS)
    assert all(heard.options.word_timestamps for heard in recognizer.heard)
    assert [segment.words for segment in told] == [(), ()]
    assert transcript.words == ()


async def test_words_that_are_wanted_have_speakers_in_the_transcript() -> None:
    request = replace(SPEAKERS, word_timestamps=True)
    told, transcript = await collected(talking()[0], request)
    assert {word.speaker for segment in told for word in segment.words} == {None}
    assert "".join(word.speaker or "?" for word in transcript.words) == "AABBCC"
    assert [word.text for word in transcript.words] == transcript.text.split()


async def test_token_scores_are_parted_with_the_text() -> None:
    request = replace(SPEAKERS, token_scores=True)
    _told, transcript = await collected(talking()[0], request)
    scored = ["".join(s.text for s in segment.token_scores) for segment in transcript.segments]
    assert scored == [segment.text for segment in transcript.segments]


async def test_a_translation_goes_to_speakers_by_whole_segments() -> None:
    """Whoever speaks longest of them is told."""
    recognizer = FakeRecognizer(SAID)
    decoder = FakeDecoder([spoken(0, 1.5), spoken(1, 2.5), *TALK[2:]])
    request = replace(SPEAKERS, task=Task.TRANSLATE)
    _told, transcript = await collected(over(decoder, recognizer, FakeAnalyst()), request)
    assert by_speaker(transcript.segments) == [("B", " one two three four"), ("C", " five six")]
    assert not any(heard.options.word_timestamps for heard in recognizer.heard)


async def test_where_two_speak_at_once_words_are_by_whom_speaks_most() -> None:
    """As the turns say in which one speaks at a time; B began first."""
    windows = [spoken(0, 2.0), spoken(2, 2.0), spoken(1, 8.0)]
    decoder = FakeDecoder(windows)
    recognizer = FakeRecognizer([Line("one. two. three. four. five. six.")] * 3)
    local = over(decoder, recognizer, FakeAnalyst(cast=("B", "A", "AB")))
    _told, transcript = await collected(local, SPEAKERS)
    assert by_speaker(transcript.segments) == [
        ("A", " one."),
        ("B", " two. three. four. five. six."),
    ]


async def test_the_caller_says_how_many_speak() -> None:
    request = replace(SPEAKERS, speakers=SpeakerSearch(n_speakers=1))
    _told, transcript = await collected(talking()[0], request)
    assert {segment.speaker for segment in transcript.segments} == {"A"}


async def test_known_speakers_are_called_by_their_names() -> None:
    recordings = FakeRecordings({"talk": [TALK], "Bob": [[spoken(1, 3.0)]]})
    known = (KnownSpeaker("Bob", recording("Bob")),)
    request = replace(SPEAKERS, speakers=SpeakerSearch(known=known))
    local = over(recordings, FakeRecognizer(SAID), FakeAnalyst())
    async with aclosing(local.transcribe(request, recording())) as updates:
        *_told, transcript = [update async for update in updates]
    assert isinstance(transcript, Transcript)
    assert [segment.speaker for segment in transcript.segments] == ["A", "Bob", "B"]
    assert (recordings.n_begun, recordings.n_closed) == (2, 2)


async def test_a_known_speaker_who_is_none_is_refused_before_the_recording_is_decoded() -> None:
    recordings = FakeRecordings({"talk": [TALK], "Bob": [[silence(3.0)]]})
    known = (KnownSpeaker("Bob", recording("Bob")),)
    request = replace(SPEAKERS, speakers=SpeakerSearch(known=known))
    recognizer = FakeRecognizer(SAID)
    with pytest.raises(InvalidRequestError, match="Bob"):
        await anext(over(recordings, recognizer, FakeAnalyst()).transcribe(request, recording()))
    assert recordings.n_begun == recordings.n_closed == 1
    assert recognizer.heard == []


@pytest.mark.parametrize("windows", [[], [silence(5.0)]])
async def test_where_nobody_speaks_nobody_is_named(windows: list[Samples]) -> None:
    local, _decoder = path(FakeRecognizer([Line("one")]), windows)
    told, transcript = await collected(local, SPEAKERS)
    assert (told, transcript.segments, transcript.text) == ([], (), "")


async def test_segments_do_not_wait_for_voices() -> None:
    analyst = FakeAnalyst(gate=asyncio.Event())
    local, _decoder = talking(analyst=analyst)
    async with aclosing(local.transcribe(SPEAKERS, SOURCE)) as updates:
        told = [await anext(updates) for _ in range(2)]
        last = asyncio.ensure_future(anext(updates))
        await settled()
        assert not last.done()
        assert analyst.gate is not None
        analyst.gate.set()
        transcript = await last
    assert all(isinstance(update, Segment) for update in told)
    assert isinstance(transcript, Transcript)


@pytest.mark.parametrize("n_told", [0, 1, 2])
async def test_who_stops_listening_stops_what_tells_voices_apart(n_told: int) -> None:
    analyst = FakeAnalyst(gate=asyncio.Event())
    recognizer = FakeRecognizer([*SAID[:2], Line("five", gate=asyncio.Event())])
    local, decoder = talking(recognizer if n_told < 2 else None, analyst)
    async with aclosing(local.transcribe(SPEAKERS, SOURCE)) as updates:
        following_on = asyncio.create_task(_told(updates, n_told))
        await settled()
        assert analyst.n_running > 0
        following_on.cancel()
        await asyncio.gather(following_on, return_exceptions=True)
    await settled()
    assert analyst.n_running == 0
    assert analyst.n_cancelled == len(analyst.heard)
    assert decoder.n_closed == 1
    assert len(asyncio.all_tasks()) == 1


async def _told(updates: AsyncGenerator[Segment | Transcript], n_told: int) -> None:
    """Take so many segments, and go on waiting."""
    for _ in range(n_told):
        assert isinstance(await anext(updates), Segment)
    if n_told:
        await asyncio.Event().wait()
    await anext(updates)


@pytest.mark.parametrize("failing", [0, 1])
async def test_an_error_at_voices_reaches_the_caller_and_frees_everything(failing: int) -> None:
    broken = EngineError("broken")
    analyst = FakeAnalyst(errors={failing: broken})
    local, decoder = talking(analyst=analyst)
    with pytest.raises(EngineError) as raised:
        await collected(local, SPEAKERS)
    await settled()
    assert raised.value is broken
    assert (analyst.n_running, decoder.n_closed) == (0, 1)
    assert len(asyncio.all_tasks()) == 1


async def test_voices_are_stopped_where_recognition_fails() -> None:
    analyst = FakeAnalyst(gate=asyncio.Event())
    recognizer = FakeRecognizer([Line("", error=EngineError("broken"))])
    local, decoder = talking(recognizer, analyst)
    with pytest.raises(EngineError, match="broken"):
        await collected(local, SPEAKERS)
    assert (analyst.n_running, decoder.n_closed) == (0, 1)


CHANNELS = replace(ENGLISH, speakers=SpeakerSearch(channels=Channels.SEPARATE))

CALL = {
    SOURCE.path.name: [
        [np.concatenate([silence(5.0), spoken(1, 2.0), silence(PAUSE_S + 2.0)])],
        [np.concatenate([spoken(0, 2.0), silence(PAUSE_S + 5.0), spoken(2, 2.0)])],
    ]
}
"""Somebody answers the phone on the second channel."""

LINES = [Line("hello"), Line("it is me"), Line("who is it")]


async def test_channels_are_heard_one_by_one_and_told_in_order_with_speakers() -> None:
    recordings = FakeRecordings(CALL)
    analyst = FakeAnalyst()
    told, transcript = await collected(over(recordings, FakeRecognizer(LINES), analyst), CHANNELS)
    assert by_speaker(told) == [("A", " hello"), ("B", " it is me"), ("A", " who is it")]
    assert transcript.segments == tuple(told)
    assert transcript.text == "hello it is me who is it"
    assert not transcript.words
    assert analyst.asked_for == []
    assert recordings.n_begun == recordings.n_closed == 3


async def test_words_of_channels_are_there_when_they_are_wanted() -> None:
    local = over(FakeRecordings(CALL), FakeRecognizer(LINES), FakeAnalyst())
    told, transcript = await collected(local, replace(CHANNELS, word_timestamps=True))
    assert "".join(word.speaker or "?" for word in transcript.words) == "ABBBAAA"
    assert transcript.segments == tuple(told)


async def test_one_channel_cannot_be_told_apart() -> None:
    recordings = FakeRecordings({name: channels[:1] for name, channels in CALL.items()})
    local = over(recordings, FakeRecognizer(LINES), FakeAnalyst())
    with pytest.raises(InvalidRequestError, match="several channels"):
        await collected(local, CHANNELS)
    assert recordings.n_begun == recordings.n_closed


async def test_a_caller_that_is_cancelled_stops_the_channel_that_is_heard() -> None:
    recordings = FakeRecordings(CALL)
    recordings.may_end = asyncio.Event()
    recognizer = FakeRecognizer([Line("x", gate=asyncio.Event())] * 3)
    collecting = asyncio.create_task(
        collected(over(recordings, recognizer, FakeAnalyst()), CHANNELS)
    )
    await settled()
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
    assert recordings.n_begun == recordings.n_closed == 1
    assert recognizer.cancelled == [0]
