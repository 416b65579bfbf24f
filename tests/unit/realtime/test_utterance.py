"""What is known of an utterance grows out of the guesses at its stretches."""

from __future__ import annotations

from loquent.ports import Recognition
from loquent.realtime.utterance import UNSURE_S, Stretch, Utterance
from tests.unit.realtime.hypotheses import WORD_S, recognition

START_S = 100.0

NOTHING = Recognition("en", ())


def guessed(*texts: str) -> Stretch:
    """Return a stretch after guesses that were made in pauses."""
    stretch = Stretch(START_S)
    for text in texts:
        stretch.guess(recognition(text), heard_to_s=None)
    return stretch


def test_a_guess_is_placed_where_its_stretch_is() -> None:
    (placed,) = guessed("hello there").segments
    assert (placed.start_s, placed.end_s) == (START_S, START_S + 2 * WORD_S)
    assert placed.words[1].start_s == START_S + WORD_S


def test_the_newest_guess_counts_and_nothing_is_no_guess() -> None:
    stretch = guessed("hello", "yellow", "")
    assert stretch.text == " yellow"


def test_a_word_at_the_edge_of_the_sound_is_left_out() -> None:
    said = recognition("hello there")
    end_s = START_S + 2 * WORD_S
    edge, inside = Stretch(START_S), Stretch(START_S)
    edge.guess(said, heard_to_s=end_s + UNSURE_S / 2)
    inside.guess(said, heard_to_s=end_s + UNSURE_S + 0.01)
    assert edge.text == " hello"
    assert [word.text for word in edge.segments[0].words] == ["hello"]
    assert inside.text == " hello there"


def test_what_is_unsure_never_settles() -> None:
    stretch = Stretch(START_S)
    for n_words in (2, 3):
        said = recognition(" ".join(["one", "two", "three"][:n_words]))
        stretch.guess(said, heard_to_s=START_S + n_words * WORD_S)
    assert stretch.agreement.tell() == " one"


def test_settled_text_is_handed_out_once() -> None:
    stretch = guessed("hello there", "hello there you")
    assert stretch.agreement.tell() == " hello there"
    assert stretch.agreement.tell() == ""
    stretch.settle(recognition("hello there you two"))
    assert stretch.agreement.tell() == " you two"
    assert stretch.agreement.tell() == ""


def test_what_was_told_as_settled_is_not_told_otherwise() -> None:
    stretch = guessed("hello there", "hello there")
    assert stretch.agreement.tell() == " hello there"
    stretch.settle(recognition("yellow chair you two"))
    assert stretch.agreement.tell() == " you two"
    assert stretch.text == " yellow chair you two"


def test_a_stretch_that_is_given_up_keeps_its_last_guess() -> None:
    stretch = guessed("hello there")
    stretch.end(START_S + WORD_S)
    stretch.keep()
    assert stretch.is_final
    assert stretch.text == stretch.agreement.tell() == " hello"


def test_words_that_may_come_to_belong_to_the_next_stretch_do_not_settle_yet() -> None:
    stretch = Stretch(START_S)
    for _ in range(2):
        uncut_s = START_S + 1.5 * WORD_S
        stretch.guess(recognition("hello there you"), heard_to_s=None, uncut_s=uncut_s)
    assert stretch.text == " hello there you"
    assert stretch.agreement.tell() == " hello"


def test_a_stretch_in_which_nothing_was_heard_has_no_language() -> None:
    stretch = guessed("thank you")
    stretch.settle(NOTHING)
    assert stretch.is_final
    assert (stretch.segments, stretch.language) == ((), None)


def utterance(*texts: str) -> Utterance:
    return Utterance(1, START_S, stretches=[guessed(text) for text in texts])


def test_an_utterance_says_what_its_stretches_say_in_a_row() -> None:
    spoken = utterance("hello there", "general")
    assert spoken.text == "hello there general"
    assert [segment.id for segment in spoken.segments] == [0, 1]
    assert [word.text for word in spoken.words] == ["hello", "there", "general"]


def test_an_utterance_is_complete_when_it_has_ended_and_nothing_will_change() -> None:
    spoken = utterance("hello")
    assert not spoken.is_complete
    spoken.stretches[0].settle(recognition("hello"))
    assert not spoken.is_complete
    spoken.end_s = START_S + 1.0
    assert spoken.is_complete


def test_an_utterance_is_in_the_language_that_was_heard_in_it_first() -> None:
    spoken = utterance("", "hallo", "hello")
    assert spoken.language is None
    for stretch, said in zip(
        spoken.stretches,
        [NOTHING, recognition("hallo", "de"), recognition("hello", "en")],
        strict=True,
    ):
        stretch.settle(said)
    assert spoken.language == "de"


def test_only_other_words_are_shown_anew() -> None:
    spoken = utterance("hello")
    assert spoken.show()
    assert not spoken.show()
    spoken.stretches[0].guess(recognition("Hello!"), heard_to_s=None)
    assert not spoken.show()
    spoken.stretches[0].guess(recognition("Hello there"), heard_to_s=None)
    assert spoken.show()


def test_words_that_were_shown_and_changed_are_counted() -> None:
    spoken = utterance("hello their general")
    spoken.show()
    assert (spoken.n_shown, spoken.n_changed) == (3, 0)
    spoken.stretches[0].guess(recognition("hello there general kenobi"), heard_to_s=None)
    spoken.show()
    assert (spoken.n_shown, spoken.n_changed) == (5, 1)
    spoken.stretches[0].guess(recognition("hello"), heard_to_s=None)
    spoken.show()
    assert (spoken.n_shown, spoken.n_changed) == (5, 4)
    assert spoken.shown == ("hello",)


def test_a_word_that_came_in_between_changes_none_of_those_behind_it() -> None:
    spoken = utterance("we these truths")
    spoken.show()
    spoken.stretches[0].guess(recognition("we hold these truths"), heard_to_s=None)
    spoken.show()
    assert (spoken.n_shown, spoken.n_changed) == (4, 0)
