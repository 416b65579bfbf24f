"""Answers that arrive as events: of OpenAI, Mistral and vLLM, whole, cut and broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import UpstreamError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Segment, TokenCount, Transcript, join_text
from tests.unit.providers.openai_calls import (
    DIARIZER,
    GPT,
    WHISPER,
    connected,
    heard,
    recording,
)
from tests.vendors.openai_vendor import KEY, OpenAiVendor, error_body, sse

STREAMED = TranscriptionRequest(model="anything", needs=frozenset({Detail.STREAM}))
WITH_SPEAKERS = replace(STREAMED, speakers=SpeakerSearch())
DELTA = {"type": "transcript.text.delta", "delta": "Good"}
MORE = {"type": "transcript.text.delta", "delta": " evening."}
DONE = {"type": "transcript.text.done", "text": "Good evening."}


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    return recording(tmp_path)


async def told(
    source: AudioSource,
    *events: Any,
    request: TranscriptionRequest = STREAMED,
    place: Endpoint = GPT,
    body: bytes | None = None,
    **quirks: str,
) -> tuple[list[Segment], Transcript]:
    """Return what is made of `events`."""
    content = sse(*events) if body is None else body
    vendor = OpenAiVendor(
        reply=Response(content, media_type="text/event-stream"),
        more_fields={"diarize"},
        more_models={"whisper-1"},
    )
    return await heard(vendor, place, request, source, quirks)


async def test_each_delta_is_told_and_the_end_tells_the_whole(source: AudioSource) -> None:
    segments, transcript = await heard(OpenAiVendor(), GPT, STREAMED, source)
    assert [segment.text for segment in segments] == ["Good", " evening.", " How", " are", " you?"]
    assert [segment.id for segment in segments] == [0, 1, 2, 3, 4]
    assert {(segment.start_s, segment.end_s) for segment in segments} == {(0.0, 0.0)}
    assert join_text(segments) == transcript.text == "Good evening. How are you?"
    assert transcript.segments == ()
    assert transcript.counted == TokenCount(n_text=7, n_audio=33, n_output=5)


async def test_deltas_carry_scores_where_they_are_asked_for(source: AudioSource) -> None:
    request = replace(STREAMED, token_scores=True)
    segments, transcript = await heard(OpenAiVendor(), GPT, request, source)
    scores = tuple(score for segment in segments for score in segment.token_scores)
    assert [score.text for score in scores] == ["Good", " evening.", " How", " are", " you?"]
    assert transcript.token_scores == scores


async def test_scores_of_deltas_stand_where_the_end_tells_none(source: AudioSource) -> None:
    scored = DELTA | {"logprobs": [{"token": "Good", "logprob": -1, "bytes": [71.0]}]}
    request = replace(STREAMED, token_scores=True)
    _, transcript = await told(source, scored, MORE, DONE, request=request)
    assert [(score.utf8, score.logprob) for score in transcript.token_scores] == [(b"G", -1.0)]


async def test_speakers_come_as_segments_and_their_text_only_once(source: AudioSource) -> None:
    segments, transcript = await heard(OpenAiVendor(), DIARIZER, WITH_SPEAKERS, source)
    assert [(s.id, s.speaker, s.start_s, s.text) for s in segments] == [
        (0, "A", 0.0, " Good evening."),
        (1, "B", 1.5, " How are you?"),
    ]
    assert tuple(segments) == transcript.segments
    assert join_text(segments) == transcript.text


async def test_names_in_the_last_text_are_left_out(source: AudioSource) -> None:
    turn = {"type": "transcript.text.segment", "id": "s", "start": 2, "end": 3, "text": "Hi."}
    early = turn | {"start": 1.5, "end": 1.75, "speaker": "B"}
    done = DONE | {"text": "A: Hi.\nB: Hi."}
    events = (turn | {"speaker": "A"}, early, turn | {"text": " ", "speaker": "A"}, done)
    segments, transcript = await told(source, *events, request=WITH_SPEAKERS, place=DIARIZER)
    assert transcript.text == "Hi. Hi."
    assert [(s.speaker, s.start_s, s.end_s) for s in segments] == [("A", 2, 3), ("B", 2, 2)]


async def test_a_diarizer_streams_plain_text_where_nobody_asks_who(source: AudioSource) -> None:
    vendor = OpenAiVendor()
    segments, transcript = await heard(vendor, DIARIZER, STREAMED, source)
    assert dict(vendor.log.last.fields())["chunking_strategy"] == "auto"
    assert [segment.text for segment in segments][:2] == ["Good", " evening."]
    assert transcript.segments == ()


@pytest.mark.parametrize("text", ["", None])
async def test_the_deltas_are_the_text_where_the_end_has_none(
    source: AudioSource, text: str | None
) -> None:
    _, transcript = await told(source, DELTA, MORE, DONE | {"text": text})
    assert transcript.text == "Good evening."


async def test_the_end_has_the_last_word(source: AudioSource) -> None:
    _, transcript = await told(source, DELTA, DONE | {"text": " Good Morning. "})
    assert transcript.text == "Good Morning."


async def test_a_text_that_comes_only_at_the_end_is_told(source: AudioSource) -> None:
    segments, transcript = await told(source, DONE)
    assert [segment.text for segment in segments] == ["Good evening."]
    assert (transcript.text, transcript.segments) == ("Good evening.", ())


async def test_nothing_after_the_end_counts(source: AudioSource) -> None:
    segments, transcript = await told(source, DELTA, MORE, DONE, DELTA, DONE | {"text": "x"})
    assert len(segments) == 2
    assert transcript.text == "Good evening."


async def test_a_stream_of_mistral_is_read(source: AudioSource) -> None:
    place = replace(GPT, details=GPT.details | {Detail.SPEAKERS})
    turn = {"type": "transcription.segment", "text": " Hi.", "start": 0.5, "end": 1.0}
    done: dict[str, Any] = {
        "type": "transcription.done",
        "model": "m",
        "text": "Hi.",
        "language": "fr",
    }
    done |= {"usage": {"prompt_audio_seconds": 3}, "segments": []}
    events = (
        {"type": "transcription.language", "audio_language": "fr"},
        {"type": "transcription.text.delta", "text": "Hi."},
        turn | {"speaker_id": "speaker_4"},
        done,
    )
    segments, transcript = await told(source, *events)
    assert [segment.text for segment in segments] == ["Hi."]
    assert (transcript.language, transcript.duration_s) == ("fr", 3.0)
    segments, _ = await told(source, *events, request=WITH_SPEAKERS, place=place, diarise="diarize")
    assert [(s.speaker, s.start_s, s.text) for s in segments] == [("A", 0.5, " Hi.")]


def _chunk(content: str, finish_reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish_reason}
    return {"object": "transcription.chunk", "choices": [choice]}


async def test_a_stream_of_vllm_is_read(source: AudioSource) -> None:
    place = replace(WHISPER, details=WHISPER.details | {Detail.STREAM})
    events = (_chunk(" Good"), _chunk(""), _chunk(" evening.", "stop"))
    segments, transcript = await told(source, *events, place=place)
    assert [segment.text for segment in segments] == [" Good", " evening."]
    assert transcript.text == "Good evening."


async def test_a_stream_of_vllm_cannot_say_who_speaks(source: AudioSource) -> None:
    with pytest.raises(UpstreamError, match="breaks off"):
        await told(source, _chunk(" Hi", "stop"), request=WITH_SPEAKERS, place=DIARIZER)


async def test_a_stream_of_vllm_that_breaks_off_is_an_error(source: AudioSource) -> None:
    with pytest.raises(UpstreamError, match="breaks off"):
        await told(source, _chunk(" Good"), _chunk(" evening."))


@pytest.mark.parametrize(
    "body",
    [
        sse(DELTA, done=False),
        sse(DELTA),
        sse(DELTA, MORE, DONE, done=False)[:-30],
        sse(DELTA, done=False) + b"data: {nonsense\n\n",
        b"",
    ],
)
async def test_a_stream_that_is_cut_is_an_error(source: AudioSource, body: bytes) -> None:
    with pytest.raises(UpstreamError, match="cannot be read"):
        await told(source, body=body)


async def test_what_came_before_the_cut_was_told(source: AudioSource) -> None:
    vendor = OpenAiVendor(reply=Response(sse(DELTA), media_type="text/event-stream"))
    async with connected(vendor) as provider:
        updates = provider.transcriber(GPT).transcribe(STREAMED, source)
        first = await anext(updates)
        with pytest.raises(UpstreamError):
            await anext(updates)
    assert isinstance(first, Segment)
    assert first.text == "Good"


@pytest.mark.parametrize(
    "failure",
    [
        error_body(f"The engine broke, {KEY}.", kind="server_error"),
        {"type": "error", **error_body("The engine broke.")},
        {"error": "The engine broke."},
    ],
)
async def test_a_failure_half_way_is_told_without_the_key(
    source: AudioSource, failure: Any
) -> None:
    with pytest.raises(UpstreamError, match="acme broke off its answer: The engine broke") as told_:
        await told(source, DELTA, failure)
    assert KEY not in told_.value.message


async def test_a_failure_without_words_is_still_one(source: AudioSource) -> None:
    with pytest.raises(UpstreamError, match=r'broke off its answer: \{"code": 7\}$'):
        await told(source, DELTA, {"error": {"code": 7}})
