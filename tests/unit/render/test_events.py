"""The events of a streamed answer."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.transcript import TokenScore
from loquent.render import Granularity, TranscriptEvents, UsageForm
from tests.unit.render.transcripts import segment_of, transcript_of

SPACES = st.text(" \n\u00a0", max_size=2)
TEXTS = st.builds("{}{}{}".format, SPACES, st.text("ab c", max_size=5), SPACES)


def parsed(body: bytes | None) -> Any:
    assert body is not None
    assert b"\n" not in body
    return json.loads(body)


@given(st.lists(TEXTS, max_size=6))
def test_the_deltas_joined_are_the_text_of_done(texts: list[str]) -> None:
    segments = [segment_of(text) for text in texts]
    transcript = transcript_of(*segments)
    events = TranscriptEvents(logprobs=False)
    deltas = [parsed(body)["delta"] for body in map(events.delta, segments) if body]
    assert "".join(deltas) == parsed(events.done(transcript))["text"] == transcript.text
    assert all(deltas)


def test_events_are_those_of_the_openai_api() -> None:
    segments = [segment_of(" Hello,"), segment_of(" world.")]
    events = TranscriptEvents(logprobs=False)
    assert [parsed(events.delta(segment)) for segment in segments] == [
        {"type": "transcript.text.delta", "delta": "Hello,"},
        {"type": "transcript.text.delta", "delta": " world."},
    ]
    assert parsed(events.done(transcript_of(*segments, n_prompt_tokens=1))) == {
        "type": "transcript.text.done",
        "text": "Hello, world.",
        "languages": [{"code": "en"}],
        "usage": {
            "type": "tokens",
            "input_tokens": 91,
            "input_token_details": {"text_tokens": 1, "audio_tokens": 90},
            "output_tokens": 4,
            "total_tokens": 95,
        },
    }


def test_logprobs_come_with_each_delta_and_all_at_the_end() -> None:
    segments = [
        segment_of(" a", scores=[TokenScore(" a", b" a", -0.5)]),
        segment_of(" b", scores=[TokenScore(" b", b" b", float("-inf"))]),
    ]
    events = TranscriptEvents(logprobs=True)
    in_deltas = [parsed(events.delta(segment))["logprobs"] for segment in segments]
    assert in_deltas == [
        [{"token": " a", "logprob": -0.5, "bytes": [32, 97]}],
        [{"token": " b", "logprob": -9999.0, "bytes": [32, 98]}],
    ]
    done = parsed(events.done(transcript_of(*segments)))
    assert done["logprobs"] == [*in_deltas[0], *in_deltas[1]]


def test_a_segment_without_text_makes_no_event() -> None:
    assert TranscriptEvents(logprobs=False).delta(segment_of(" \n")) is None


def test_done_of_silence_names_no_language() -> None:
    done = parsed(TranscriptEvents(logprobs=False).done(transcript_of(language=None)))
    assert done["text"] == ""
    assert "languages" not in done


def test_usage_can_be_stated_in_seconds() -> None:
    events = TranscriptEvents(logprobs=False, usage_form=UsageForm.DURATION)
    assert parsed(events.done(transcript_of()))["usage"] == {"type": "duration", "seconds": 9}


def test_the_last_event_lists_the_times_that_were_asked_for() -> None:
    transcript = transcript_of(segment_of(" Hello,"), segment_of(" world."))
    for asked in ([], [Granularity.WORD], [Granularity.SEGMENT], list(Granularity)):
        events = TranscriptEvents(logprobs=False, granularities=frozenset(asked))
        told = parsed(events.done(transcript))
        assert {f"{each}s" for each in asked} == {"words", "segments"} & set(told)
    assert [each["text"] for each in told["segments"]] == [" Hello,", " world."]
    assert [each["word"] for each in told["words"]] == [
        word.text.strip() for word in transcript.words
    ]
