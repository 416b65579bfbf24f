"""The Python client's live sessions in both dialects, over fakes and real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import openai
import pytest

from loquent import AsyncLoquent, Loquent
from loquent.api.app import ApiOptions
from loquent.client import LiveEvent, LiveFinal, LivePartial
from loquent.client.live_dialects import OpenAiDialect
from loquent.client.live_values import LiveOptions
from loquent.domain.errors import ModelNotFoundError, OverloadedError
from tests.fakes.scripted_live import ScriptedTranscriber, final, guessed, settled, started, stopped
from tests.wire.conftest import KEY
from tests.wire.realtime import RealtimeServer, realtime_server

DIALECTS = pytest.mark.parametrize("dialect", ["a15t", "openai"])
Dialect = Literal["a15t", "openai"]
SECOND = bytes(32_000)
REFUSALS = {
    "unknown": ModelNotFoundError("the model 'unknown' does not exist here", param="model"),
    "busy": OverloadedError("The server already follows 4 live sessions.", retry_after_s=5),
}
SCRIPT = (
    (started(1, 0.2), guessed(1, "Ever"), settled(1, "Ever")),
    (settled(1, " tried."), stopped(1, 1.6), final(1, "Ever tried.")),
)


@pytest.fixture
def server() -> Iterator[RealtimeServer]:
    with realtime_server(ScriptedTranscriber(refusals=REFUSALS), ApiOptions(api_key=KEY)) as server:
        yield server


@pytest.fixture
def client(server: RealtimeServer) -> Iterator[Loquent]:
    with Loquent(base_url=server.base_url, api_key=KEY) as client:
        yield client


def said_in(events: list[LiveEvent]) -> str:
    """Join finals: one may hold several utterances, if they were waiting at the end."""
    return " ".join(event.text for event in events if isinstance(event, LiveFinal))


@DIALECTS
def test_what_is_said_is_followed_to_its_end(
    server: RealtimeServer, client: Loquent, dialect: Dialect
) -> None:
    server.live.script = SCRIPT
    with client.audio.transcriptions.live(
        model="whisper-1",
        dialect=dialect,
        language="en",
        prompt="Beckett",
        diarise=True,
        silence_ms=700,
        preference="speed",
        allowed_providers=["local"],
        eu_native=False,
    ) as session:
        events = list(session.follow([SECOND, SECOND, SECOND]))
    assert said_in(events) == "Ever tried. hello there"
    assert isinstance(events[-1], LiveFinal)
    assert events[-1].speaker == "A"
    request = server.live.request
    assert (request.language, request.prompt, request.speakers) == ("en", "Beckett", True)
    assert request.sound.sample_rate_hz == 16_000
    assert request.limits.allowed_providers == frozenset({"local"})


def test_a15t_tells_words_and_times(client: Loquent) -> None:
    with client.audio.transcriptions.live(model="whisper-1") as session:
        (said,) = [e for e in session.follow([SECOND]) if isinstance(e, LiveFinal)]
    assert (said.text, said.start_s, said.end_s) == ("hello there", 0.0, 1.0)
    assert [(word.text, word.start_s, word.end_s) for word in said.words] == [
        ("hello", 0.0, 0.5),
        ("there", 0.5, 1.0),
    ]


@DIALECTS
def test_partials_come_while_it_is_said(
    server: RealtimeServer, client: Loquent, dialect: Dialect
) -> None:
    server.live.script = SCRIPT
    with client.audio.transcriptions.live(model="whisper-1", dialect=dialect) as session:
        session.send(SECOND)
        partial = next(iter(session))
        assert isinstance(partial, LivePartial)
        assert partial.text == "Ever"
        session.send(SECOND)
        session.finish()
        assert said_in(list(session)).startswith("Ever tried.")


def test_openai_tells_times(server: RealtimeServer, client: Loquent) -> None:
    server.live.script = SCRIPT
    with client.audio.transcriptions.live(model="whisper-1", dialect="openai") as session:
        events = list(session.follow([SECOND, SECOND]))
    said = next(event for event in events if isinstance(event, LiveFinal))
    assert LivePartial("Ever", said.utterance) in events
    assert (said.text, said.start_s, said.end_s) == ("Ever tried.", 0.2, 1.6)


def test_all_is_told_only_when_every_utterance_is() -> None:
    side = OpenAiDialect(LiveOptions("whisper-1"))
    for chunk in (SECOND, SECOND):
        side.sound(chunk)
    side.ending()

    def told(kind: str, item: str, **fields: object) -> list[LiveEvent]:
        return list(side.read(json.dumps({"type": kind, "item_id": item, **fields})))

    for item, start_ms, end_ms in (("early", 0, 900), ("late", 1000, 2200)):
        told("input_audio_buffer.speech_started", item, audio_start_ms=start_ms)
        told("input_audio_buffer.speech_stopped", item, audio_end_ms=end_ms)
    completed = "conversation.item.input_audio_transcription.completed"
    told(completed, "late", transcript="failed.")
    assert not side.is_over
    (said,) = told(completed, "early", transcript="Ever tried, ever")
    assert said == LiveFinal("Ever tried, ever", 0.0, 0.9, utterance="early")
    assert side.is_over


@DIALECTS
def test_silence_ends_without_a_word(client: Loquent, dialect: Dialect) -> None:
    with client.audio.transcriptions.live(model="whisper-1", dialect=dialect) as session:
        assert list(session.follow([b""])) == []


@DIALECTS
def test_sound_may_be_sent_by_hand(client: Loquent, dialect: Dialect) -> None:
    with client.audio.transcriptions.live(model="whisper-1", dialect=dialect) as session:
        session.send(SECOND)
        session.finish()
        assert said_in(list(session)) == "hello there"


def test_who_commits_by_hand_says_where_an_utterance_ends(
    server: RealtimeServer, client: Loquent
) -> None:
    live = client.audio.transcriptions.live
    with live(model="whisper-1", dialect="openai", turn_detection=None) as session:
        session.send(SECOND)
        session.commit()
        first = next(event for event in session if isinstance(event, LiveFinal))
        assert (first.text, first.start_s) == ("hello there", None)
        session.send(SECOND)
        session.clear()
        session.send(SECOND)
        session.commit()
        session.send(SECOND)
        session.finish()
        rest = [event for event in session if isinstance(event, LiveFinal)]
    assert [event.text for event in rest] == ["hello there"] * 2
    assert len({event.utterance for event in (first, *rest)}) == 3
    assert not server.live.request.ends_by_silence


def test_by_hand_all_is_told_when_every_commit_is_answered() -> None:
    side = OpenAiDialect(LiveOptions("whisper-1", is_by_hand=True))
    (opening,) = [json.loads(side.opening())]
    assert opening["session"]["audio"]["input"]["turn_detection"] is None

    def told(kind: str, item: str, **fields: object) -> list[LiveEvent]:
        return list(side.read(json.dumps({"type": kind, "item_id": item, **fields})))

    said = "conversation.item.input_audio_transcription"
    side.sound(SECOND)
    side.commit()
    (last,) = side.ending()
    refusal = {"event_id": json.loads(last)["event_id"], "message": "buffer too small"}
    told("error", "", error=refusal)
    assert not side.is_over
    told("input_audio_buffer.committed", "a")
    assert told(f"{said}.delta", "a", delta="Ever") == [LivePartial("Ever", "a")]
    assert not side.is_over
    assert told(f"{said}.completed", "a", transcript="") == [LiveFinal("", utterance="a")]
    assert side.is_over


def test_what_is_cleared_is_waited_for_no_more() -> None:
    side = OpenAiDialect(LiveOptions("whisper-1", is_by_hand=True))
    side.sound(SECOND)
    delta = {"type": "conversation.item.input_audio_transcription.delta", "item_id": "a"}
    assert list(side.read(json.dumps({**delta, "delta": "Ever"})))
    side.clear()
    list(side.read(json.dumps({"type": "input_audio_buffer.cleared"})))
    (last,) = side.ending()
    error = {"event_id": json.loads(last)["event_id"]}
    assert not side.is_over
    list(side.read(json.dumps({"type": "error", "error": error})))
    assert side.is_over


async def test_too_little_to_commit_is_a_bad_request(server: RealtimeServer) -> None:
    async with (
        AsyncLoquent(base_url=server.base_url, api_key=KEY) as client,
        client.audio.transcriptions.live(
            model="whisper-1", dialect="openai", turn_detection=None
        ) as session,
    ):
        await session.send(SECOND[:320])
        await session.commit()
        with pytest.raises(openai.BadRequestError, match="too small") as refused:
            assert not [event async for event in session]
        assert refused.value.code == "input_audio_buffer_commit_empty"
        await session.send(SECOND)
        await session.clear()
        await session.finish()
        assert not [event async for event in session]


def test_a15t_has_no_turns_by_hand(client: Loquent) -> None:
    live = client.audio.transcriptions.live
    with pytest.raises(ValueError, match="dialect='openai'"):
        live(model="whisper-1", turn_detection=None)
    with live(model="whisper-1") as session:
        for move in (session.commit, session.clear):
            with pytest.raises(ValueError, match="dialect='openai'"):
                move()


@DIALECTS
async def test_asynchronously_too(server: RealtimeServer, dialect: Dialect) -> None:
    server.live.script = SCRIPT

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield SECOND

    async with (
        AsyncLoquent(base_url=server.base_url, api_key=KEY) as client,
        client.audio.transcriptions.live(model="whisper-1", dialect=dialect) as session,
    ):
        events = [event async for event in session.follow(chunks())]
    assert said_in(events) == "Ever tried. hello there"


@DIALECTS
@pytest.mark.parametrize(
    ("model", "key", "kind"),
    [
        ("whisper-1", "wrong", openai.AuthenticationError),
        ("unknown", KEY, openai.NotFoundError),
        ("busy", KEY, openai.RateLimitError),
    ],
)
async def test_errors_are_those_of_openai(
    server: RealtimeServer, dialect: Dialect, model: str, key: str, kind: type[openai.APIError]
) -> None:
    async with AsyncLoquent(base_url=server.base_url, api_key=key) as client:
        with pytest.raises(kind):
            async with client.audio.transcriptions.live(model=model, dialect=dialect) as session:
                assert not [event async for event in session.follow([SECOND])]
    with (
        Loquent(base_url=server.base_url, api_key=key) as other,
        other.audio.transcriptions.live(model=model, dialect=dialect) as live,
        pytest.raises(kind),
    ):
        list(live.follow([SECOND]))


@DIALECTS
def test_a_wrong_field_is_a_bad_request(client: Loquent, dialect: Dialect) -> None:
    live = client.audio.transcriptions.live
    with (
        live(model="whisper-1", dialect=dialect, sample_rate=1) as session,
        pytest.raises(openai.BadRequestError, match="rate"),
    ):
        list(session.follow([SECOND]))


def test_what_the_sound_raises_is_raised(client: Loquent) -> None:
    def broken() -> Iterator[bytes]:
        yield SECOND
        raise RuntimeError("the microphone is gone")

    with (
        client.audio.transcriptions.live(model="whisper-1") as session,
        pytest.raises(RuntimeError, match="microphone"),
    ):
        list(session.follow(broken()))


async def test_nobody_there_is_a_failed_connection() -> None:
    address = "http://127.0.0.1:9/v1"
    with Loquent(base_url=address) as client, pytest.raises(openai.APIConnectionError):
        client.audio.transcriptions.live(model="m").__enter__()
    async with AsyncLoquent(base_url=address) as other:
        with pytest.raises(openai.APIConnectionError):
            await other.audio.transcriptions.live(model="m").__aenter__()
