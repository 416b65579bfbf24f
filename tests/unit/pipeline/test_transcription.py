"""The local path over fakes: order, languages, errors and what happens when nobody listens."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing

import numpy as np
import pytest

from loquent.domain.audio import Samples, duration_s
from loquent.domain.errors import EngineError, InvalidAudioError
from loquent.domain.request import SearchEffort, TranscriptionRequest
from loquent.domain.transcript import Task
from loquent.pipeline.recognising import N_IN_FLIGHT, OPENING_S, TELLING_S
from loquent.ports import Lane
from tests.fakes.fake_speech import FakeRecognizer, Line, silence, spoken
from tests.unit.pipeline.local_path import (
    ENGLISH,
    PAUSE_S,
    SOURCE,
    SPEECH_S,
    UNKNOWN,
    collected,
    path,
    settled,
    talk,
)


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
