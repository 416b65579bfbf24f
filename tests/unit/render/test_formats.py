"""The table of formats, and the bodies in JSON and plain text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import TranscriptionVerbose

from loquent.domain.transcript import Task, TokenScore, Transcript, Word
from loquent.render import Granularity, RenderOptions, ResponseFormat, UsageForm, render
from tests.unit.render.transcripts import segment_of, transcript_of

ANSWER_ID, CREATED_S = "trs_1", 1_715_155_200
SEGMENT_KEYS = {
    "id", "seek", "start", "end", "text", "tokens", "temperature", "avg_logprob",
    "compression_ratio", "no_speech_prob",
}  # fmt: skip
WORDS = (Word("Hello,", 0.0, 0.5, 0.9), Word(" world", 0.5, 1.0, 0.9))
HELLO = segment_of(" Hello, world", scores=[TokenScore(" Hé", " Hé".encode(), -0.12345678)])


def options(form: ResponseFormat, **changes: Any) -> RenderOptions:
    return RenderOptions(format=form, answer_id=ANSWER_ID, created_s=CREATED_S, **changes)


def rendered(transcript: Transcript, form: ResponseFormat, **changes: Any) -> Any:
    answer = render(transcript, options(form, **changes))
    assert answer.media_type == "application/json"
    return json.loads(answer.body, parse_constant=pytest.fail)


def test_json_says_what_was_said_and_who_answered() -> None:
    assert rendered(transcript_of(HELLO), ResponseFormat.JSON) == {
        "id": ANSWER_ID,
        "object": "audio.transcription",
        "created": CREATED_S,
        "provider": "local",
        "model": "whisper-base",
        "language": "en",
        "text": "Hello, world",
        "segments": [{"id": 0, "start": 0.0, "end": 1.0, "text": " Hello, world"}],
        "usage": {"type": "duration", "seconds": 9},
    }


def test_json_of_silence_has_no_language_and_no_segments() -> None:
    body = rendered(transcript_of(language=None), ResponseFormat.JSON)
    assert (body["text"], body["language"], body["segments"]) == ("", None, [])


def test_json_names_a_translation() -> None:
    body = rendered(transcript_of(HELLO, task=Task.TRANSLATE, language="fr"), ResponseFormat.JSON)
    assert (body["object"], body["language"]) == ("audio.translation", "fr")


def test_json_counts_ten_audio_tokens_for_each_started_second() -> None:
    transcript = transcript_of(HELLO, n_prompt_tokens=3)
    body = rendered(transcript, ResponseFormat.JSON, usage_form=UsageForm.TOKENS)
    assert body["usage"] == {
        "type": "tokens",
        "input_tokens": 93,
        "input_token_details": {"text_tokens": 3, "audio_tokens": 90},
        "output_tokens": 2,
        "total_tokens": 95,
    }


@pytest.mark.parametrize(("duration_s", "seconds"), [(0.0, 0), (0.01, 1), (9.0, 9), (9.001, 10)])
def test_seconds_of_usage_are_rounded_up(duration_s: float, seconds: int) -> None:
    body = rendered(transcript_of(HELLO, duration_s=duration_s), ResponseFormat.JSON)
    assert body["usage"]["seconds"] == seconds


def test_json_lists_logprobs_with_the_bytes_of_each_token() -> None:
    body = rendered(transcript_of(HELLO), ResponseFormat.JSON, logprobs=True)
    assert body["logprobs"] == [{"token": " Hé", "logprob": -0.123457, "bytes": [32, 72, 195, 169]}]


def test_json_leaves_other_scripts_readable() -> None:
    answer = render(transcript_of(segment_of(" 안녕하세요")), options(ResponseFormat.JSON))
    assert "안녕하세요".encode() in answer.body


def test_verbose_json_has_the_keys_of_the_openai_api_in_their_order() -> None:
    transcript = transcript_of(HELLO)
    body = rendered(transcript, ResponseFormat.VERBOSE_JSON)
    assert list(body)[:6] == ["task", "language", "duration", "text", "segments", "usage"]
    assert (body["task"], body["language"], body["duration"]) == ("transcribe", "english", 8.47)
    assert set(body["segments"][0]) == SEGMENT_KEYS
    assert body["segments"][0]["text"] == " Hello, world"
    assert (body["provider"], body["model"]) == ("local", "whisper-base")
    TranscriptionVerbose.model_validate(body)


@pytest.mark.parametrize(
    "asked", [set(), {Granularity.WORD}, {Granularity.SEGMENT}, set(Granularity)]
)
def test_verbose_json_shows_exactly_the_granularities_asked(asked: set[Granularity]) -> None:
    transcript = transcript_of(segment_of(" Hello, world", words=WORDS))
    body = rendered(transcript, ResponseFormat.VERBOSE_JSON, granularities=frozenset(asked))
    assert {"words", "segments"} & set(body) == {f"{granularity}s" for granularity in asked}


def test_words_carry_no_leading_space() -> None:
    transcript = transcript_of(segment_of(" Hello, world", words=[*WORDS, Word(" ", 1, 1, 0)]))
    body = rendered(
        transcript, ResponseFormat.VERBOSE_JSON, granularities=frozenset({Granularity.WORD})
    )
    assert body["words"] == [
        {"word": "Hello,", "start": 0.0, "end": 0.5},
        {"word": "world", "start": 0.5, "end": 1.0},
    ]


def test_verbose_json_of_a_translation_is_english() -> None:
    transcript = transcript_of(HELLO, task=Task.TRANSLATE, language="fr")
    body = rendered(transcript, ResponseFormat.VERBOSE_JSON)
    assert (body["task"], body["language"]) == ("translate", "english")


def test_verbose_json_states_seconds_even_where_tokens_are_asked() -> None:
    body = rendered(transcript_of(HELLO), ResponseFormat.VERBOSE_JSON, usage_form=UsageForm.TOKENS)
    assert body["usage"] == {"type": "duration", "seconds": 9}


def test_verbose_json_of_silence_has_a_language_that_is_text() -> None:
    body = rendered(transcript_of(language=None), ResponseFormat.VERBOSE_JSON)
    assert body["language"] == "unknown"
    TranscriptionVerbose.model_validate(body)


@given(st.floats(), st.floats(), st.text())
def test_any_numbers_and_any_text_give_strict_json(start_s: float, score: float, text: str) -> None:
    scores = [TokenScore(text, b"\xff", score)]
    transcript = transcript_of(segment_of(text, start_s, score, scores=scores), duration_s=start_s)
    for form in (ResponseFormat.JSON, ResponseFormat.VERBOSE_JSON):
        body = rendered(transcript, form, logprobs=True)
        assert body["segments"][0]["start"] >= 0


def test_lone_surrogates_do_not_break_any_format() -> None:
    transcript = transcript_of(segment_of(" a\ud800b"))
    for form in ResponseFormat:
        assert b"a?b" in render(transcript, options(form)).body


def test_text_is_the_bare_text_and_a_newline() -> None:
    answer = render(transcript_of(segment_of(" Grüße")), options(ResponseFormat.TEXT))
    assert answer.body == "Grüße\n".encode()
    assert answer.media_type == "text/plain; charset=utf-8"
