"""What was said just before is heard again, as long as it is close, known and not too much."""

from __future__ import annotations

import pytest

from loquent.pipeline.segmentation import FRAME_S, MAX_PAUSE_S
from loquent.realtime.commands import Effort
from loquent.realtime.context import MAX_HEARD_S, MAX_STRETCHES, Context, Known
from loquent.realtime.endpointing import MIN_SEALED_S, PAUSE_S
from loquent.realtime.utterance import Stretch
from tests.unit.realtime.conversation import NO_DRAFTS, Conversation
from tests.unit.realtime.hypotheses import recognition
from tests.unit.realtime.streams import request, silence, speech

DRAFT, FINAL = Effort.DRAFT, Effort.FINAL

MANUAL = request(ends_by_silence=False)


def stretch(start_s: float, end_s: float, text: str | None = "word") -> Stretch:
    """Return a stretch that says `text`, or of which that is not known yet."""
    made = Stretch(start_s)
    made.end(end_s)
    if text is not None:
        made.settle(recognition(text))
    return made


def known(*earlier: Stretch, held_from_s: float = 0.0, length_s: float = 1.0) -> Known:
    """Return what is known before a stretch that begins at 100 s."""
    context, newest = Context(), Stretch(100.0)
    for one in (*earlier, newest):
        context.add(one)
    return context.before(newest, 100.0 + length_s, held_from_s)


NOTHING = Known(100.0)


def test_without_a_past_nothing_is_known() -> None:
    assert known() == NOTHING


def test_what_was_said_just_before_is_known_in_its_order() -> None:
    one, two = stretch(96.0, 97.5, "one"), stretch(98.0, 99.5, "two")
    assert known(one, two) == Known(96.0, " one two")


def test_what_was_said_before_a_long_pause_is_of_no_use() -> None:
    near, far = stretch(98.0, 99.5, "near"), stretch(90.0, 98.0 - MAX_PAUSE_S - 0.1, "far")
    assert known(far, near) == Known(98.0, " near")
    assert known(stretch(90.0, 100.0 - MAX_PAUSE_S - 0.1)) == NOTHING


@pytest.mark.parametrize("text", [None, ""])
def test_what_is_not_understood_hides_what_was_before_it(text: str | None) -> None:
    assert known(stretch(96.0, 97.5, "one"), stretch(98.0, 99.5, text)) == NOTHING


def test_a_guess_is_not_known() -> None:
    guessed = stretch(98.0, 99.5, None)
    guessed.guess(recognition("word"), heard_to_s=None)
    assert known(guessed) == NOTHING


def test_no_more_is_heard_than_the_model_takes_well() -> None:
    middle_s, begin_s = 100.0 - MAX_HEARD_S / 4, 100.0 - MAX_HEARD_S * 3 / 4
    near, far = stretch(middle_s, 99.5, "near"), stretch(begin_s, middle_s, "far")
    assert known(far, near, length_s=MAX_HEARD_S / 5) == Known(begin_s, " far near")
    assert known(far, near, length_s=MAX_HEARD_S / 2) == Known(middle_s, " near")
    assert known(far, near, length_s=MAX_HEARD_S * 0.9) == NOTHING


def test_sound_that_is_gone_cannot_be_heard_again() -> None:
    one, two = stretch(96.0, 97.5, "one"), stretch(98.0, 99.5, "two")
    assert known(one, two, held_from_s=97.0) == Known(98.0, " two")


def test_only_the_newest_stretches_are_remembered() -> None:
    many = [stretch(99.0 + i / 100, 99.0 + (i + 1) / 100, str(i)) for i in range(50)]
    assert len(known(*many).text.split()) < MAX_STRETCHES


def test_a_final_is_heard_behind_the_one_before_it_across_utterances() -> None:
    talk = Conversation(pace=NO_DRAFTS)
    talk.hear(speech(1.0), silence(0.6))
    first = talk.answer(FINAL, "hello")
    assert (first.known, first.known_s) == ("", first.start_s)
    talk.hear(speech(1.0), silence(0.6))
    second = talk.answer(FINAL, "there")
    assert (second.known, second.known_s) == (" hello", first.start_s)
    assert talk.finals == ["hello", "there"]


def test_a_final_is_not_kept_waiting_for_the_one_before_it() -> None:
    talk = Conversation()
    talk.hear(speech(MIN_SEALED_S), silence(PAUSE_S), speech(1.0), silence(PAUSE_S))
    first, second = talk.waiting(FINAL)
    assert not first.known
    assert (second.known, second.known_s) == ("", second.start_s)


def test_guesses_are_fast_and_hear_nothing_again() -> None:
    talk = Conversation()
    talk.hear(speech(1.0), silence(0.6))
    talk.answer(FINAL, "hello")
    talk.hear(speech(2.0))
    (draft,) = talk.waiting(DRAFT)
    assert (draft.known, draft.known_s) == ("", draft.start_s)


@pytest.mark.parametrize("pause_s", [0.0, 1.0])
def test_what_was_cleared_is_not_heard_again(pause_s: float) -> None:
    talk = Conversation(MANUAL, NO_DRAFTS)
    talk.hear(speech(1.0), silence(0.6))
    talk.answer(FINAL, "secret")
    talk.clear()
    cleared_s = talk.now_s
    talk.hear(silence(pause_s), speech(1.0), silence(FRAME_S))
    talk.commit()
    (job,) = talk.waiting(FINAL)
    assert not job.known
    assert job.known_s >= cleared_s
