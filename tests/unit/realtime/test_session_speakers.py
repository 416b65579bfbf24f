"""A session that is asked for speakers names them, and loses no word over it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from loquent.domain.audio import duration_s
from loquent.domain.errors import EngineError, ModelNotFoundError, OverloadedError
from loquent.domain.live import Final, SoundFormat
from loquent.domain.transcript import join_text
from loquent.ports import WINDOW_S
from tests.fakes.fake_live_recognizer import VOCABULARY, sentence
from tests.fakes.fake_speech import silence, spoken
from tests.fakes.fake_voices import VOICES_MODEL
from tests.unit.engines.scheduling.fake_engine import settle
from tests.unit.realtime.stage import NOISE, Stage, pcm, stage
from tests.unit.realtime.streams import request

ASKED = request(speakers=True)

ANN, BEN = sentence("one", "two", "three", "four"), sentence("six", "seven", "eight", "nine", "ten")
"""Long enough that each is somebody."""

PAUSE = silence(1.0)


def speakers(on: Stage) -> list[str | None]:
    return [final.speaker for final in on.told(Final)]


async def test_speakers_are_told_only_where_they_are_asked_for() -> None:
    async with stage() as on:
        await on.hear(ANN, PAUSE, BEN, PAUSE)
        await on.finish()
        assert speakers(on) == [None, None]
        transcripts = [final.transcript for final in on.told(Final)]
        assert {segment.speaker for t in transcripts for segment in t.segments} == {None}
        assert (on.analyst.asked_for, on.analyst.heard) == ([], [])


async def test_everybody_has_a_letter_for_the_whole_session() -> None:
    async with stage(ASKED) as on:
        await on.hear(BEN, PAUSE, ANN, PAUSE, BEN, PAUSE, ANN)
        await on.finish()
        assert speakers(on) == ["A", "B", "A", "B"]
        assert on.analyst.asked_for == [VOICES_MODEL]
        for final in on.told(Final):
            (segment,) = final.transcript.segments
            assert segment.speaker == final.speaker
            assert {word.speaker for word in segment.words} == {final.speaker}


async def test_who_speak_without_a_pause_are_told_apart_word_by_word() -> None:
    async with stage(ASKED) as on:
        await on.hear(ANN, BEN, PAUSE)
        await on.finish()
        (final,) = on.told(Final)
        segments = final.transcript.segments
        assert [(s.id, s.speaker, s.text) for s in segments] == [
            (0, "A", " one two three four"),
            (1, "B", " six seven eight nine ten"),
        ]
        assert final.speaker == "B"
        assert join_text(segments) == final.transcript.text
        assert segments[1].start_s == pytest.approx(duration_s(ANN), abs=0.05)


async def test_an_utterance_of_several_stretches_is_named_by_all_of_them() -> None:
    talk = [sentence(*VOCABULARY[:5] * 4), silence(0.3), BEN]
    async with stage(ASKED) as on:
        await on.hear(*talk, PAUSE)
        await on.finish()
        (final,) = on.told(Final)
        assert len(on.analyst.heard) > 1
        assert [segment.speaker for segment in final.transcript.segments] == ["A", "B"]
        assert final.speaker == "A"


async def test_an_utterance_in_which_nobody_is_heard_is_of_who_spoke_last() -> None:
    short = [sentence("one"), PAUSE]
    async with stage(ASKED) as on:
        await on.hear(*short, ANN, PAUSE, BEN, PAUSE, *short)
        await on.finish()
        assert speakers(on) == [None, "A", "B", "B"]


async def test_who_is_heard_without_a_word_is_nobody() -> None:
    async with stage(ASKED) as on:
        await on.hear(spoken(NOISE, 3.0), PAUSE, ANN, PAUSE)
        await on.finish()
        assert [(final.speaker, final.transcript.text) for final in on.told(Final)] == [
            (None, ""),
            ("A", "one two three four"),
        ]


async def test_voices_are_heard_while_words_are_recognised() -> None:
    async with stage(ASKED) as on:
        on.recognizer.may_answer.clear()
        on.analyst.gate = asyncio.Event()
        await on.session.hear(pcm(np.concatenate([ANN, PAUSE])))
        await settle()
        assert (len(on.recognizer.finals), len(on.analyst.heard)) == (1, 1)
        assert on.analyst.heard[0].due_s == on.clock.now_s
        on.recognizer.may_answer.set()
        await settle()
        await on.read_waiting()
        assert not on.told(Final)
        on.analyst.gate.set()
        await on.finish()
        assert speakers(on) == ["A"]


async def test_only_what_is_said_for_good_is_heard_for_voices() -> None:
    async with stage(ASKED) as on:
        await on.hear(ANN)
        assert on.recognizer.drafts
        assert not on.analyst.heard
        await on.hear(PAUSE)
        assert duration_s(on.analyst.heard[0].samples) == pytest.approx(duration_s(ANN), abs=0.6)


async def test_a_stretch_that_is_too_long_is_heard_in_parts() -> None:
    talk = sentence(*VOCABULARY[:5] * 3, *VOCABULARY[5:] * 3)
    async with stage(ASKED) as on:
        await on.session.hear(pcm(np.concatenate([talk, PAUSE])))
        await on.finish()
        lengths_s = [duration_s(call.samples) for call in on.analyst.heard]
        assert len(lengths_s) == 2
        assert max(lengths_s) <= WINDOW_S
        assert sum(lengths_s) == pytest.approx(duration_s(talk), abs=0.6)
        (final,) = on.told(Final)
        assert [segment.speaker for segment in final.transcript.segments] == ["A", "B"]


@pytest.mark.parametrize(
    "error", [EngineError("It failed."), ModelNotFoundError("It was removed."), OverloadedError("")]
)
async def test_no_word_is_lost_where_voices_cannot_be_heard(error: Exception) -> None:
    async with stage(ASKED) as on:
        on.analyst.errors = {0: error, 2: error}
        for talk in (ANN, BEN, ANN):
            await on.session.hear(pcm(np.concatenate([talk, PAUSE])))
            await settle()
        await on.finish()
        assert [(final.speaker, final.error) for final in on.told(Final)] == [
            (None, None),
            ("A", None),
            ("A", None),
        ]
        assert on.finals == ["one two three four", "six seven eight nine ten", "one two three four"]


async def test_words_that_fail_leave_the_voices() -> None:
    async with stage(ASKED) as on:
        await on.hear(BEN)
        on.recognizer.failures.append(EngineError("It failed."))
        await on.hear(silence(0.25))
        on.recognizer.failures.extend([EngineError("It failed.")] * 5)
        await on.hear(PAUSE)
        await on.finish()
        (final,) = on.told(Final)
        assert final.error is not None
        assert (final.speaker, final.transcript.text[:3]) == ("A", "six")


class UnforeseenError(Exception):
    """A defect."""


async def test_a_defect_ends_the_updates() -> None:
    async with stage(ASKED) as on:
        on.analyst.errors = {0: UnforeseenError()}
        await on.session.hear(pcm(np.concatenate([ANN, PAUSE])))
        with pytest.raises(UnforeseenError):
            await on.read()


async def test_work_that_is_dropped_is_dropped_for_voices_too() -> None:
    async with stage(ASKED) as on:
        on.analyst.gate = asyncio.Event()
        await on.hear(ANN, silence(0.25))
        assert (on.analyst.n_running, on.analyst.n_cancelled) == (1, 0)
        await on.session.clear()
        await settle()
        assert (on.analyst.n_running, on.analyst.n_cancelled) == (0, 1)


async def test_closing_stops_the_hearing_of_voices() -> None:
    async with stage(ASKED) as on:
        on.recognizer.may_answer.clear()
        on.analyst.gate = asyncio.Event()
        await on.hear(ANN, PAUSE, BEN, PAUSE)
        assert on.analyst.n_running == 2
        await on.session.close()
        assert (on.analyst.n_running, on.analyst.n_cancelled) == (0, 2)
        assert on.recognizer.n_cancelled == len(on.recognizer.calls)


async def test_what_was_cleared_is_nobodys() -> None:
    async with stage(replace(ASKED, ends_by_silence=False)) as on:
        await on.hear(BEN, silence(0.3))
        await on.session.clear()
        await on.hear(ANN)
        await on.session.commit()
        await on.finish()
        assert [(f.speaker, f.transcript.text) for f in on.told(Final)] == [
            ("A", "one two three four")
        ]


async def test_speakers_may_be_asked_for_later_and_letters_stay() -> None:
    async with stage() as on:
        await on.hear(BEN, PAUSE)
        for wanted in (ASKED, request(), ASKED):
            await on.session.configure(wanted)
            await on.hear(ANN, PAUSE, BEN, PAUSE)
        await on.finish()
        assert speakers(on) == [None, "A", "B", None, None, "A", "B"]


async def test_without_the_model_nothing_changes() -> None:
    async with stage(replace(request(), sound=SoundFormat(8_000))) as on:
        on.analyst.absence = ModelNotFoundError("It is not installed.")
        with pytest.raises(ModelNotFoundError):
            await on.session.configure(replace(ASKED, language="de"))
        await on.session.hear(pcm(ANN[::2]))
        await on.finish()
        (final,) = on.told(Final)
        assert (final.transcript.text, final.transcript.language) == ("one two three four", "en")
        assert final.speaker is None
        assert on.session.activity().heard_s == pytest.approx(duration_s(ANN), abs=0.01)
