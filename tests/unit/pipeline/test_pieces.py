"""A text is cut where a reader would pause, and nothing that can be spoken is lost."""
# ruff: noqa: RUF001 - signs of other scripts that look like Latin ones are meant as such

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loquent.pipeline.script.borders import Strength
from loquent.pipeline.script.pieces import DEFAULT_LIMITS, PieceLimits, cut_into_pieces, weight
from loquent.pipeline.script.speakable import make_speakable

WRITING = st.text(
    st.one_of(
        st.sampled_from(" \n.,;:!?-…—()\"'<>/&*_`#[]|=~+•"),
        st.sampled_from(
            "abcXYZ019éßñжדمة今日はकी한ไ।。，؟\u0301\u200d\u200c\ufe0f🎉👩🇫🇷\x00\x1b\t\r$€%"
        ),
        st.characters(),
    ),
    max_size=120,
) | st.lists(
    st.sampled_from(
        [
            *("Dr. ", "e.g. ", "3.14 ", "a@b.org ", "https://x.org/a?b=c. "),
            *("<b>", "</b>", "**", "`x`", "\n- ", "\n# ", "[a](b)", "&amp;", "&lt;"),
            *("word ", "Word, ", "end. ", "字", "。", "\n\n"),
        ]
    ),
    max_size=80,
).map("".join)


def spoken(text: str, limits: PieceLimits = DEFAULT_LIMITS) -> list[str]:
    return [piece.text for piece in cut_into_pieces(text, limits).pieces]


def letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


@settings(max_examples=400, deadline=None)
@given(WRITING)
@example("\n".join("<" * 9 + "b>" * 9 for _ in range(9)))
@example("&amp;amp;amp;amp;amp;lt;b&amp;amp;amp;gt;")
def test_spans_cover_the_text_in_order_and_each_piece_can_be_spoken(text: str) -> None:
    pieces = cut_into_pieces(text).pieces
    if pieces:
        assert "".join(text[piece.start : piece.end] for piece in pieces) == text
    else:
        assert not letters(make_speakable(text).text)
    for piece in pieces:
        assert piece.start < piece.end
        assert piece.text == piece.text.strip()
        assert piece.text.isprintable() or not piece.text.isascii()
        assert any(not c.isspace() for c in piece.text)
        assert "\n" not in piece.text


@settings(max_examples=400, deadline=None)
@given(WRITING)
def test_no_letter_or_digit_that_is_left_after_markup_is_lost(text: str) -> None:
    assert letters("".join(spoken(text))) == letters(make_speakable(text).text)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("abc XYZ 019 éжمة今日はकी한ไ.,!?。।\n'\"-"), max_size=300))
def test_writing_without_markup_keeps_every_letter_and_digit(text: str) -> None:
    assert letters("".join(spoken(text))) == letters(text)


@settings(max_examples=300, deadline=None)
@given(WRITING, st.integers(10, 40), st.integers(0, 60), st.integers(0, 300))
def test_no_piece_is_longer_than_asked_for(text: str, shortest: int, more: int, most: int) -> None:
    limits = PieceLimits(shortest + more, shortest, shortest + more + most)
    pieces = spoken(text * 3, limits)
    silence = 2  # marks that have no sound join the piece beside them
    for at, piece in enumerate(pieces):
        is_opening = at == 0 and piece[0].isalnum()  # marks before it have taken the first turn
        longest = limits.clause if is_opening else limits.longest
        sounding = piece.strip("".join({c for c in piece if not c.isalnum()}))
        assert sum(map(weight, sounding)) <= longest + silence


@settings(max_examples=400, deadline=None)
@given(WRITING)
@example("<" * 12 + "b>" * 12)
@example("*" + "-\n* " * 9)
def test_making_speakable_twice_changes_nothing(text: str) -> None:
    once = make_speakable(text)
    twice = make_speakable(once.text)
    assert (twice.text, twice.n_dropped) == (once.text, 0)
    assert spoken(once.text) == spoken(text)


@settings(max_examples=200, deadline=None)
@given(WRITING)
def test_origins_rise_and_lie_inside_the_text(text: str) -> None:
    speakable = make_speakable(text)
    assert len(speakable.origins) == len(speakable.text)
    assert list(speakable.origins) == sorted(speakable.origins)
    assert all(0 <= origin < len(text) for origin in speakable.origins)


def test_the_first_piece_is_a_clause_and_later_ones_grow() -> None:
    sentence = "When the cat came in, the dog was already asleep under the table. "
    pieces = spoken(sentence * 20)
    assert pieces[0] == "When the cat came in,"
    sizes = [len(piece) for piece in pieces]
    assert all(size <= min(300, 60 * 2**place) for place, size in enumerate(sizes))
    assert all(200 <= size <= 300 for size in sizes[4:-1])
    assert all(piece.endswith(".") for piece in pieces[1:])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (
            "Dr. Smith paid $3.50 for it, e.g. in the U.S. on Monday.",
            "Dr. Smith paid $3.50 for it,",
        ),
        ("Das ist z. B. gut für uns. Am 3. Oktober kam er.", "Das ist z. B. gut für uns."),
        ("M. Dupont et Mme Martin sont là. Ils rient.", "M. Dupont et Mme Martin sont là."),
        ("See https://x.org/a.b?c=d, or write to a.b@c.org.", "See https://x.org/a.b?c=d,"),
        ('He said "Stop it now!" Then he went away.', 'He said "Stop it now!"'),
        ("Well, then... I do not know. Do you?", "Well, then..."),
        ("今日はとても良い天気です。散歩に行きましょう。", "今日はとても良い天気です。"),
        ("他说：“我们走吧。”然后他就离开了房间。", "他说：“我们走吧。”"),
        ("यह एक वाक्य है। यह दूसरा है।", "यह एक वाक्य है।"),
        ("هل أنت هنا الآن؟ نعم، أنا هنا.", "هل أنت هنا الآن؟"),
        ("안녕하세요 여러분. 반갑습니다.", "안녕하세요 여러분."),
        ("It is version 2.0.1 – not 2.1 – that we use.", "It is version 2.0.1 –"),
    ],
)
def test_the_first_pause_is_found_in_any_language(text: str, first: str) -> None:
    assert spoken(text)[0] == first


def test_a_first_piece_without_a_pause_ends_with_a_word() -> None:
    pieces = spoken("no mark tells this reader where he might take a breath " * 20)
    assert len(pieces[0]) <= DEFAULT_LIMITS.clause
    words = ["no", "mark", "tells", "this", "reader", "where", "he", "might", "take", "a", "breath"]
    assert all(piece.split()[-1] in words for piece in pieces)


def test_a_word_longer_than_a_piece_is_cut_but_no_letter_from_its_marks() -> None:
    assert "".join(spoken("x" * 1000)) == "x" * 1000
    syllables = "कि" * 200
    assert all(piece.startswith("क") for piece in spoken(syllables))
    assert "".join(spoken(syllables)) == syllables


def test_wide_scripts_get_pieces_that_take_as_long_to_speak() -> None:
    assert max(map(len, spoken("日本語の文章を読み上げる" * 40))) == DEFAULT_LIMITS.longest // 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Title\nSome **bold** and _slanted_ `code`.", "Title. Some bold and slanted code."),
        ("Shopping:\n- milk\n- eggs\n\nThat is all", "Shopping: milk. eggs. That is all"),
        ("See [the page](https://x.org/a) and ![a cat](cat.png).", "See the page and a cat."),
        ("<p>Hello <b>dear</b> world</p><p>Bye &amp; thanks</p>", "Hello dear world. Bye & thanks"),
        ('<speak>One<break time="1s"/>two</speak>', "One. two"),
        ("if a < b and c > d, 2 * 3 = 6 and x_1", "if a < b and c > d, 2 * 3 = 6 and x_1"),
        ("H<sub>2</sub>O", "H2O"),
        ("これは**太字**です", "これは太字です"),
        ("a wrapped\nline goes on\nNew line", "a wrapped line goes on, New line"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b. 1, 2"),
        ("one\r\n\r\ntwo\u2029three", "one. two. three"),
        ("> quoted\n\n---\n\n```python\nx\n```", "quoted. x"),
    ],
)
def test_markup_is_heard_as_pauses_at_most(text: str, said: str) -> None:
    whole = PieceLimits(clause=1000, shortest_clause=1000, longest=1000)
    assert spoken(text, whole) == [said]
    assert cut_into_pieces(text).n_dropped == 0


@pytest.mark.parametrize(
    ("text", "n_dropped", "said"),
    [
        ("Well done 🎉🎉 indeed", 2, ["Well done indeed"]),
        ("A family 👨\u200d👩\u200d👧 here 👍🏽", 2, ["A family here"]),
        ("From 🇫🇷 to 🇩🇪", 2, ["From to"]),
        ("Press 1\ufe0f\u20e3 now", 0, ["Press 1 now"]),
        ("he\x00llo\x07 \ufffd", 3, ["hello"]),
        ("soft\xadhyphen and zero\u200bwidth", 0, ["softhyphen and zerowidth"]),
        ("Persian می\u200cخواهم", 0, ["Persian می\u200cخواهم"]),
        ("🎉", 1, []),
        ("... !!! ---", 0, []),
        ("", 0, []),
        ("\ud800 lone", 1, ["lone"]),
    ],
)
def test_what_has_no_sound_is_dropped_and_counted(
    text: str, n_dropped: int, said: list[str]
) -> None:
    script = cut_into_pieces(text)
    assert (script.n_dropped, [piece.text for piece in script.pieces]) == (n_dropped, said)


def test_each_piece_tells_what_pause_follows_it() -> None:
    pieces = cut_into_pieces("When it rains, we stay. Then we go home.\n\nNext chapter here").pieces
    assert [piece.border for piece in pieces] == [Strength.CLAUSE, Strength.PARAGRAPH][
        : len(pieces)
    ]


@pytest.mark.parametrize(
    "unit",
    [".", ")", '"', "<b ", "* ", "[a](", "| ", "&amp;", " ", "- ", "# ", "👨\u200d", "_a", "。"],
)
def test_no_writing_is_much_slower_than_another(unit: str) -> None:
    started_s = time.process_time()
    cut_into_pieces(unit * (20_000 // len(unit)))
    assert time.process_time() - started_s < 2


def test_limits_must_be_in_order() -> None:
    with pytest.raises(ValueError, match="in order"):
        PieceLimits(clause=10, shortest_clause=12, longest=300)
