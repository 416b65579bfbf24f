"""Text settles where two guesses in a row agree, and stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.realtime.agreement import N_UNFORCED_WORDS, Agreement, Hypothesis, normalised
from tests.unit.realtime.hypotheses import hypothesis, timed

GAPS = st.sampled_from([" ", ""])

WORDS = st.sampled_from(["one", "One", "one,", "two", "two.", "three", "—", "些", "細"])

GUESSES = st.lists(st.lists(WORDS, max_size=8), max_size=8)


class Listened:
    """An agreement that is asked after each guess what is settled."""

    def __init__(self) -> None:
        self.agreement = Agreement()
        self.told: list[str] = []

    def push(self, *guesses: Hypothesis) -> None:
        for guess in guesses:
            self.agreement.push(guess)
            self.told.append(self.agreement.tell())

    @property
    def text(self) -> str:
        return "".join(self.told)


def listened(*guesses: str) -> Listened:
    made = Listened()
    made.push(*(hypothesis(guess.split()) for guess in guesses))
    return made


def n_common(one: Hypothesis, other: Hypothesis) -> int:
    pairs = list(zip(normalised(one.words), normalised(other.words), strict=False))
    return next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))


@given(GUESSES, GAPS)
def test_only_words_settle_on_which_two_guesses_in_a_row_agree(
    guesses: list[list[str]], gap: str
) -> None:
    made, last, n_told = Listened(), Hypothesis(), 0
    for guess in guesses:
        newest = hypothesis(guess, gap)
        made.push(newest)
        n_agreed = n_common(last, newest)
        if n_agreed > n_told:
            assert made.told[-1] == newest.first(n_agreed)[len(newest.first(n_told)) :]
        else:
            assert made.told[-1] == ""
        last, n_told = newest, max(n_told, n_agreed)
    assert made.agreement.tell() == ""


@given(GUESSES, GAPS)
def test_a_guess_is_made_to_begin_with_settled_words_but_for_the_last_of_them(
    guesses: list[list[str]], gap: str
) -> None:
    agreement, last, n_settled, expected = Agreement(), Hypothesis(), 0, ""
    for guess in guesses:
        newest = hypothesis(guess, gap)
        agreement.push(newest)
        if (n_agreed := n_common(last, newest)) > n_settled:
            n_settled = n_agreed
            expected = newest.first(max(0, n_agreed - N_UNFORCED_WORDS))
        assert agreement.prefix == expected
        last = newest


@given(GUESSES, st.lists(WORDS, max_size=8))
def test_of_a_final_without_contradiction_all_is_told(
    guesses: list[list[str]], final: list[str]
) -> None:
    made = Listened()
    made.push(*(hypothesis(final[: len(guess)]) for guess in guesses))
    made.agreement.settle(hypothesis(final))
    assert made.text + made.agreement.tell() == hypothesis(final).text


@given(st.lists(WORDS, max_size=12), st.data())
def test_the_first_words_of_a_text_are_where_it_begins(
    texts: list[str], data: st.DataObject
) -> None:
    whole = hypothesis(texts)
    n = data.draw(st.integers(0, len(texts)))
    assert whole.first(n) == hypothesis(texts[:n]).text
    assert whole.first(len(texts)) == whole.text


def test_one_guess_settles_nothing() -> None:
    assert listened("hello there general").text == ""


def test_what_two_guesses_begin_with_is_settled_as_the_newer_one_spells_it() -> None:
    made = listened("hello their", "Hello, there general")
    assert made.text == " Hello,"


@pytest.mark.parametrize("n_agreed", range(6))
def test_the_last_settled_words_are_said_anew(n_agreed: int) -> None:
    agreed = [f"word{i}" for i in range(n_agreed)]
    made = Listened()
    made.push(hypothesis([*agreed, "this"]), hypothesis([*agreed, "that", "and", "more"]))
    assert made.text == hypothesis(agreed).text
    forced = agreed[: max(0, n_agreed - N_UNFORCED_WORDS)]
    assert made.agreement.prefix == hypothesis(forced).text


def test_case_and_punctuation_are_no_contradiction() -> None:
    assert listened("well done", "Well, done!", "well done my", "well, done my").text == (
        " Well, done! my"
    )


def test_what_was_told_is_never_taken_back() -> None:
    made = listened("well done", "well done", "wool dawn my friend", "wool dawn my friend")
    assert made.text == " well done my friend"


def test_a_shorter_guess_settles_nothing_anew() -> None:
    made = listened("well done my", "well done my", "well", "well done my friend of old")
    assert made.text == " well done my"


def test_a_final_settles_all_of_itself() -> None:
    made = listened("well done", "well done")
    made.agreement.settle(hypothesis(["well", "done", "my", "friend"]))
    assert made.agreement.tell() == " my friend"
    assert made.agreement.tell() == ""


def test_scripts_without_spaces_settle_by_the_character() -> None:
    made = Listened()
    made.push(
        *(hypothesis(list(text), gap="") for text in ("今日は天", "今日は天気", "今日は天気が"))
    )
    assert made.text == "今日は天気"
    assert made.agreement.prefix == "今日は天気"[: 5 - N_UNFORCED_WORDS]


def test_a_text_that_lacks_one_of_its_words_ends_before_it() -> None:
    assert Hypothesis(" one two", timed(["one", "deux", "two"])).first(3) == " one"


def test_words_that_are_all_punctuation_stay_what_they_are() -> None:
    assert normalised(timed(["—", "A.", "b!"])) == ("—", "a", "b")
