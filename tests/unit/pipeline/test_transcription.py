"""The local path over fakes: order, languages, errors and what happens when nobody listens."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loquent.domain.audio import AudioSource, Samples, duration_s
from loquent.domain.errors import EngineError, InvalidAudioError, InvalidRequestError
from loquent.domain.request import SearchEffort, TranscriptionRequest
from loquent.domain.speakers import Channels, KnownSpeaker, SpeakerSearch
from loquent.domain.transcript import Segment, Task, Transcript
from loquent.pipeline.recognising import N_IN_FLIGHT, OPENING_S, TELLING_S
from loquent.pipeline.segmentation import MAX_PAUSE_S
from loquent.pipeline.transcription import LocalTranscriber
from loquent.ports import AudioDecoder, Lane
from tests.fakes.fake_speech import FakeDecoder, FakeDetector, FakeRecognizer, Line, silence, spoken
from tests.fakes.fake_voices import FakeAnalyst, FakeRecordings, following, recording

PAUSE_S = 2 * MAX_PAUSE_S + 1
SPEECH_S = 2.0

SOURCE = AudioSource(Path("unread"), 0)

ENGLISH = TranscriptionRequest("any", language="en")
UNKNOWN = TranscriptionRequest("any")


def talk(n_lines: int) -> list[Samples]:
    """Return a window for each line, far enough apart that each is a stretch of its own."""
    return [
        np.concatenate([silence(1.0), spoken(line, SPEECH_S), silence(PAUSE_S)])
        for line in range(n_lines)
    ]


def path(
    recognizer: FakeRecognizer, windows: Sequence[Samples] | None = None, **options: Exception
) -> tuple[LocalTranscriber, FakeDecoder]:
    decoder = FakeDecoder(talk(len(recognizer.lines)) if windows is None else windows, **options)
    return over(decoder, recognizer, FakeAnalyst()), decoder


def over(
    decoder: AudioDecoder, recognizer: FakeRecognizer, analyst: FakeAnalyst
) -> LocalTranscriber:
    return LocalTranscriber(
        "fake/one",
        decoder=decoder,
        detector=FakeDetector(),
        recognizers=recognizer,
        following=following(analyst, decoder),
    )


async def collected(
    local: LocalTranscriber, request: TranscriptionRequest = ENGLISH
) -> tuple[list[Segment], Transcript]:
    async with aclosing(local.transcribe(request, SOURCE)) as updates:
        seen = [update async for update in updates]
    segments = [update for update in seen if isinstance(update, Segment)]
    transcript = seen[-1]
    assert isinstance(transcript, Transcript)
    assert len(segments) == len(seen) - 1
    return segments, transcript


async def settled() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_segments_come_in_order_though_the_second_stretch_is_done_first() -> None:
    gate = asyncio.Event()
    recognizer = FakeRecognizer([Line("one", gate=gate), Line("two"), Line("three")])
    local, _decoder = path(recognizer)
    collecting = asyncio.create_task(collected(local))
    await settled()
    assert recognizer.finished == [1, 2]
    gate.set()
    segments, transcript = await collecting
    assert [segment.text for segment in segments] == [" one", " two", " three"]
    assert transcript.text == "one two three"


async def test_ids_count_through_and_times_are_those_of_the_recording() -> None:
    recognizer = FakeRecognizer([Line("one more"), Line("two more")])
    local, _decoder = path(recognizer)
    request = TranscriptionRequest("any", language="en", word_timestamps=True)
    segments, transcript = await collected(local, request)
    assert [segment.id for segment in segments] == [0, 1]
    for index, segment in enumerate(segments):
        begin_s = 1.0 + index * (1.0 + SPEECH_S + PAUSE_S)
        assert segment.start_s == pytest.approx(begin_s, abs=0.4)
        assert segment.end_s == pytest.approx(begin_s + SPEECH_S, abs=0.4)
        assert segment.words[0].start_s == pytest.approx(segment.start_s)
        assert segment.words[-1].end_s == pytest.approx(segment.end_s)
    assert transcript.segments == tuple(segments)


async def test_the_transcript_says_what_was_done_and_by_whom() -> None:
    local, _decoder = path(FakeRecognizer([Line("one")]))
    request = TranscriptionRequest("an alias", task=Task.TRANSLATE, language="de")
    _segments, transcript = await collected(local, request)
    assert (transcript.task, transcript.language) == (Task.TRANSLATE, "de")
    assert (transcript.model, transcript.provider) == ("fake/one", "local")
    assert transcript.duration_s == duration_s(np.concatenate(talk(1)))


async def test_the_engine_hears_the_speech_of_each_stretch() -> None:
    recognizer = FakeRecognizer([Line("one"), Line("two")])
    local, _decoder = path(recognizer)
    await collected(local)
    for index, heard in enumerate(recognizer.heard):
        assert heard.line == index
        assert np.count_nonzero(heard.samples) == len(spoken(index, SPEECH_S))


async def test_the_engine_is_told_what_the_caller_wants() -> None:
    recognizer = FakeRecognizer([Line("one"), Line("two")])
    local, _decoder = path(recognizer)
    request = TranscriptionRequest(
        "any",
        task=Task.TRANSLATE,
        language="de",
        prompt="a b",
        hotwords="c",
        temperature=0.4,
        word_timestamps=True,
        token_scores=True,
        search=SearchEffort(beam_size=3, best_of=2),
    )
    _segments, transcript = await collected(local, request)
    for options in (heard.options for heard in recognizer.heard):
        assert (options.task, options.language) == (Task.TRANSLATE, "de")
        assert (options.prompt, options.hotwords) == ("a b", "c")
        assert (options.temperature, options.beam_size, options.best_of) == (0.4, 3, 2)
        assert (options.word_timestamps, options.token_scores) == (True, True)
    assert transcript.n_prompt_tokens == 3


async def test_all_stretches_of_a_recording_share_one_share_and_no_other_does() -> None:
    recognizer = FakeRecognizer([Line("one"), Line("two")])
    for _ in range(2):
        await collected(path(recognizer)[0])
    first, second, third, fourth = (heard.options.share for heard in recognizer.heard)
    assert first == second != third == fourth


async def test_the_opening_is_more_urgent_than_the_rest() -> None:
    windows = [spoken(0, SPEECH_S), silence(OPENING_S), spoken(1, SPEECH_S)]
    recognizer = FakeRecognizer([Line("one"), Line("two")])
    await collected(path(recognizer, windows)[0])
    assert [heard.options.lane for heard in recognizer.heard] == [Lane.SHORT, Lane.LONG]


async def test_the_language_of_the_caller_is_not_questioned() -> None:
    recognizer = FakeRecognizer([Line("eins", language="de"), Line("two")])
    _segments, transcript = await collected(path(recognizer)[0], ENGLISH)
    assert [heard.options.language for heard in recognizer.heard] == ["en", "en"]
    assert transcript.language == "en"


async def test_the_first_stretch_with_text_decides_the_language() -> None:
    recognizer = FakeRecognizer(
        [Line("", language="fr"), Line("zwei", language="de"), Line("three"), Line("four")]
    )
    _segments, transcript = await collected(path(recognizer)[0], UNKNOWN)
    assert [heard.options.language for heard in recognizer.heard] == [None, None, "de", "de"]
    assert transcript.language == "de"


async def test_a_short_beginning_is_heard_in_the_language_of_what_follows() -> None:
    recognizer = FakeRecognizer(
        [Line("hello"), Line("how are you", language="de"), Line("well"), Line("fine")]
    )
    lengths_s = (SPEECH_S, TELLING_S, 2 * TELLING_S, SPEECH_S)
    windows = [
        np.concatenate([spoken(line, length_s), silence(PAUSE_S)])
        for line, length_s in enumerate(lengths_s)
    ]
    segments, transcript = await collected(path(recognizer, windows)[0], UNKNOWN)
    languages = {heard.line: heard.options.language for heard in recognizer.heard}
    assert languages == {0: "de", 1: None, 2: "de", 3: "de"}
    assert [each.text for each in segments] == [" hello", " how are you", " well", " fine"]
    assert transcript.language == "de"


async def test_an_error_in_what_tells_the_language_reaches_the_caller() -> None:
    recognizer = FakeRecognizer([Line("one", error=EngineError("broken")), Line("two")])
    local, decoder = path(recognizer)
    with pytest.raises(EngineError, match="broken"):
        await collected(local, UNKNOWN)
    assert decoder.n_closed == 1


@pytest.mark.parametrize("windows", [[], [silence(5.0)], [silence(0.01)]])
async def test_a_recording_without_speech_gives_an_empty_transcript(
    windows: list[Samples],
) -> None:
    recognizer = FakeRecognizer([Line("one")])
    segments, transcript = await collected(path(recognizer, windows)[0], UNKNOWN)
    assert (segments, recognizer.heard) == ([], [])
    assert (transcript.text, transcript.segments, transcript.language) == ("", (), None)
    assert transcript.duration_s == sum(map(duration_s, windows))


async def test_speech_that_is_not_understood_gives_an_empty_transcript() -> None:
    segments, transcript = await collected(path(FakeRecognizer([Line("")] * 3))[0], UNKNOWN)
    assert (segments, transcript.text, transcript.language) == ([], "", None)


async def test_only_so_many_stretches_are_in_flight() -> None:
    gate = asyncio.Event()
    recognizer = FakeRecognizer([Line("x", gate=gate)] * (N_IN_FLIGHT + 4))
    windows = [np.concatenate([spoken(0, 0.5), silence(PAUSE_S)])] * len(recognizer.lines)
    collecting = asyncio.create_task(collected(path(recognizer, windows)[0]))
    await settled()
    assert len(recognizer.heard) == N_IN_FLIGHT
    gate.set()
    segments, _transcript = await collecting
    assert len(segments) == len(recognizer.lines)


async def test_a_segment_is_told_while_the_rest_of_the_recording_is_on_its_way() -> None:
    recognizer = FakeRecognizer([Line("one"), Line("two")])
    local, decoder = path(recognizer)
    decoder.may_end = asyncio.Event()
    async with aclosing(local.transcribe(ENGLISH, SOURCE)) as updates:
        first = asyncio.ensure_future(anext(updates))
        await settled()
        assert recognizer.finished
        is_told = first.done()
        decoder.may_end.set()
        await first
    assert is_told


async def test_who_stops_listening_stops_the_work() -> None:
    gate = asyncio.Event()
    recognizer = FakeRecognizer([Line("one"), Line("two", gate=gate), Line("three", gate=gate)])
    local, decoder = path(recognizer)
    async with aclosing(local.transcribe(ENGLISH, SOURCE)) as updates:
        await anext(updates)
    await settled()
    assert sorted(recognizer.cancelled) == [1, 2]
    assert decoder.n_closed == 1


async def test_who_stops_listening_early_closes_the_decoder() -> None:
    recognizer = FakeRecognizer([Line("one"), Line("two")])
    local, decoder = path(recognizer)
    decoder.may_end = asyncio.Event()
    async with aclosing(local.transcribe(ENGLISH, SOURCE)) as updates:
        await anext(updates)
        assert decoder.n_closed == 0
    assert decoder.n_closed == 1


@pytest.mark.parametrize("n_stretches", [2, N_IN_FLIGHT + 4])
async def test_a_caller_that_is_cancelled_stops_the_work(n_stretches: int) -> None:
    gate = asyncio.Event()
    recognizer = FakeRecognizer([Line("x", gate=gate)] * n_stretches)
    local, decoder = path(recognizer)
    collecting = asyncio.create_task(collected(local))
    await settled()
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
    await settled()
    assert sorted(recognizer.cancelled) == list(range(min(n_stretches, N_IN_FLIGHT)))
    assert decoder.n_closed == 1


async def test_an_engine_error_reaches_the_caller_and_cancels_the_rest() -> None:
    gate = asyncio.Event()
    broken = EngineError("The model failed at this recording.")
    recognizer = FakeRecognizer([Line("", error=broken), Line("two", gate=gate)])
    local, decoder = path(recognizer)
    with pytest.raises(EngineError) as raised:
        await collected(local)
    await settled()
    assert raised.value is broken
    assert recognizer.cancelled == [1]
    assert decoder.n_closed == 1


async def test_a_recording_that_breaks_off_is_an_error_behind_what_was_understood() -> None:
    broken = InvalidAudioError("broken")
    local, decoder = path(FakeRecognizer([Line("one"), Line("two")]), error=broken)
    with pytest.raises(InvalidAudioError):
        await collected(local, UNKNOWN)
    assert decoder.n_closed == 1


async def test_of_several_errors_one_is_told_and_none_is_left_over() -> None:
    left_over: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: left_over.append(told))
    with pytest.raises(EngineError, match="error 0"):
        await _fail_three_times()
    gc.collect()
    await settled()
    assert left_over == []


async def _fail_three_times() -> None:
    broken = [Line("", error=EngineError(f"error {i}")) for i in range(3)]
    await collected(path(FakeRecognizer(broken))[0])


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
