"""What every `LiveTranscriber` promises, asked of each one there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import numpy as np
import pytest

from loquent.domain.audio import Samples
from loquent.domain.errors import (
    InvalidRequestError,
    LoquentError,
    ModelNotFoundError,
    OverloadedError,
)
from loquent.domain.live import (
    Final,
    LiveRequest,
    LiveUpdate,
    Partial,
    Settled,
    SoundFormat,
    SpeechStarted,
    SpeechStopped,
)
from loquent.domain.model import ModelCard
from loquent.ports import LiveBoard, LiveSession, LiveTranscriber, SpeechRecognizer
from loquent.realtime.transcriber import LocalLiveTranscriber
from loquent.routing.live import LiveRouter
from tests.assets import SAMPLE_TEXT, sample
from tests.engines.weights import detector, recognizer, samples_of, word_error_rate
from tests.fakes.fake_live_recognizer import FakeLiveRecognizer, sentence
from tests.fakes.fake_live_transcriber import FakeLiveTranscriber
from tests.fakes.fake_speech import FakeDetector, silence
from tests.fakes.fake_voices import VOICES_MODEL, FakeAnalyst
from tests.unit.realtime.stage import CAST, pcm
from tests.unit.routing.models import TINY, names
from tests.unit.routing.places import planner

SERVES: ModelCard = TINY

REQUEST = LiveRequest(SERVES.id, SoundFormat(16_000), ends_by_silence=False)

_REAL = [pytest.mark.engine, pytest.mark.xdist_group("engines")]

REAL = [pytest.param("local", marks=_REAL)]

FAKE = [pytest.param("fake"), pytest.param("local over fakes"), pytest.param("router")]


@dataclass
class Adapter:
    """One `LiveTranscriber`, and what it is asked about.

    Attributes:
        answer: the same by another voice.
    """

    transcriber: LiveTranscriber
    board: LiveBoard
    speech: Samples
    answer: Samples


class Follower:
    """A `LiveRecognizerSource` of weights that are in memory already."""

    @asynccontextmanager
    async def live_recognizer(self, model_id: str) -> AsyncIterator[SpeechRecognizer]:
        yield recognizer(model_id)


def adapter(
    name: str, refusal: LoquentError | None = None, absence: LoquentError | None = None
) -> Adapter:
    """Build an adapter.

    Args:
        refusal: why nobody is followed.
        absence: why nobody is told apart.
    """
    analyst = FakeAnalyst(CAST, absence=absence)
    spoken = sentence("one", "two", "three", "four"), sentence("six", "seven", "eight", "nine")
    if name == "fake":
        fake = FakeLiveTranscriber(refusal, absence=absence)
        return Adapter(fake, fake, *spoken)
    if name == "local":
        local = LocalLiveTranscriber(
            SERVES.id,
            detector=detector(),
            recognizers=Follower(),
            analysts=analyst,
            diarization_model=VOICES_MODEL,
        )
        return Adapter(local, local, samples_of(sample()), samples_of(sample()))
    over_fakes = LocalLiveTranscriber(
        SERVES.id,
        detector=FakeDetector(),
        recognizers=FakeLiveRecognizer(refusal=refusal),
        analysts=analyst,
        diarization_model=VOICES_MODEL,
    )
    front = LiveRouter(planner(names(SERVES)), lambda _candidate: over_fakes)
    served: LiveTranscriber = front if name == "router" else over_fakes
    return Adapter(served, over_fakes, *spoken)


@pytest.fixture(params=[*FAKE, *REAL])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def on(name: str) -> Adapter:
    return adapter(name)


only_real = pytest.mark.parametrize("name", REAL)

without_weights = pytest.mark.parametrize("name", FAKE)


async def hear(session: LiveSession, samples: Samples) -> None:
    """Send sound in packets of 100 ms."""
    sound = pcm(samples)
    for at in range(0, len(sound), 3_200):
        await session.hear(sound[at : at + 3_200])
        await asyncio.sleep(0)


async def told(session: LiveSession) -> list[LiveUpdate]:
    return [update async for update in session.updates()]


async def conversation(on: Adapter, n_utterances: int = 2) -> list[LiveUpdate]:
    """Say the same a few times, and end each utterance but the last."""
    async with on.transcriber.open(REQUEST) as session:
        reading = asyncio.create_task(told(session))
        for number in range(1, n_utterances):
            await hear(session, on.speech)
            assert await session.commit() == number
        await hear(session, on.speech)
        await session.finish()
        return await reading


def of(updates: list[LiveUpdate], number: int) -> list[LiveUpdate]:
    return [update for update in updates if update.utterance == number]


def finals(updates: list[LiveUpdate]) -> list[Final]:
    return [update for update in updates if isinstance(update, Final)]


async def test_each_utterance_is_told_from_its_start_to_one_final(on: Adapter) -> None:
    updates = await conversation(on)
    assert [final.utterance for final in finals(updates)] == [1, 2]
    for number in (1, 2):
        started, *between, final = of(updates, number)
        assert isinstance(started, SpeechStarted)
        assert isinstance(final, Final)
        (stopped,) = [update for update in between if isinstance(update, SpeechStopped)]
        rest = between[between.index(stopped) + 1 :]
        assert all(isinstance(update, Settled) for update in rest)
        before = between[: between.index(stopped)]
        assert all(isinstance(update, Partial | Settled) for update in before)
        assert started.start_s == final.start_s <= stopped.end_s == final.end_s


@without_weights
async def test_text_that_is_settled_is_the_beginning_of_the_final(on: Adapter) -> None:
    updates = await conversation(on)
    for final in finals(updates):
        mine = of(updates, final.utterance)
        settled = "".join(update.text for update in mine if isinstance(update, Settled))
        assert settled
        assert final.transcript.text.startswith(settled.strip())


async def test_a_final_says_which_model_heard_which_words_when(on: Adapter) -> None:
    updates = await conversation(on)
    for final in finals(updates):
        transcript = final.transcript
        assert (transcript.model, transcript.language, final.error) == (SERVES.id, "en", None)
        assert transcript.duration_s == pytest.approx(final.end_s - final.start_s)
        assert transcript.text
        assert transcript.words
        assert all(
            final.start_s - 0.01 <= word.start_s <= word.end_s <= final.end_s + 0.5
            for word in transcript.words
        )


async def test_utterances_follow_one_another(on: Adapter) -> None:
    first, second = finals(await conversation(on))
    assert first.end_s <= second.start_s <= second.end_s
    heard_s = 2 * len(on.speech) / 16_000
    assert second.end_s == pytest.approx(heard_s, abs=0.05)


async def test_without_sound_there_is_nothing_to_tell(on: Adapter) -> None:
    async with on.transcriber.open(REQUEST) as session:
        assert await session.commit() is None
        await session.clear()
        await session.finish()
        assert await told(session) == []


async def test_what_was_committed_or_cleared_is_not_committed_again(on: Adapter) -> None:
    async with on.transcriber.open(REQUEST) as session:
        await hear(session, on.speech)
        assert await session.commit() == 1
        assert await session.commit() is None
        await hear(session, on.speech)
        await session.clear()
        assert await session.commit() is None
        await session.finish()
        assert [final.utterance for final in finals(await told(session))] == [1]


async def test_terms_may_change_on_the_way_but_not_the_format(on: Adapter) -> None:
    async with on.transcriber.open(REQUEST) as session:
        await session.configure(replace(REQUEST, sound=SoundFormat(8_000)))
        await session.configure(REQUEST)
        await hear(session, on.speech)
        await session.configure(replace(REQUEST, prompt="Nature."))
        with pytest.raises(InvalidRequestError):
            await session.configure(replace(REQUEST, sound=SoundFormat(8_000)))
        await session.finish()
        assert len(finals(await told(session))) == 1


async def test_sessions_side_by_side_do_not_mix(on: Adapter) -> None:
    alone = finals(await conversation(on))
    for updates in await asyncio.gather(*(conversation(on) for _ in range(3))):
        texts = [final.transcript.text for final in finals(updates)]
        assert texts == [final.transcript.text for final in alone]


async def test_open_sessions_are_listed_the_oldest_first(on: Adapter) -> None:
    assert list(on.board.sessions()) == []
    async with on.transcriber.open(REQUEST) as older:
        await hear(older, silence(2.0))
        async with on.transcriber.open(REQUEST) as newer:
            await hear(newer, silence(1.0))
            listed = on.board.sessions()
            assert [activity.heard_s for activity in listed] == [2.0, 1.0]
            assert {activity.model for activity in listed} == {SERVES.id}
            assert len({activity.id for activity in listed}) == 2
            assert all(activity.age_s >= 0.0 for activity in listed)
            assert all(activity.n_changed <= activity.n_shown for activity in listed)
        assert len(on.board.sessions()) == 1
    assert list(on.board.sessions()) == []


async def test_leaving_ends_the_updates_and_all_work(on: Adapter) -> None:
    async with on.transcriber.open(REQUEST) as session:
        reading = asyncio.create_task(told(session))
        await hear(session, on.speech)
    await reading
    assert list(on.board.sessions()) == []


async def test_who_fails_inside_leaves_nothing_behind(on: Adapter) -> None:
    async def fail() -> None:
        async with on.transcriber.open(REQUEST) as session:
            await hear(session, on.speech)
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        await fail()
    assert list(on.board.sessions()) == []


@without_weights
async def test_who_cannot_be_followed_is_told_at_once(name: str) -> None:
    refusing = adapter(name, OverloadedError("Too many.", retry_after_s=5.0))
    with pytest.raises(OverloadedError):
        async with refusing.transcriber.open(REQUEST):
            pytest.fail("it was opened")
    assert list(refusing.board.sessions()) == []


async def dialogue(on: Adapter, session: LiveSession) -> list[Final]:
    """Say something, be answered, go on; return what was told."""
    reading = asyncio.create_task(told(session))
    for part in (on.speech, on.answer, on.speech):
        await hear(session, part)
        await session.commit()
    await session.finish()
    return finals(await reading)


async def test_nobody_is_named_where_nobody_asks(on: Adapter) -> None:
    async with on.transcriber.open(REQUEST) as session:
        for final in await dialogue(on, session):
            assert final.speaker is None
            assert {segment.speaker for segment in final.transcript.segments} == {None}
            assert {word.speaker for word in final.transcript.words} == {None}


@without_weights
async def test_who_speaks_is_told_where_it_is_asked_for(on: Adapter) -> None:
    async with on.transcriber.open(replace(REQUEST, speakers=True)) as session:
        told_of = await dialogue(on, session)
    assert [final.speaker for final in told_of] == ["A", "B", "A"]
    for final in told_of:
        assert {segment.speaker for segment in final.transcript.segments} == {final.speaker}
        assert {word.speaker for word in final.transcript.words} == {final.speaker}


@without_weights
async def test_who_speaks_may_be_asked_for_on_the_way(on: Adapter) -> None:
    async with on.transcriber.open(REQUEST) as session:
        await session.configure(replace(REQUEST, speakers=True))
        assert [final.speaker for final in await dialogue(on, session)] == ["A", "B", "A"]


@without_weights
async def test_who_speaks_cannot_be_told_without_the_model_for_it(name: str) -> None:
    on = adapter(name, absence=ModelNotFoundError("Pull it."))
    with pytest.raises(ModelNotFoundError):
        async with on.transcriber.open(replace(REQUEST, speakers=True)):
            pytest.fail("it was opened")
    assert list(on.board.sessions()) == []
    async with on.transcriber.open(REQUEST) as session:
        with pytest.raises(ModelNotFoundError):
            await session.configure(replace(REQUEST, speakers=True))
        assert len(await dialogue(on, session)) == 3


@only_real
async def test_the_sample_is_understood(on: Adapter) -> None:
    by_silence = replace(REQUEST, ends_by_silence=True)
    async with on.transcriber.open(by_silence) as session:
        reading = asyncio.create_task(told(session))
        await hear(session, np.concatenate([on.speech, silence(1.0)]))
        await session.finish()
        text = " ".join(final.transcript.text for final in finals(await reading))
    assert word_error_rate(SAMPLE_TEXT, text) <= 0.2
