"""Who said what, in every format, letter by letter."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from io import StringIO
from typing import Any

import pysubs2
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import (
    TranscriptionDiarized,
    TranscriptionTextSegmentEvent,
    TranscriptionVerbose,
)

from loquent.domain.transcript import Segment, Transcript, Word
from loquent.render import (
    Granularity,
    RenderOptions,
    ResponseFormat,
    TranscriptEvents,
    UsageForm,
    render,
)
from loquent.render.cues import MAX_CUE_S, cues_of
from loquent.render.lines import MAX_LINE_CELLS, on_one_line
from tests.unit.render.transcripts import evenly_spoken, segment_of, transcript_of

TALK = transcript_of(
    segment_of(" Ever tried?", 0.25, 1.0, words=[Word("Ever", 0.25, 0.5, 0.9, "A")], speaker="A"),
    segment_of(" Ever failed.", 1.0, 2.0, speaker="A"),
    segment_of(" No matter.", 2.5, 3.0, speaker="B"),
    segment_of(" Try again.", 3.5, 4.0, speaker="A"),
)
NAMES = ["Ann", "Dr. Jo Q", "a & b", "<i>", "</v>", "x > y", "-->", "A\nB", "\u2028 c\x00", "  "]


def body(
    transcript: Transcript, form: ResponseFormat, usage_form: UsageForm = UsageForm.DURATION
) -> str:
    options = RenderOptions(
        form, "trs_1", 5, granularities=frozenset(Granularity), usage_form=usage_form
    )
    return render(transcript, options).body.decode()


def parsed(transcript: Transcript, form: ResponseFormat, **changes: Any) -> Any:
    return json.loads(body(transcript, form, **changes))


def called(name: str) -> Transcript:
    """Return a talk of one sentence of somebody of that name."""
    return transcript_of(segment_of(" Hello.", speaker=name))


def test_text_has_a_line_for_each_that_goes_on_speaking() -> None:
    assert body(TALK, ResponseFormat.TEXT) == (
        "A: Ever tried? Ever failed.\nB: No matter.\nA: Try again.\n"
    )


def test_a_speaker_whose_segments_have_no_text_gets_no_line() -> None:
    silent = segment_of(" ", 2.0, 2.2, speaker="C")
    assert body(transcript_of(*TALK.segments[:2], silent), ResponseFormat.TEXT) == (
        "A: Ever tried? Ever failed.\n"
    )


def test_json_names_the_speaker_of_each_segment() -> None:
    segments = parsed(TALK, ResponseFormat.JSON)["segments"]
    assert segments[0] == {
        "id": 0,
        "start": 0.25,
        "end": 1.0,
        "text": " Ever tried?",
        "speaker": "A",
    }
    assert [segment["speaker"] for segment in segments] == ["A", "A", "B", "A"]


def test_verbose_json_names_the_speaker_of_each_segment_and_word() -> None:
    answer = parsed(TALK, ResponseFormat.VERBOSE_JSON)
    assert answer["words"] == [{"word": "Ever", "start": 0.25, "end": 0.5, "speaker": "A"}]
    assert [segment["speaker"] for segment in answer["segments"]] == ["A", "A", "B", "A"]
    assert answer["text"] == "Ever tried? Ever failed. No matter. Try again."
    TranscriptionVerbose.model_validate(answer)


@pytest.mark.parametrize("form", list(ResponseFormat))
def test_without_speakers_none_is_mentioned(form: ResponseFormat) -> None:
    alone = transcript_of(*(replace(s, speaker=None, words=()) for s in TALK.segments[:2]))
    written = body(alone, form)
    if form is not ResponseFormat.DIARIZED_JSON:
        assert "speaker" not in written
    assert "A:" not in written
    assert "<v" not in written


def test_srt_as_it_is_written() -> None:
    assert body(TALK, ResponseFormat.SRT) == (
        "1\n00:00:00,250 --> 00:00:01,000\nA: Ever tried?\n\n"
        "2\n00:00:01,000 --> 00:00:02,000\nA: Ever failed.\n\n"
        "3\n00:00:02,500 --> 00:00:03,000\nB: No matter.\n\n"
        "4\n00:00:03,500 --> 00:00:04,000\nA: Try again.\n"
    )


def test_vtt_as_it_is_written() -> None:
    assert body(TALK, ResponseFormat.VTT) == (
        "WEBVTT\n\n"
        "00:00:00.250 --> 00:00:01.000\n<v A>Ever tried?\n\n"
        "00:00:01.000 --> 00:00:02.000\n<v A>Ever failed.\n\n"
        "00:00:02.500 --> 00:00:03.000\n<v B>No matter.\n\n"
        "00:00:03.500 --> 00:00:04.000\n<v A>Try again.\n"
    )


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_read_back_from_vtt(name: str) -> None:
    (caption,) = webvtt.from_buffer(StringIO(body(called(name), ResponseFormat.VTT))).captions
    shown = on_one_line(name)
    assert html.unescape(caption.voice or "") == shown
    assert caption.text == "Hello."
    assert caption.raw_text.count("<") == caption.raw_text.count(">") == bool(shown)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_keeps_a_cue_of_srt_whole(name: str) -> None:
    (event,) = pysubs2.SSAFile.from_string(
        body(called(name), ResponseFormat.SRT), format_="srt", keep_html_tags=True
    )
    shown = on_one_line(name).replace("-->", "→")
    assert event.text == (f"{shown}: Hello." if shown else "Hello.")


@pytest.mark.parametrize("name", NAMES)
def test_any_name_stays_on_its_line_of_text(name: str) -> None:
    assert len(body(called(name), ResponseFormat.TEXT).splitlines()) == 1


def test_each_cue_of_a_long_segment_names_its_speaker() -> None:
    text = " ".join(["going on and on"] * 20)
    talk = transcript_of(replace(evenly_spoken(text, 0.0, 20.0), speaker="Ann"))
    cues = pysubs2.SSAFile.from_string(body(talk, ResponseFormat.SRT), format_="srt")
    assert len(cues) > 2
    assert all(cue.text.startswith("Ann: ") for cue in cues)
    assert all(len(line) <= MAX_LINE_CELLS for cue in cues for line in cue.plaintext.split("\n"))
    captions = webvtt.from_buffer(StringIO(body(talk, ResponseFormat.VTT))).captions
    assert {caption.voice for caption in captions} == {"Ann"}


def test_a_very_long_name_does_not_shrink_cues_to_words() -> None:
    text = " ".join(["going on and on"] * 6)
    talk = transcript_of(replace(evenly_spoken(text, 0.0, 6.0), speaker="N" * 64))
    assert len(cues_of(talk, shows_names=True)) == len(cues_of(talk))


SPEECH = st.text("abc ,.", min_size=1, max_size=120)


@st.composite
def talks(draw: st.DrawFn) -> Transcript:
    """Draw segments that follow each other, each of one speaker."""
    lengths_s = draw(st.lists(st.floats(0.1, 20), min_size=1, max_size=6))
    starts_s = [sum(lengths_s[:number]) for number in range(len(lengths_s))]
    return transcript_of(
        *(
            replace(
                evenly_spoken(draw(SPEECH), at, at + length), speaker=draw(st.sampled_from("AB"))
            )
            for at, length in zip(starts_s, lengths_s, strict=True)
        )
    )


@given(talks(), st.booleans())
def test_no_cue_has_words_of_two_speakers(talk: Transcript, shows_names: bool) -> None:
    cues = cues_of(talk, shows_names=shows_names)
    for cue in cues:
        inside = [
            segment
            for segment in talk.segments
            if segment.text.strip()
            and segment.start_s * 1000 < cue.end_ms - 1
            and cue.start_ms + 1 < segment.end_s * 1000
        ]
        assert {segment.speaker for segment in inside} == {cue.speaker}
        if " " in " ".join(cue.lines).removeprefix("A: ").removeprefix("B: "):
            assert cue.end_ms - cue.start_ms <= 1000 * MAX_CUE_S + 2


def test_diarized_json_is_that_of_the_openai_api() -> None:
    answer = parsed(TALK, ResponseFormat.DIARIZED_JSON)
    segment_type = "transcript.text.segment"
    assert list(answer)[:5] == ["task", "duration", "text", "segments", "usage"]
    assert answer == {
        "task": "transcribe",
        "duration": 8.47,
        "text": "A: Ever tried? Ever failed.\nB: No matter.\nA: Try again.",
        "segments": [
            {
                "type": segment_type,
                "id": f"seg_{number:03d}",
                "start": start_s,
                "end": end_s,
                "text": text,
                "speaker": speaker,
            }
            for number, start_s, end_s, text, speaker in [
                (1, 0.25, 1.0, "Ever tried?", "A"),
                (2, 1.0, 2.0, "Ever failed.", "A"),
                (3, 2.5, 3.0, "No matter.", "B"),
                (4, 3.5, 4.0, "Try again.", "A"),
            ]
        ],
        "usage": {"type": "duration", "seconds": 9},
        "id": "trs_1",
        "object": "audio.transcription",
        "created": 5,
        "provider": "local",
        "model": "whisper-base",
    }
    assert TranscriptionDiarized.model_validate(answer).segments[2].speaker == "B"


def test_diarized_json_can_state_tokens() -> None:
    answer = parsed(TALK, ResponseFormat.DIARIZED_JSON, usage_form=UsageForm.TOKENS)
    assert answer["usage"]["total_tokens"] == 98
    TranscriptionDiarized.model_validate(answer)


@pytest.mark.parametrize("segments", [(), (segment_of(" Cut short."),)])
def test_diarized_json_reads_as_the_clients_type_where_nobody_is_known(
    segments: tuple[Segment, ...],
) -> None:
    answer = parsed(transcript_of(*segments), ResponseFormat.DIARIZED_JSON)
    assert [
        segment.speaker for segment in TranscriptionDiarized.model_validate(answer).segments
    ] == ["" for _ in segments]
    assert answer["text"] == " ".join(segment.text.strip() for segment in segments)


@given(st.text(), st.text(), st.floats(), st.floats())
def test_any_speaker_and_any_numbers_give_strict_json(
    name: str, text: str, start_s: float, end_s: float
) -> None:
    talk = transcript_of(segment_of(text, start_s, end_s, speaker=name), duration_s=end_s)
    for form in (ResponseFormat.JSON, ResponseFormat.VERBOSE_JSON, ResponseFormat.DIARIZED_JSON):
        answer = json.loads(body(talk, form), parse_constant=pytest.fail)
        assert answer["segments"][0]["speaker"] == name


def test_events_tell_of_segments_once_speakers_are_known() -> None:
    events = TranscriptEvents(logprobs=False, speakers=True)
    for segment in TALK.segments:
        events.delta(replace(segment, speaker=None))
    told = [json.loads(event) for event in events.segments(TALK)]
    assert told == parsed(TALK, ResponseFormat.DIARIZED_JSON)["segments"]
    assert TranscriptionTextSegmentEvent.model_validate(told[0]).id == "seg_001"
    assert json.loads(events.done(TALK))["text"] == TALK.text


def test_events_tell_of_no_segments_unless_asked() -> None:
    assert list(TranscriptEvents(logprobs=False).segments(TALK)) == []
