"""Whatever a server sends ends as an UpstreamError or as a transcript that makes sense."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response

from loquent.domain.audio import AudioSource
from loquent.domain.endpoints import Detail, Endpoint
from loquent.domain.errors import UpstreamError
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import SpeakerSearch
from loquent.domain.transcript import Segment, Transcript
from loquent.providers.openai.asking import asking_for
from loquent.providers.openai.events import TranscriptEvents
from loquent.providers.openai.reading import read_transcript
from loquent.providers.openai.values import OddAnswerError
from tests.unit.providers.openai_calls import DIARIZER, GPT, WHISPER, heard, recording
from tests.vendors.openai_vendor import OpenAiVendor, json_of

ASKED = TranscriptionRequest(model="anything")
NEEDS_STREAM = frozenset({Detail.STREAM})

REQUESTS = [
    (ASKED, WHISPER, {}),
    (replace(ASKED, word_timestamps=True), WHISPER, {}),
    (replace(ASKED, word_timestamps=True), WHISPER, {"granularities": "one"}),
    (replace(ASKED, token_scores=True), GPT, {}),
    (replace(ASKED, speakers=SpeakerSearch()), DIARIZER, {}),
    (
        replace(ASKED, speakers=SpeakerSearch(), word_timestamps=True),
        replace(WHISPER, details=WHISPER.details | {Detail.SPEAKERS}),
        {"diarise": "diarize"},
    ),
]

odd_numbers = st.sampled_from(
    [math.nan, math.inf, -math.inf, 1e308, -1e308, -5.0, -0.5, 10**400, 2**63, 0, 1.5, True]
)
odd_texts = st.sampled_from(["", " ", "\ud800", "nan", "1e999", "12.5", "\x00", " Hi.", "A: Hi"])
leaves = st.none() | odd_numbers | odd_texts | st.floats() | st.integers() | st.text(max_size=5)
junk = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=6,
)


DELETED = "deleted"
spoils = st.lists(st.tuples(st.integers(0, 10**6), st.just(DELETED) | leaves | junk), max_size=3)


def whole_answer() -> dict[str, Any]:
    """Return an answer that tells everything that any server tells."""
    vendor = OpenAiVendor()
    who = [{**each, "speaker_id": each["speaker"]} for each in vendor.told_turns()]
    return {
        "text": vendor.text,
        "language": "english",
        "duration": 3.25,
        "segments": [{**one, **two} for one, two in zip(vendor.told_segments(), who, strict=True)],
        "words": [{**each, "probability": 0.5, "speaker": "A"} for each in vendor.told_words()],
        "logprobs": vendor.logprobs(),
        "languages": [{"code": "en"}],
        "usage": vendor.token_usage() | {"seconds": 4},
    }


def whole_stream() -> list[dict[str, Any]]:
    """Return the events of a stream that tells everything."""
    vendor = OpenAiVendor()
    deltas = [
        {"type": "transcript.text.delta", "delta": score["token"], "logprobs": [score]}
        for score in vendor.logprobs()
    ]
    done = {"type": "transcript.text.done", "text": vendor.text, "usage": vendor.token_usage()}
    return [*deltas, *vendor.told_turns(), done | {"logprobs": vendor.logprobs()}]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return all places inside of `value`, as containers and keys."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [each for key in keys for each in places(value[key])]


def spoil(value: Any, changes: list[tuple[int, Any]]) -> None:
    """Put odd values in some places of `value`."""
    for index, odd in changes:
        found = places(value)
        if not found:
            return
        container, key = found[index % len(found)]
        if odd == DELETED:
            del container[key]
        else:
            container[key] = odd


def check_segment(segment: Segment) -> None:
    numbers = (segment.avg_logprob, segment.compression_ratio, segment.no_speech_prob)
    assert all(math.isfinite(number) for number in (*numbers, segment.temperature))
    assert 0 <= segment.start_s <= segment.end_s < 1e7
    segment.text.encode()
    for word in segment.words:
        assert 0 <= word.start_s <= word.end_s < 1e7
        assert 0 <= word.probability <= 1
        word.text.encode()
    for score in segment.token_scores:
        assert score.logprob <= 0
        score.text.encode()


def check(transcript: Transcript, request: TranscriptionRequest) -> None:
    assert 0 <= transcript.duration_s < 1e7
    transcript.text.encode()
    assert transcript.text == transcript.text.strip()
    for segment in transcript.segments:
        check_segment(segment)
        assert request.word_timestamps or not segment.words
        assert request.speakers is not None or segment.speaker is None
    starts = [segment.start_s for segment in transcript.segments]
    assert starts == sorted(starts)
    assert [segment.id for segment in transcript.segments] == list(range(len(starts)))


def read(answer: Any, asked: tuple[TranscriptionRequest, Endpoint, dict[str, str]]) -> None:
    request, place, quirks = asked
    try:
        transcript = read_transcript(answer, request, place, asking_for(place, request, quirks))
    except OddAnswerError:
        return
    check(transcript, request)


@given(junk, st.sampled_from(REQUESTS))
def test_any_junk_is_refused_or_makes_sense(
    answer: Any, asked: tuple[TranscriptionRequest, Endpoint, dict[str, str]]
) -> None:
    read(answer, asked)


@given(spoils, st.sampled_from(REQUESTS))
def test_any_answer_is_refused_or_makes_sense(
    changes: list[tuple[int, Any]],
    asked: tuple[TranscriptionRequest, Endpoint, dict[str, str]],
) -> None:
    answer = whole_answer()
    spoil(answer, changes)
    read(answer, asked)


@given(spoils, st.sampled_from([GPT, DIARIZER]))
def test_any_stream_is_refused_or_makes_sense(
    changes: list[tuple[int, Any]], place: Endpoint
) -> None:
    events: list[Any] = whole_stream()
    spoil(events, changes)
    search = SpeakerSearch() if place is DIARIZER else None
    request = replace(ASKED, needs=NEEDS_STREAM, token_scores=True, speakers=search)
    reader = TranscriptEvents(request, place, asking_for(place, request, {}))
    try:
        told = [segment for event in events if (segment := reader.read(event)) is not None]
        transcript = reader.transcript()
    except OddAnswerError:
        return
    for segment in told:
        check_segment(segment)
    check(transcript, request)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        "text",
        {},
        {"text": None},
        {"text": 7},
        {"text": "x", "segments": 7},
        {"text": "x", "segments": [None]},
        {"text": "x", "segments": [{"start": 0, "end": 1}]},
        {"text": "x", "segments": [{"text": "x", "start": 0}]},
        {"text": "x", "segments": [{"text": "x", "start": -9, "end": 1}]},
        {"text": "x", "segments": [{"text": "x", "start": 0, "end": math.nan}]},
        {"text": "x", "segments": [{"text": "x", "start": 0, "end": 1e9}]},
        {"text": "x", "words": {"word": "x"}},
        {"text": "x", "words": [{"start": 0, "end": 1}]},
        {"text": "x", "words": [{"word": "x", "start": "a", "end": 1}]},
        {"text": "x", "duration": math.inf},
        {"text": "x", "duration": "long"},
        {"text": "x", "duration": 10**400},
        {"text": "x", "usage": {"seconds": -7}},
    ],
)
async def test_what_means_nothing_is_an_upstream_error(tmp_path: Path, answer: Any) -> None:
    with pytest.raises(UpstreamError, match="acme sent an answer that cannot be read: "):
        await heard(OpenAiVendor(reply=json_of(answer)), WHISPER, ASKED, recording(tmp_path))


@pytest.mark.parametrize("score", [{"token": "x"}, {"logprob": -1}, {"token": 1, "logprob": -1}])
async def test_half_a_score_is_an_upstream_error(tmp_path: Path, score: Any) -> None:
    vendor = OpenAiVendor(reply=json_of({"text": "x", "logprobs": [score]}))
    request = replace(ASKED, token_scores=True)
    with pytest.raises(UpstreamError, match="a log probability is incomplete"):
        await heard(vendor, GPT, request, recording(tmp_path))


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b'{"text": "x"', b"[" * 100_000, b"\xff\xfe", b"9" * 5000]
)
async def test_what_is_no_json_is_an_upstream_error(tmp_path: Path, content: bytes) -> None:
    vendor = OpenAiVendor(reply=Response(content, media_type="application/json"))
    with pytest.raises(UpstreamError, match="cannot be read"):
        await heard(vendor, WHISPER, ASKED, recording(tmp_path))


@pytest.fixture
def source(tmp_path: Path) -> AudioSource:
    return recording(tmp_path)


async def test_half_a_character_becomes_a_question_mark(source: AudioSource) -> None:
    vendor = OpenAiVendor(reply=json_of({"text": "Hi \ud83d"}))
    _, transcript = await heard(vendor, WHISPER, ASKED, source)
    assert transcript.text == "Hi ?"


async def test_junk_beside_the_text_is_passed_over(source: AudioSource) -> None:
    segment = {"text": " Hi", "start": 0, "end": 1, "tokens": [1, "x"], "avg_logprob": math.nan}
    answer = {"text": "Hi", "segments": [segment], "language": 7, "usage": [], "extra": {}}
    _, transcript = await heard(OpenAiVendor(reply=json_of(answer)), WHISPER, ASKED, source)
    assert transcript.segments[0].tokens == ()
    assert transcript.segments[0].avg_logprob == 0.0
