"""srt and vtt, read back by parsers that are not ours."""

from __future__ import annotations

import html
from io import StringIO

import pysubs2
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.transcript import Transcript
from loquent.render import RenderOptions, ResponseFormat, render
from loquent.render.cues import clock, cues_of
from tests.unit.render.transcripts import segment_of, transcript_of

# Digits are left out because a lone number is ambiguous in SubRip, braces because pysubs2
# reads them as markup of its own.
LETTERS = st.characters(exclude_categories=["C", "Z", "N"], exclude_characters="{}\\<>&")
PLAIN = st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=20).map(" ".join)
MARKED = st.lists(
    st.sampled_from(["-->", "<i>", "</v>", "&", "&amp;", "a", "NOTE", "--->", "\n\n", "STYLE"]),
    min_size=1,
    max_size=8,
).map(" ".join)
STARTS = st.lists(st.floats(0, 90_000), min_size=1, max_size=6)


def subtitles(transcript: Transcript, form: ResponseFormat) -> str:
    return render(transcript, RenderOptions(form, "trs_1", 0)).body.decode()


@given(PLAIN, STARTS)
def test_srt_is_read_back_with_times_and_text(text: str, starts_s: list[float]) -> None:
    transcript = transcript_of(*(segment_of(text, at, at + 2.5) for at in starts_s))
    events = pysubs2.SSAFile.from_string(
        subtitles(transcript, ResponseFormat.SRT), format_="srt", keep_html_tags=True
    )
    assert [(event.start, event.end, event.text) for event in events] == [
        (cue.start_ms, cue.end_ms, "\\N".join(cue.lines)) for cue in cues_of(transcript)
    ]


@given(PLAIN | MARKED, STARTS)
def test_vtt_is_read_back_with_times_and_text(text: str, starts_s: list[float]) -> None:
    transcript = transcript_of(*(segment_of(text, at, at + 2.5) for at in starts_s))
    captions = webvtt.from_buffer(StringIO(subtitles(transcript, ResponseFormat.VTT))).captions
    seen = [(each.start, each.end, html.unescape(each.raw_text)) for each in captions]
    assert seen == [
        (clock(cue.start_ms, "."), clock(cue.end_ms, "."), "\n".join(cue.lines))
        for cue in cues_of(transcript)
    ]


@given(MARKED)
def test_a_cue_of_srt_holds_one_arrow(text: str) -> None:
    body = subtitles(transcript_of(segment_of(text)), ResponseFormat.SRT)
    assert body.count("-->") <= 1


def test_srt_as_it_is_written() -> None:
    transcript = transcript_of(segment_of(" One.", 0.5, 1.25), segment_of(" Two.", 3600, 3601))
    assert subtitles(transcript, ResponseFormat.SRT) == (
        "1\n00:00:00,500 --> 00:00:01,250\nOne.\n\n2\n01:00:00,000 --> 01:00:01,000\nTwo.\n"
    )


def test_vtt_as_it_is_written() -> None:
    transcript = transcript_of(segment_of(" a < b & c", 0.5, 1.25), segment_of(" Two.", 3600, 3601))
    assert subtitles(transcript, ResponseFormat.VTT) == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:01.250\na &lt; b &amp; c\n\n"
        "01:00:00.000 --> 01:00:01.000\nTwo.\n"
    )


@pytest.mark.parametrize(
    ("form", "body"), [(ResponseFormat.SRT, ""), (ResponseFormat.VTT, "WEBVTT\n\n")]
)
def test_silence_makes_a_body_without_cues(form: ResponseFormat, body: str) -> None:
    assert subtitles(transcript_of(), form) == body


@pytest.mark.parametrize(
    ("form", "media_type"),
    [
        (ResponseFormat.SRT, "text/plain; charset=utf-8"),
        (ResponseFormat.VTT, "text/vtt; charset=utf-8"),
    ],
)
def test_subtitles_name_their_media_type(form: ResponseFormat, media_type: str) -> None:
    assert render(transcript_of(), RenderOptions(form, "trs_1", 0)).media_type == media_type
