"""Subtitles within limits: which hold for anything, and how real sentences are cut."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import combinations, pairwise

import pysubs2
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.transcript import Segment, Task, Transcript, Word
from loquent.render import RenderOptions, ResponseFormat, SubtitleOptions, render
from loquent.render.cues import Cue, clock, cues_of
from loquent.render.limited_cues import subtitle_cues
from loquent.render.lines import n_cells, on_one_line
from tests.unit.render.transcripts import evenly_spoken, segment_of, transcript_of

TIMES = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 60)
WORDS = st.builds(Word, st.text(max_size=8), TIMES, TIMES, st.floats(0, 1))
ANYTHING = st.lists(
    st.builds(
        lambda text, start_s, end_s, words, speaker: segment_of(
            text, start_s, end_s, words=words, speaker=speaker
        ),
        st.text(max_size=80) | st.text("ab, 。漢字カなー「", max_size=80),
        TIMES,
        TIMES,
        st.lists(WORDS, max_size=5),
        st.sampled_from([None, None, "A", "Berta"]),
    ),
    max_size=6,
)
OPTIONS = st.builds(
    SubtitleOptions,
    max_line_width=st.integers(1, 60),
    max_line_count=st.integers(1, 4),
    max_cps=st.none() | st.floats(1, 40),
    min_cue_s=st.floats(0, 2),
    max_cue_s=st.floats(2, 10),
    highlight_words=st.booleans(),
)
LETTERS = st.characters(exclude_categories=["C", "Z", "N"], exclude_characters="{}\\<>&")
PLAIN = st.lists(st.text(LETTERS, min_size=1, max_size=12), min_size=1, max_size=40).map(" ".join)
_TAG = re.compile(r"<[^>]*>")


def spoken(texts: Sequence[str], lengths_s: Sequence[float], pauses_s: Sequence[float]) -> Segment:
    """Say each text for its time, with pauses after them."""
    words, at_s = [], 0.0
    for text, length_s, pause_s in zip(texts, lengths_s, pauses_s, strict=False):
        words.append(Word(text, at_s, at_s + length_s, 0.9))
        at_s += length_s + pause_s
    said = texts[: len(words)]
    return segment_of(" " + " ".join(said), 0.0, words[-1].end_s, words=words)


SPOKEN = st.builds(
    spoken,
    st.lists(st.text("abc,.", min_size=1, max_size=9), min_size=1, max_size=40),
    st.lists(st.floats(0.05, 1.5), min_size=40, max_size=40),
    st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.6, 3.0]), min_size=40, max_size=40),
)


def bare(text: str) -> str:
    return "".join(on_one_line(text).split())


def shown(cues: Sequence[Cue]) -> str:
    return bare("".join(line for cue in cues for line in cue.lines))


@given(ANYTHING, OPTIONS, st.booleans())
def test_cues_of_anything_are_ordered_short_enough_and_never_overlap(
    segments: list[Segment], options: SubtitleOptions, names: bool
) -> None:
    last_end_ms = 0
    for cue in subtitle_cues(transcript_of(*segments), options, shows_names=names):
        assert last_end_ms <= cue.start_ms < cue.end_ms
        assert cue.end_ms - cue.start_ms <= round(1000 * options.max_cue_s)
        assert len(cue.lines) <= options.max_line_count
        assert all(on_one_line(line) == line and line for line in cue.lines)
        last_end_ms = cue.end_ms


@given(ANYTHING, OPTIONS)
def test_cues_hold_the_text_and_nothing_else(
    segments: list[Segment], options: SubtitleOptions
) -> None:
    one_voice = [segment_of(s.text, s.start_s, s.end_s, words=s.words) for s in segments]
    cues = subtitle_cues(transcript_of(*one_voice), options)
    assert shown(cues) == bare("".join(segment.text for segment in segments))
    several = subtitle_cues(transcript_of(*segments), options)
    assert sorted(shown(several)) == sorted(shown(cues))


@given(st.lists(st.text("abc .", min_size=1, max_size=40), max_size=6), OPTIONS)
def test_spaces_between_words_survive(texts: list[str], options: SubtitleOptions) -> None:
    segments = [segment_of(f" {text}", at, at + 1) for at, text in enumerate(texts)]
    cues = subtitle_cues(transcript_of(*segments), options)
    told = " ".join(line for cue in cues for line in cue.lines)
    assert told == on_one_line("".join(segment.text for segment in segments))


@given(ANYTHING, OPTIONS)
def test_no_cue_has_the_words_of_two_speakers(
    segments: list[Segment], options: SubtitleOptions
) -> None:
    cues = subtitle_cues(transcript_of(*segments), options)
    for speaker in {segment.speaker for segment in segments}:
        said = "".join(segment.text for segment in segments if segment.speaker == speaker)
        told = shown([cue for cue in cues if cue.speaker == speaker])
        assert sorted(told) == sorted(bare(said))


@given(ANYTHING, OPTIONS)
def test_only_text_that_cannot_be_broken_is_wider_than_a_line(
    segments: list[Segment], options: SubtitleOptions
) -> None:
    for cue in subtitle_cues(transcript_of(*segments), options):
        for line in cue.lines:
            assert n_cells(line) <= options.max_line_width or " " not in line


@given(SPOKEN, OPTIONS)
def test_a_cue_ends_early_only_where_the_next_begins(
    segment: Segment, options: SubtitleOptions
) -> None:
    cues = subtitle_cues(transcript_of(segment), options)
    for cue, following in pairwise([*cues, None]):
        assert cue is not None
        n_characters = sum(map(len, cue.lines)) + len(cue.lines) - 1
        reading_s = n_characters / options.max_cps if options.max_cps else 0.0
        wanted_s = min(max(options.min_cue_s, reading_s), options.max_cue_s)
        is_full = cue.end_ms - cue.start_ms >= 1000 * wanted_s - 1
        assert is_full or (following is not None and cue.end_ms == following.start_ms)


def _cuttings(n_words: int) -> Iterator[list[tuple[int, int]]]:
    for n_cuts in range(n_words):
        for inner in combinations(range(1, n_words), n_cuts):
            yield list(pairwise([0, *inner, n_words]))


def _holds(words: Sequence[Word], cutting: list[tuple[int, int]], options: SubtitleOptions) -> bool:
    """Tell whether each cue of one line is within every limit."""
    for start, end in cutting:
        text = " ".join(word.text for word in words[start:end])
        begin_ms = round(1000 * words[start].start_s)
        spoken_ms = round(1000 * words[end - 1].end_s) - begin_ms
        limit_ms = round(1000 * options.max_cue_s)
        next_ms = round(1000 * words[end].start_s) if end < len(words) else begin_ms + limit_ms
        room_ms = min(limit_ms, next_ms - begin_ms)
        wanted_ms = 1000 * max(options.min_cue_s, len(text) / (options.max_cps or 1e9))
        is_long = end - start > 1 and (len(text) > options.max_line_width or spoken_ms > limit_ms)
        if is_long or wanted_ms > room_ms:
            return False
    return True


@given(
    st.lists(st.text("ab.", min_size=1, max_size=9), min_size=1, max_size=8),
    st.lists(st.floats(0.05, 1.5), min_size=8, max_size=8),
    st.lists(st.sampled_from([0.0, 0.4, 2.0]), min_size=8, max_size=8),
    st.integers(5, 30),
    st.floats(5, 30),
    st.sampled_from([0.0, 1.0, 2.0]),
)
def test_where_all_limits_can_be_kept_they_are(
    texts: list[str],
    lengths_s: list[float],
    pauses_s: list[float],
    width: int,
    max_cps: float,
    min_s: float,
) -> None:
    options = SubtitleOptions(width, 1, max_cps, min_cue_s=min_s, max_cue_s=5.0)
    segment = spoken(texts, lengths_s, pauses_s)
    can_be = any(_holds(segment.words, cutting, options) for cutting in _cuttings(len(texts)))
    cues = subtitle_cues(transcript_of(segment), options)
    at, bounds = 0, []
    for cue in cues:
        n_words = len(cue.lines[0].split())
        bounds.append((at, at + n_words))
        at += n_words
    assert _holds(segment.words, bounds, options) or not can_be


def test_a_cue_stays_into_the_pause_before_it_is_split() -> None:
    segment = spoken(["Quick", "quick", "words.", "Then"], [0.2] * 4, [0, 0, 2.0, 0])
    cues = subtitle_cues(transcript_of(segment), SubtitleOptions(max_cps=10.0))
    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in cues] == [
        (0, 1800, ("Quick quick words.",)),
        (2600, 3000, ("Then",)),
    ]


def test_speech_too_fast_for_a_limit_is_still_cut_where_it_reads_well() -> None:
    fast = evenly_spoken("Ever tried, ever failed, no matter. Try again, fail again.", 0, 3.5)
    cues = subtitle_cues(transcript_of(fast), SubtitleOptions(24, 1, max_cps=10.0))
    assert [cue.lines for cue in cues] == [
        ("Ever tried,",),
        ("ever failed, no matter.",),
        ("Try again, fail again.",),
    ]


def test_short_segments_are_joined_where_a_cue_must_stay_longer() -> None:
    segments = (segment_of(" One.", 0, 0.4), segment_of(" Two.", 0.4, 0.8))
    apart = subtitle_cues(transcript_of(*segments), SubtitleOptions())
    joined = subtitle_cues(transcript_of(*segments), SubtitleOptions(min_cue_s=1.0))
    assert [cue.lines for cue in apart] == [("One.",), ("Two.",)]
    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in joined] == [(0, 1000, ("One. Two.",))]


def test_without_options_cues_are_those_of_segments() -> None:
    transcript = transcript_of(evenly_spoken(ENGLISH, 0, 14))
    assert subtitle_cues(transcript, None) == cues_of(transcript)


def test_a_single_long_word_is_not_cut() -> None:
    word = "Donaudampfschifffahrtsgesellschaft"
    cues = subtitle_cues(transcript_of(evenly_spoken(f"Die {word} fährt.", 0, 3)), _narrow(12))
    assert [cue.lines for cue in cues] == [("Die", word), ("fährt.",)]


def _narrow(width: int) -> SubtitleOptions:
    return SubtitleOptions(max_line_width=width)


ENGLISH = (
    " When the rain had finally stopped, we left the house and walked down to the river because"
    " nobody had been there for weeks. The boats were full of water, and the old man who looked"
    " after them had gone to the city."
)
GERMAN = (
    " Als der Regen endlich aufgehört hatte, verließen wir das Haus und gingen zum Fluss hinunter,"
    " weil seit Wochen niemand mehr dort gewesen war. Die Boote standen voller Wasser."
)
JAPANESE = (
    "今日はとても良い天気なので、公園へ散歩に行きました。"
    "桜の花がきれいに咲いていて、たくさんの人がピクニックを楽しんでいました。"
)


def test_english_as_it_is_cut() -> None:
    cues = subtitle_cues(transcript_of(evenly_spoken(ENGLISH, 0, 14)), SubtitleOptions())
    assert ["\n".join(cue.lines) for cue in cues] == [
        "When the rain had finally stopped, we left\nthe house and walked down to the river",
        "because nobody had been there for weeks.\nThe boats were full of water,",
        "and the old man who looked\nafter them had gone to the city.",
    ]


def test_german_as_it_is_cut() -> None:
    transcript = transcript_of(evenly_spoken(GERMAN, 0, 10), language="de")
    cues = subtitle_cues(transcript, _narrow(32))
    assert ["\n".join(cue.lines) for cue in cues] == [
        "Als der Regen endlich aufgehört\nhatte, verließen wir das Haus",
        "und gingen zum Fluss hinunter,\nweil seit Wochen niemand",
        "mehr dort gewesen war.\nDie Boote standen voller Wasser.",
    ]


def test_japanese_as_it_is_cut() -> None:
    transcript = transcript_of(segment_of(JAPANESE, 0, 12), language="ja")
    cues = subtitle_cues(transcript, _narrow(28))
    assert ["\n".join(cue.lines) for cue in cues] == [
        "今日はとても良い天気なので、\n公園へ散歩に行きました。",
        "桜の花がきれいに咲いていて、",
        "たくさんの人がピクニックを\n楽しんでいました。",
    ]


@pytest.mark.parametrize(
    ("language", "text", "width"),
    [("en", "He saw the enormous mountain", 20), ("de", "Er sah den riesigen alten Berg", 22)],
)
def test_an_article_stays_with_its_noun(language: str, text: str, width: int) -> None:
    transcript = transcript_of(evenly_spoken(text, 0, 3), language=language)
    (cue,) = subtitle_cues(transcript, _narrow(width))
    assert cue.lines[0].split()[-1] not in ("the", "den")


def test_a_translation_is_cut_as_english() -> None:
    segment = evenly_spoken("He saw a the enormous mountain", 0, 3)
    translated = transcript_of(segment, language="ja", task=Task.TRANSLATE)
    heard = transcript_of(segment, language="en")
    assert subtitle_cues(translated, _narrow(16)) == subtitle_cues(heard, _narrow(16))


def test_srt_counts_the_name_of_a_speaker_and_vtt_has_it_in_a_tag() -> None:
    segment = segment_of(" Ever tried. No matter.", 0, 4, speaker="Ann")
    options = RenderOptions(ResponseFormat.SRT, "t", 0, subtitles=_narrow(17))
    assert "Ann: Ever tried.\nNo matter." in render(transcript_of(segment), options).body.decode()
    options = RenderOptions(ResponseFormat.VTT, "t", 0, subtitles=_narrow(17))
    assert "<v Ann>Ever tried.\nNo matter." in render(transcript_of(segment), options).body.decode()


def _body(transcript: Transcript, form: ResponseFormat, options: SubtitleOptions) -> str:
    return render(transcript, RenderOptions(form, "t", 0, subtitles=options)).body.decode()


@given(PLAIN, st.floats(1, 30), OPTIONS)
def test_srt_is_read_back_as_it_was_cut(
    text: str, length_s: float, options: SubtitleOptions
) -> None:
    transcript = transcript_of(evenly_spoken(text, 0, length_s))
    body = _body(transcript, ResponseFormat.SRT, options)
    events = pysubs2.SSAFile.from_string(body, format_="srt", keep_html_tags=True)
    assert [(event.start, event.end, event.text) for event in events] == [
        (cue.start_ms, cue.end_ms, "\\N".join(cue.lines))
        for cue in subtitle_cues(transcript, options)
    ]


@given(PLAIN, st.floats(1, 30), OPTIONS)
def test_vtt_is_read_back_as_it_was_cut_with_times_of_words_or_without(
    text: str, length_s: float, options: SubtitleOptions
) -> None:
    transcript = transcript_of(evenly_spoken(text, 0, length_s))
    captions = webvtt.from_buffer(StringIO(_body(transcript, ResponseFormat.VTT, options))).captions
    assert [
        (each.start, each.end, html.unescape(_TAG.sub("", each.raw_text))) for each in captions
    ] == [
        (clock(cue.start_ms, "."), clock(cue.end_ms, "."), "\n".join(cue.lines))
        for cue in subtitle_cues(transcript, options)
    ]


@given(ANYTHING, OPTIONS)
def test_times_of_words_rise_within_their_cue(
    segments: list[Segment], options: SubtitleOptions
) -> None:
    body = _body(transcript_of(*segments), ResponseFormat.VTT, options)
    for caption in webvtt.from_buffer(StringIO(body)).captions:
        stamps = re.findall(r"<(\d\d+:\d\d:\d\d\.\d{3})>", caption.raw_text)
        times = [caption.start, *stamps, caption.end]
        seconds = [float(t.split(":")[0]) * 3600 + _rest_s(t) for t in times]
        assert all(earlier < later for earlier, later in pairwise(seconds))


def _rest_s(time: str) -> float:
    _, minutes, rest = time.split(":")
    return 60 * int(minutes) + float(rest)


def test_words_are_tagged_with_the_time_at_which_they_begin() -> None:
    segment = evenly_spoken(" Ever < tried & failed.", 1.0, 6.0)
    options = SubtitleOptions(max_line_width=14, highlight_words=True)
    assert _body(transcript_of(segment), ResponseFormat.VTT, options) == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:06.000\n"
        "<c>Ever</c> <00:00:02.000><c>&lt;</c> <00:00:03.000><c>tried</c>\n"
        "<00:00:04.000><c>&amp;</c> <00:00:05.000><c>failed.</c>\n"
    )


def test_a_word_of_several_signs_has_one_tag() -> None:
    words = [Word("今日は", 0, 1, 1), Word("天気", 1, 2, 1), Word("です", 2, 3, 1)]
    segment = segment_of("今日は、天気です。", 0, 3, words=words)
    options = SubtitleOptions(highlight_words=True)
    body = _body(transcript_of(segment, language="ja"), ResponseFormat.VTT, options)
    assert body.splitlines()[3] == (
        "<c>今日は、</c><00:00:01.000><c>天気</c><00:00:02.000><c>です。</c>"
    )
