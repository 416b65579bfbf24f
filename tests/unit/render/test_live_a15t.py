"""Frames of A15T's live dialect: one for several utterances, and whose words they hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from loquent.domain.live import Final
from loquent.domain.transcript import Word
from loquent.render.live_a15t import final_frame
from tests.fakes.scripted_live import final

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def said(number: int, text: str, speaker: str | None, start_s: float, end_s: float) -> Final:
    plain = final(number, text, speaker=speaker)
    words = tuple(Word(word, start_s, end_s, 0.5, speaker) for word in text.split())
    segments = tuple(replace(segment, words=words) for segment in plain.transcript.segments)
    transcript = replace(plain.transcript, segments=segments)
    return replace(plain, start_s=start_s, end_s=end_s, transcript=transcript)


TALK = [
    said(1, "Ever tried.", "A", 0.0, 2.0),
    said(2, "Ever failed.", "B", 2.0, 3.5),
    said(3, "No matter.", "B", 4.0, 5.5),
    said(4, "Hm.", None, 6.0, 20.0),
]


def test_of_several_the_one_is_named_who_speaks_for_longest() -> None:
    frame = final_frame(TALK, 20.0, NOW, names_speakers=True)
    assert frame["speaker"] == "B"
    assert frame["text"] == "Ever tried. Ever failed. No matter. Hm."


def test_each_word_says_whose_it_is_where_that_is_known() -> None:
    frame = final_frame(TALK, 20.0, NOW, names_speakers=True)
    words = frame["words"]
    assert isinstance(words, list)
    assert [word.get("speaker") for word in words] == ["A", "A", "B", "B", "B", "B", None]
    assert "speaker" not in words[-1]


def test_nobody_is_named_where_nobody_is_known_or_nothing_was_said() -> None:
    for finals in ([], TALK[3:]):
        assert final_frame(finals, 20.0, NOW, names_speakers=True)["speaker"] is None


def test_nobody_is_named_where_nobody_asks() -> None:
    assert "speaker" not in final_frame([said(1, "Hm.", None, 0.0, 1.0)], 1.0, NOW)
