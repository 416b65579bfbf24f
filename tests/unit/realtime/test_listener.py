"""When to listen again, and what to tell of it."""

from __future__ import annotations

import pytest

from loquent.domain.live import Final, Partial, Settled, SpeechStarted, SpeechStopped
from loquent.pipeline.segmentation import FRAME_S
from loquent.realtime.agreement import N_UNFORCED_WORDS
from loquent.realtime.commands import Effort
from loquent.realtime.context import MAX_HEARD_S
from loquent.realtime.endpointing import MAX_STRETCH_S, MIN_SEALED_S, PAUSE_S
from loquent.realtime.listener import FIRST_DRAFT_S, LONG_UTTERANCE_S, Pace
from tests.unit.realtime.conversation import MODEL, NO_DRAFTS, Conversation
from tests.unit.realtime.hypotheses import truth
from tests.unit.realtime.streams import n_frames, request, silence, speech

DRAFT, FINAL = Effort.DRAFT, Effort.FINAL

SILENCE_S = 0.5

MAX_KEPT_S = MAX_HEARD_S + 1.0
"""Sound that is kept though nobody speaks: to be heard again, and as padding."""

DIP = 0.6
"""Speech that is less likely than the rest."""

TOLERANCE_S = 2 * FRAME_S


def test_silence_asks_for_nothing() -> None:
    talk = Conversation()
    talk.hear(silence(60.0))
    assert not talk.ledger.n_asked
    assert not talk.updates
    assert talk.listener.is_idle


def test_an_utterance_is_told_from_its_begin_to_its_final() -> None:
    talk = Conversation()
    talk.hear(silence(1.0), speech(1.0))
    talk.answer(DRAFT, "hello")
    talk.hear(silence(PAUSE_S))
    talk.answer(FINAL, "hello there")
    assert not talk.finals
    talk.hear(silence(1.0))
    assert talk.listener.is_idle
    kinds = [type(update) for update in talk.updates]
    assert kinds == [SpeechStarted, Partial, Settled, Partial, SpeechStopped, Settled, Final]
    (final,) = talk.told(Final)
    assert (final.utterance, final.transcript.text) == (1, "hello there")
    assert (final.transcript.model, final.transcript.language) == (MODEL, "en")
    assert (final.n_shown, final.n_changed) == (2, 0)
    assert final.error is None


@pytest.mark.parametrize("n_at_once", [7, 16, 1_000])
def test_how_sound_is_cut_does_not_move_what_is_told(n_at_once: int) -> None:
    one_by_one, cut = Conversation(pace=NO_DRAFTS), Conversation(pace=NO_DRAFTS)
    heard = [speech(1.0), silence(1.0), speech(1.0), silence(2.0)]
    one_by_one.hear(*heard)
    cut.hear(*heard, n_at_once=n_at_once)
    assert cut.updates == one_by_one.updates


def test_the_first_guess_is_made_early_and_the_next_ones_in_the_cadence() -> None:
    talk = Conversation(pace=Pace(cadence_s=1.0))
    ends_s = []
    for _ in range(n_frames(4.0)):
        talk.hear(speech(FRAME_S))
        if talk.waiting(DRAFT):
            ends_s.append(talk.answer(DRAFT, "hello").end_s)
    expected_s = [FIRST_DRAFT_S + i for i in range(4)]
    assert ends_s == pytest.approx(expected_s, abs=3 * TOLERANCE_S)


def test_guesses_are_no_more_frequent_than_the_caller_wants() -> None:
    talk = Conversation(request(interim_s=3.0), Pace(cadence_s=0.5))
    talk.hear(speech(1.0))
    talk.answer(DRAFT, "hello")
    talk.hear(speech(2.0))
    assert not talk.ledger.outstanding
    talk.hear(speech(1.0))
    assert talk.waiting(DRAFT)


def test_a_guess_waits_for_the_one_before_it() -> None:
    talk = Conversation()
    talk.hear(speech(4.0))
    assert len(talk.waiting(DRAFT)) == talk.ledger.n_asked == 1
    talk.answer(DRAFT, "hello")
    assert talk.ledger.n_asked == 2


def test_a_lost_guess_is_made_again_with_more_sound() -> None:
    talk = Conversation()
    talk.hear(speech(1.0))
    talk.fail(DRAFT)
    assert not talk.told(Final)
    talk.hear(speech(1.0))
    assert talk.waiting(DRAFT)


def test_without_drafts_only_what_is_complete_is_recognised() -> None:
    talk = Conversation(pace=NO_DRAFTS)
    talk.hear(speech(3.0), silence(PAUSE_S))
    assert not talk.ledger.n_asked
    talk.hear(silence(1.0))
    talk.answer(FINAL, "hello there")
    assert talk.finals == ["hello there"]
    assert not talk.partials
    (final,) = talk.told(Final)
    assert (final.n_shown, final.n_changed) == (0, 0)


def test_the_pace_may_change_while_somebody_speaks() -> None:
    talk = Conversation(pace=NO_DRAFTS)
    talk.hear(speech(2.0))
    talk.listener.pace = Pace()
    talk.hear(speech(FRAME_S))
    assert talk.waiting(DRAFT)


def test_a_guess_begins_with_what_is_settled() -> None:
    talk = Conversation()
    for text in ("we hold these", "we hold these truths", "we hold these truths to"):
        talk.hear(speech(2.5))
        talk.answer(DRAFT, text)
    (draft,) = talk.waiting(DRAFT)
    assert "".join(talk.settled) == " we hold these truths"
    n_forced = 4 - N_UNFORCED_WORDS
    assert draft.prefix == "".join([" we", " hold", " these", " truths"][:n_forced])


def test_a_guess_is_not_repeated_in_a_pause() -> None:
    talk = Conversation(request(silence_ms=9_000), Pace(speculates=False))
    talk.hear(speech(2.0))
    talk.answer(DRAFT, "hello")
    talk.hear(silence(1.0))
    talk.answer(DRAFT, "hello there")
    talk.hear(silence(5.0))
    assert not talk.ledger.outstanding


def test_a_final_is_begun_in_the_pause_and_told_as_soon_as_the_silence_is_long_enough() -> None:
    talk = Conversation()
    talk.hear(speech(2.0), silence(PAUSE_S))
    (job,) = talk.waiting(FINAL)
    assert job.end_s == pytest.approx(2.0 + PAUSE_S, abs=TOLERANCE_S)
    talk.answer(FINAL, "hello there")
    talk.hear(silence(SILENCE_S - PAUSE_S + TOLERANCE_S))
    assert talk.finals == ["hello there"]


def test_a_final_that_was_begun_too_early_is_one_more_guess() -> None:
    talk = Conversation()
    talk.hear(speech(2.0), silence(PAUSE_S), speech(1.0))
    talk.answer(FINAL, "hello")
    assert talk.partials == ["hello"]
    talk.hear(silence(1.0))
    talk.answer(FINAL, "hello there")
    assert talk.finals == ["hello there"]


def test_a_final_that_was_there_too_early_is_not_kept_for_what_follows() -> None:
    talk = Conversation()
    talk.hear(speech(2.0), silence(PAUSE_S))
    talk.answer(FINAL, "hello")
    talk.hear(speech(1.0), silence(1.0))
    assert not talk.finals
    talk.answer(FINAL, "hello there")
    assert talk.finals == ["hello there"]


def test_once_a_final_is_there_in_the_pause_nothing_is_guessed_at() -> None:
    talk = Conversation(request(silence_ms=9_000))
    talk.hear(speech(2.0), silence(PAUSE_S))
    talk.answer(FINAL, "hello there")
    talk.hear(silence(5.0))
    assert not talk.ledger.outstanding


def test_a_guess_that_comes_after_the_end_is_not_waited_for() -> None:
    talk = Conversation()
    talk.hear(speech(2.0))
    (draft,) = talk.waiting(DRAFT)
    talk.hear(silence(1.0))
    assert draft.number in talk.ledger.dropped
    assert talk.listener.recognised(draft.number, truth(draft)) == []


def test_a_failed_final_leaves_the_last_guess_and_says_why() -> None:
    talk = Conversation()
    talk.hear(speech(2.0))
    talk.answer(DRAFT, "")
    talk.answer(DRAFT, "hello")
    talk.hear(silence(1.0))
    talk.fail(FINAL)
    (final,) = talk.told(Final)
    assert final.transcript.text == "hello"
    assert final.error is not None
    assert final.error.message == "It failed."


def test_a_final_that_failed_in_the_pause_is_tried_again_at_the_end() -> None:
    talk = Conversation()
    talk.hear(speech(2.0), silence(PAUSE_S))
    talk.fail(FINAL)
    talk.hear(silence(1.0))
    talk.answer(FINAL, "hello")
    (final,) = talk.told(Final)
    assert (final.transcript.text, final.error) == ("hello", None)


def test_finals_are_told_in_order_whichever_is_there_first() -> None:
    talk = Conversation()
    talk.hear(speech(1.0), silence(1.0), speech(1.0), silence(1.0))
    _first, second = talk.waiting(FINAL)
    talk.ledger.outstanding.pop(second.number)
    talk.ledger.take(talk.listener.recognised(second.number, truth(second)))
    assert not talk.finals
    talk.answer(FINAL, "hello")
    assert [final.utterance for final in talk.told(Final)] == [1, 2]


def test_after_a_pause_a_long_stretch_is_completed_while_the_speech_goes_on() -> None:
    talk = Conversation()
    talk.hear(speech(MIN_SEALED_S), silence(PAUSE_S), speech(0.3))
    first = talk.answer(FINAL, "hello")
    assert talk.settled == [" hello"]
    talk.hear(speech(1.0))
    draft = talk.answer(DRAFT, "")
    assert draft.start_s == first.end_s
    talk.answer(DRAFT, "there")
    assert talk.partials[-1] == "hello there"
    talk.hear(silence(1.0))
    talk.answer(FINAL, "there")
    assert talk.finals == ["hello there"]


def test_text_settles_in_the_order_in_which_it_was_said() -> None:
    talk = Conversation()
    talk.hear(speech(MIN_SEALED_S), silence(PAUSE_S), speech(4.0))
    for text in ("", "there you", "there you are"):
        talk.answer(DRAFT, text)
        talk.hear(speech(1.0))
    assert not talk.settled
    talk.answer(FINAL, "hello")
    assert talk.settled == [" hello there you"]


def test_words_that_the_final_changed_are_counted() -> None:
    talk = Conversation()
    talk.hear(speech(2.0))
    talk.answer(DRAFT, "")
    talk.answer(DRAFT, "hello their")
    talk.hear(silence(1.0))
    talk.answer(FINAL, "hello there general")
    (final,) = talk.told(Final)
    assert final.n_changed == 1
    assert (talk.listener.n_shown, talk.listener.n_changed) == (final.n_shown, 1)


def test_whoever_does_not_stop_is_shown_finals_all_the_same() -> None:
    talk = Conversation(pace=NO_DRAFTS)
    talk.hear(*[speech(3.0), silence(PAUSE_S)] * round(LONG_UTTERANCE_S))
    talk.answer_all(truth)
    spans_s = [(final.start_s, final.end_s) for final in talk.told(Final)]
    assert len(spans_s) >= 2
    assert all(
        LONG_UTTERANCE_S <= end_s - start_s <= LONG_UTTERANCE_S + MAX_STRETCH_S
        for start_s, end_s in spans_s
    )


@pytest.mark.parametrize("keeps_up", [True, False])
def test_of_speech_without_a_pause_nothing_is_told_twice(keeps_up: bool) -> None:
    talk = Conversation()
    talk.ledger.is_faithful = True
    for second in range(3 * round(MAX_STRETCH_S)):
        talk.hear(speech(0.9), [DIP], speech(0.1))
        if keeps_up or second % 7 == 0:
            talk.answer_all(truth)
        if talk.partials:
            words = talk.partials[-1].split()
            assert len(words) == len(set(words))
    talk.hear(silence(1.0))
    talk.answer_all(truth)
    assert talk.finals


def test_what_a_failed_final_leaves_is_not_told_again_by_the_next_stretch() -> None:
    talk = Conversation()
    talk.ledger.is_faithful = True
    talk.hear(speech(MAX_STRETCH_S * 0.6), [DIP])
    while not talk.waiting(FINAL):
        talk.hear(speech(FRAME_S))
        if talk.waiting(DRAFT):
            (draft,) = talk.waiting(DRAFT)
            talk.ledger.outstanding.pop(draft.number)
            talk.ledger.take(talk.listener.recognised(draft.number, truth(draft)))
    talk.fail(FINAL)
    talk.hear(speech(1.0), silence(1.0))
    talk.answer_all(truth)
    assert talk.listener.is_idle


def test_after_the_end_of_an_utterance_no_more_guesses_at_it_are_told() -> None:
    talk = Conversation()
    talk.hear(speech(MIN_SEALED_S), silence(PAUSE_S), speech(1.0), silence(1.0))
    assert len(talk.waiting(FINAL)) == 2
    talk.answer(FINAL, "hello")
    stopped = next(i for i, u in enumerate(talk.updates) if isinstance(u, SpeechStopped))
    assert not any(isinstance(update, Partial) for update in talk.updates[stopped:])
    assert talk.settled == [" hello"]


@pytest.mark.parametrize("pace", [Pace(), Pace(speculates=False), NO_DRAFTS])
def test_however_long_a_pause_may_be_no_more_than_a_model_takes_is_recognised(pace: Pace) -> None:
    talk = Conversation(request(silence_ms=30_000), pace)
    talk.hear(speech(5.0), silence(29.0))
    talk.answer_all(truth)
    talk.hear(speech(1.0), silence(29.0))
    talk.answer_all(truth)
    assert talk.commit() == 1
    talk.answer_all(truth)
    assert len(talk.finals) == 1


def test_sound_is_let_go_once_nothing_will_need_it() -> None:
    talk = Conversation()
    talk.hear(silence(60.0))
    assert talk.now_s - MAX_KEPT_S <= talk.ledger.released_s <= talk.now_s
    talk.hear(speech(10.0), silence(60.0))
    assert 60.0 - MAX_KEPT_S <= talk.ledger.released_s <= 60.0
    talk.answer(FINAL, "hello")
    talk.hear(silence(FRAME_S))
    assert talk.now_s - MAX_KEPT_S <= talk.ledger.released_s


def test_finishing_completes_what_is_being_said() -> None:
    talk = Conversation()
    talk.hear(speech(2.0))
    talk.finish()
    assert talk.told(SpeechStopped)
    assert not talk.listener.is_idle
    talk.answer(FINAL, "hello there")
    assert talk.finals == ["hello there"]
    assert talk.listener.is_idle


def test_a_stream_without_speech_finishes_at_once() -> None:
    talk = Conversation()
    talk.hear(silence(2.0))
    talk.finish()
    assert talk.listener.is_idle
    assert not talk.updates
