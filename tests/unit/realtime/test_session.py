"""Sound goes in by packets, work to the model and updates out, in bounded memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from loquent.domain.audio import Samples, duration_s
from loquent.domain.errors import InvalidRequestError
from loquent.domain.live import (
    Final,
    Partial,
    Settled,
    SoundEncoding,
    SoundFormat,
    SpeechStarted,
    SpeechStopped,
)
from loquent.ports import Lane
from loquent.realtime.commands import Effort
from loquent.realtime.ladder import MAX_FINAL_S, RUNGS, STEP_UP_S
from loquent.realtime.outbox import MAX_WAITING
from loquent.realtime.session import MAX_HELD_S
from tests.fakes.fake_live_recognizer import SPOKEN_WORD_S, VOCABULARY, sentence
from tests.fakes.fake_speech import FRAME_SAMPLES, silence
from tests.unit.engines.scheduling.fake_engine import settle
from tests.unit.realtime.stage import NAME, Stage, pcm, stage
from tests.unit.realtime.streams import request

GREETING = [sentence("one", "two", "three"), silence(1.5), sentence("four", "five")]

MANUAL = request(ends_by_silence=False)


@pytest.mark.parametrize("n_bytes", [1_001, 6_400, 1_000_000])
async def test_speech_becomes_text_however_its_bytes_are_cut(n_bytes: int) -> None:
    async with stage() as on:
        await on.hear(*GREETING, n_bytes=n_bytes)
        await on.finish()
        assert on.finals == ["one two three", "four five"]
        settled = "".join(settled.text for settled in on.told(Settled))
        assert settled == " one two three four five"


async def test_words_stand_where_they_were_said() -> None:
    async with stage() as on:
        await on.hear(silence(20.0), *GREETING)
        await on.finish()
        words = [word for final in on.told(Final) for word in final.transcript.words]
        starts_s = [20.0, 20.4, 20.8, 22.7, 23.1]
        assert [word.start_s for word in words] == pytest.approx(starts_s, abs=1e-3)


async def test_guesses_are_told_while_somebody_speaks() -> None:
    async with stage() as on:
        await on.hear(sentence(*VOCABULARY), silence(1.0))
        await on.finish()
        texts = [partial.text for partial in on.told(Partial)]
        assert texts == sorted(texts, key=len)
        assert " ".join(VOCABULARY).startswith(texts[-1])
        (final,) = on.told(Final)
        assert final.n_shown >= len(texts[-1].split())
        assert final.n_changed == 0


async def test_a_reader_is_told_at_once() -> None:
    async with stage() as on:
        reading = asyncio.create_task(on.read())
        await on.hear(sentence(*VOCABULARY))
        assert len(on.told(Partial)) >= 3
        await on.session.finish()
        await reading
        assert on.finals == [" ".join(VOCABULARY)]


async def test_the_model_is_told_what_the_caller_wants_and_how_urgent_it_is() -> None:
    wanted = replace(
        request(language="de"), prompt="Loquent.", hotwords="Aibrary", token_scores=True
    )
    async with stage(wanted) as on:
        await on.hear(*GREETING)
        await on.finish()
        options = [call.options for call in on.recognizer.calls]
        for each in options:
            assert (each.language, each.prompt, each.hotwords) == ("de", "Loquent.", "Aibrary")
            assert each.word_timestamps
            assert each.share == NAME
            assert each.token_scores is not each.is_draft
            assert each.lane is (Lane.LIVE_PARTIAL if each.is_draft else Lane.LIVE_FINAL)
        assert {each.is_draft for each in options} == {True, False}
        assert all(final.transcript.token_scores for final in on.told(Final))


async def test_what_was_said_just_before_is_heard_again_with_what_it_says() -> None:
    async with stage() as on:
        await on.hear(sentence("one"), silence(0.8), sentence("two"), silence(0.8))
        await on.finish()
        first, second = (call.options for call in on.recognizer.finals)
        assert (first.known, first.known_s) == ("", 0.0)
        assert second.known == " one"
        assert second.known_s == pytest.approx(SPOKEN_WORD_S + 0.5, abs=0.05)
        assert on.finals == ["one", "two"]


async def test_other_encodings_and_rates_are_understood() -> None:
    wanted = replace(request(), sound=SoundFormat(8_000, SoundEncoding.PCM_F32LE))
    async with stage(wanted) as on:
        steady = np.repeat(sentence("one"), 3)[::2].astype("<f4")
        await on.session.hear(steady.tobytes())
        await on.finish()
        assert on.finals == ["one"]
        assert on.session.activity().heard_s == pytest.approx(3 * SPOKEN_WORD_S, abs=1e-3)


async def test_bytes_that_fill_no_sample_are_dropped_at_the_end() -> None:
    async with stage() as on:
        await on.session.hear(pcm(sentence("one")) + b"\x7f")
        await on.finish()
        assert on.finals == ["one"]


async def test_a_session_without_sound_has_nothing_to_tell() -> None:
    async with stage() as on:
        await on.finish()
        assert on.updates == []


async def test_the_last_word_is_heard_though_no_silence_follows() -> None:
    async with stage() as on:
        await on.hear(sentence("one", "two")[:-100])
        await on.finish()
        assert on.finals == ["one two"]


async def test_speech_that_breaks_off_in_the_middle_of_a_frame_is_heard() -> None:
    async with stage() as on:
        await on.hear(sentence("one")[: 3 * FRAME_SAMPLES + FRAME_SAMPLES // 2])
        await on.finish()
        assert on.finals == ["one"]


async def test_the_caller_ends_an_utterance() -> None:
    async with stage(MANUAL) as on:
        assert await on.session.commit() is None
        await on.hear(sentence("one"), silence(2.0))
        assert await on.session.commit() == 1
        assert await on.session.commit() is None
        await on.hear(sentence("two"))
        await on.finish()
        assert on.finals == ["one", "two"]
        assert [update.start_s for update in on.told(SpeechStarted)] == [0.0, 2.4]


async def test_what_is_cleared_is_forgotten() -> None:
    async with stage(MANUAL) as on:
        await on.hear(sentence("one", "two")[:-100])
        await on.session.clear()
        assert await on.session.commit() is None
        await on.hear(silence(1.0), sentence("three"))
        await on.finish()
        assert on.finals == ["three"]


async def test_clearing_stops_the_work_at_what_is_forgotten() -> None:
    async with stage() as on:
        on.recognizer.may_answer.clear()
        await on.hear(sentence(*VOCABULARY))
        await on.session.clear()
        await settle()
        assert on.recognizer.n_cancelled == len(on.recognizer.calls) == 1


async def test_the_format_may_change_until_there_is_sound() -> None:
    async with stage(replace(request(), sound=SoundFormat(48_000))) as on:
        await on.session.configure(request())
        await on.hear(sentence("one"))
        assert on.session.activity().heard_s == SPOKEN_WORD_S
        await on.session.configure(request(language="de"))
        with pytest.raises(InvalidRequestError, match="format") as caught:
            await on.session.configure(replace(request(), sound=SoundFormat(8_000)))
        assert caught.value.param == "format"
        await on.finish()
        (final,) = on.told(Final)
        assert (final.transcript.text, final.transcript.language) == ("one", "de")


async def held_back(on: Stage, *parts: Samples) -> asyncio.Task[None]:
    """Send more than may be held; return the call that waits."""
    hearing = asyncio.create_task(on.session.hear(b"".join(map(pcm, parts))))
    for _ in range(300):
        await settle()
    assert not hearing.done()
    return hearing


async def test_sound_is_not_taken_in_faster_than_it_is_understood() -> None:
    async with stage() as on:
        on.recognizer.may_answer.clear()
        talk = [sentence(*VOCABULARY * 2), silence(1.0)]
        hearing = await held_back(on, *talk * 10)
        heard_s = on.session.activity().heard_s
        assert MAX_HELD_S < heard_s <= MAX_HELD_S + 1.0
        await settle()
        assert on.session.activity().heard_s == heard_s
        on.recognizer.may_answer.set()
        await hearing
        await on.finish()
        assert on.finals == [" ".join(VOCABULARY * 2)] * 10


async def test_sound_is_not_taken_in_faster_than_updates_are_read() -> None:
    async with stage() as on:
        talk = [sentence("one"), silence(0.8)]
        hearing = await held_back(on, *talk * 200)
        assert on.session.activity().heard_s < 200 * duration_s(np.concatenate(talk))
        reading = asyncio.create_task(on.read())
        await hearing
        await on.session.finish()
        await reading
        assert len(on.finals) == 200
        assert len(on.updates) > MAX_WAITING


async def test_a_session_tells_how_it_is_doing() -> None:
    async with stage() as on:
        on.recognizer.may_answer.clear()
        await on.hear(sentence("one", "two"), silence(1.0))
        on.clock.now_s += 2.0
        activity = on.session.activity()
        assert (activity.id, activity.model) == (NAME, "a/model")
        assert activity.age_s == activity.lag_s == 2.0
        assert activity.heard_s == pytest.approx(2 * SPOKEN_WORD_S + 1.0)
        assert activity.cadence_s == RUNGS[0].cadence_s
        on.clock.now_s += 1.0
        on.recognizer.may_answer.set()
        await settle()
        on.clock.now_s += 4.0
        activity = on.session.activity()
        assert (activity.age_s, activity.lag_s) == (7.0, 3.0)


async def test_words_that_were_shown_are_counted() -> None:
    async with stage() as on:
        await on.hear(sentence(*VOCABULARY))
        assert on.session.activity().n_shown == 0
        await on.hear(silence(1.0))
        await on.finish()
        activity = on.session.activity()
        assert activity.n_shown == on.told(Final)[0].n_shown > 0
        assert activity.n_changed == 0


async def test_late_finals_slow_the_guesses_down() -> None:
    async with stage() as on:
        for _ in range(len(RUNGS)):
            on.recognizer.may_answer.clear()
            await on.hear(sentence("one"), silence(1.0))
            on.clock.now_s += 2 * MAX_FINAL_S
            on.recognizer.may_answer.set()
            await settle()
        assert on.session.activity().cadence_s == RUNGS[-1].cadence_s
        on.recognizer.calls.clear()
        await on.hear(sentence(*VOCABULARY))
        assert not on.recognizer.calls


async def test_a_session_keeps_the_pace_that_all_sessions_of_its_model_can_keep() -> None:
    async with stage() as on:
        for _ in RUNGS:
            on.clock.now_s += STEP_UP_S
            on.ladder.observe(Effort.FINAL, 2 * MAX_FINAL_S, on.clock.now_s)
        await on.hear(sentence(*VOCABULARY))
        assert not on.recognizer.calls


async def test_a_session_can_be_closed_in_the_middle_of_everything() -> None:
    async with stage() as on:
        on.recognizer.may_answer.clear()
        hearing = await held_back(on, *[sentence(*VOCABULARY), silence(1.0)] * 20)
        hearing.cancel()
        await on.session.close()
        assert on.recognizer.n_cancelled == len(on.recognizer.calls) > 1
        await on.read()
        assert on.told(SpeechStopped)
        assert not on.finals
