"""Transcripts that come back to be cut: what is said when, and that nothing is lost on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.api.subtitle_question import MAX_WORK, SubtitleQuestion
from loquent.domain.errors import InputTooLongError, InvalidRequestError, UnsupportedOptionError
from loquent.domain.transcript import Segment, Transcript, Word
from loquent.render import (
    Granularity,
    RenderOptions,
    ResponseFormat,
    SubtitleOptions,
    render,
)
from tests.unit.render.transcripts import evenly_spoken, segment_of, transcript_of


def understood(transcript: Any, **fields: Any) -> Transcript:
    question = SubtitleQuestion.model_validate({"transcript": transcript, **fields})
    return question.understood()[0]


def segment(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"text": text, "start": start, "end": end, **more}


def word(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, **more}


def spelled(found: Segment) -> list[str]:
    return [each.text for each in found.words]


def test_words_go_to_the_segments_that_they_spell() -> None:
    found = understood(
        {
            "segments": [segment(" Ever tried, ever.", 0, 2), segment(" Ever failed?", 2, 3)],
            "words": [
                word("Ever", 0, 0.5), word("tried", 0.5, 1), word("ever", 1, 2.4),
                word("Ever", 2.4, 2.7), word("failed", 2.7, 3),
            ],
        }
    )  # fmt: skip
    assert [spelled(each) for each in found.segments] == [
        ["Ever", "tried", "ever"],
        ["Ever", "failed"],
    ]


def test_words_that_spell_another_text_are_left_out_and_the_next_ones_found() -> None:
    found = understood(
        {
            "segments": [segment("10 %", 0, 1), segment(" of it.", 1, 2)],
            "words": [
                word("ten", 0, 0.4), word("per", 0.4, 0.7), word("cent", 0.7, 1.1),
                word("of", 1.1, 1.5), word("it", 1.5, 2),
            ],
        }
    )  # fmt: skip
    assert [spelled(each) for each in found.segments] == [[], ["of", "it"]]


def test_words_that_lack_one_of_the_text_are_not_trusted() -> None:
    told = {"segments": [segment("Ever tried.", 0, 1)], "words": [word("Ever", 0, 0.5)]}
    assert understood(told).words == ()


def test_a_segment_without_text_takes_no_words() -> None:
    told = {
        "segments": [segment("  ", 0, 5), segment(" Hello.", 1, 2)],
        "words": [word("Hello.", 1, 2)],
    }
    assert [spelled(each) for each in understood(told).segments] == [[], ["Hello."]]


def test_words_alone_keep_the_signs_of_the_text() -> None:
    words = [word("Ever", 0, 1), word("tried", 1, 2)]
    (found,) = understood({"text": "Ever tried.", "words": words}).segments
    assert (found.text, found.start_s, found.end_s) == ("Ever tried.", 0, 2)
    (other,) = understood({"text": "Something else.", "words": words}).segments
    assert (other.text, spelled(other)) == ("Ever tried", ["Ever", "tried"])


def test_words_alone_are_parted_between_speakers() -> None:
    told = (("A", "Hi."), ("B", "Oh,"), ("B", "hi."))
    words = [word(text, at, at + 1, speaker=who) for at, (who, text) in enumerate(told)]
    found = understood({"text": "Hi. Oh, hi.", "words": words})
    said = [(each.speaker, each.text) for each in found.segments]
    assert said == [("A", "Hi."), ("B", "Oh, hi.")]


@pytest.mark.parametrize("told", [{"segments": []}, {"words": []}, {"segments": [], "words": []}])
def test_silence_is_no_mistake(told: Any) -> None:
    assert understood(told).segments == ()
    assert understood(told, highlight_words=True).segments == ()


def test_a_text_without_times_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="verbose_json") as caught:
        understood({"text": "Hello."})
    assert caught.value.param == "transcript"


@pytest.mark.parametrize(
    ("told", "code"),
    [("english", "en"), ("de", "de"), ("en-GB", "en"), ("unknown", None), ("", None), (None, None)],
)
def test_a_language_may_be_told_by_code_or_name(told: str | None, code: str | None) -> None:
    assert understood({"language": told, "segments": []}).language == code


def test_what_else_an_answer_tells_is_no_mistake() -> None:
    told = {"id": "x", "usage": {}, "segments": [segment("Hi.", 0, 1, tokens=[1], seek=0)]}
    assert understood(told).text == "Hi."


def test_times_of_words_cannot_be_shown_where_there_are_none() -> None:
    with pytest.raises(UnsupportedOptionError, match=r"timestamp_granularities\[\]=word") as caught:
        understood({"segments": [segment("Hi.", 0, 1)]}, highlight_words=True)
    assert caught.value.param == "highlight_words"


def test_a_text_too_long_for_its_cues_is_refused_before_the_work() -> None:
    n_most = MAX_WORK // (200 * 5)
    told = {"segments": [segment("x" * (n_most + 1), 0, 1)]}
    with pytest.raises(InputTooLongError, match=f"at most {n_most}") as caught:
        understood(told, max_line_width=200, max_line_count=5)
    assert caught.value.param == "transcript"
    assert len(understood(told, max_line_width=200, max_line_count=1).text) == n_most + 1
    assert len(understood(told).text) == n_most + 1


TEXTS = st.lists(
    st.text("aeiou,.!? é中あ", min_size=1, max_size=40).filter(str.strip), max_size=6
)  # fmt: skip
SPEAKERS = st.sampled_from([None, "A", "B"])
LIMITS = st.builds(
    SubtitleOptions,
    max_line_width=st.integers(8, 50),
    max_line_count=st.integers(1, 3),
    max_cps=st.none() | st.integers(5, 30),
)


@given(texts=TEXTS, speaker=SPEAKERS, limits=st.none() | LIMITS, has_words=st.booleans())
def test_what_comes_back_is_cut_as_it_would_have_been(
    texts: list[str], speaker: str | None, limits: SubtitleOptions | None, has_words: bool
) -> None:
    make = evenly_spoken if has_words else segment_of
    said = [make(f" {text}", 3.0 * at, 3.0 * at + 2.9) for at, text in enumerate(texts)]
    transcript = transcript_of(*(_by(each, speaker) for each in said))
    lists = frozenset(Granularity)
    told = render(transcript, RenderOptions(ResponseFormat.VERBOSE_JSON, "x", 0, lists)).body
    back = understood(json.loads(told))
    for form in (ResponseFormat.SRT, ResponseFormat.VTT):
        options = RenderOptions(form, "x", 0, subtitles=limits)
        assert render(back, options) == render(transcript, options)


def _by(said: Segment, speaker: str | None) -> Segment:
    """Return a segment that somebody says, its times as an answer has them."""
    words = (
        Word(each.text, round(each.start_s, 3), round(each.end_s, 3), 0.9) for each in said.words
    )
    return segment_of(said.text, said.start_s, said.end_s, words=tuple(words), speaker=speaker)
