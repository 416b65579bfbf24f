"""Utterances that the caller ends or forgets, and terms that change on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loquent.domain.live import Final, SpeechStarted, SpeechStopped
from loquent.pipeline.segmentation import FRAME_S
from loquent.realtime.commands import Effort
from loquent.realtime.context import MAX_HEARD_S
from loquent.realtime.endpointing import MAX_STRETCH_S, MIN_SEALED_S, PAUSE_S
from loquent.realtime.listener import LANGUAGE_AFTER_S
from tests.unit.realtime.conversation import NO_DRAFTS, Conversation
from tests.unit.realtime.hypotheses import truth
from tests.unit.realtime.streams import request, silence, speech

DRAFT, FINAL = Effort.DRAFT, Effort.FINAL

MANUAL = request(ends_by_silence=False)


def test_without_turns_by_silence_only_the_caller_ends_an_utterance() -> None:
    talk = Conversation(MANUAL)
    talk.hear(*[speech(1.0), silence(5.0)] * 3)
    talk.answer_all(truth)
    assert len(talk.told(SpeechStarted)) == 1
    assert not talk.told(SpeechStopped)
    assert talk.commit() == 1
    talk.answer_all(truth)
    (final,) = talk.told(Final)
    assert (final.start_s, final.end_s) == (0.0, talk.now_s)
    assert len(final.transcript.segments) == 3


def test_an_utterance_of_the_caller_begins_where_the_last_one_ended() -> None:
    talk = Conversation(MANUAL)
    talk.hear(silence(2.0))
    assert talk.commit() == 1
    talk.hear(silence(3.0), speech(1.0))
    assert talk.commit() == 2
    talk.answer_all(truth)
    starts_s = [final.start_s for final in talk.told(Final)]
    assert starts_s == [0.0, pytest.approx(2.0, abs=FRAME_S)]


def test_what_is_said_so_far_is_settled_while_the_caller_holds_the_utterance_open() -> None:
    talk = Conversation(MANUAL)
    talk.hear(speech(2.0), silence(2.0))
    talk.answer(FINAL, "hello")
    assert talk.settled == [" hello"]
    talk.hear(speech(2.0), silence(2.0))
    talk.answer(FINAL, "there")
    assert talk.settled == [" hello", " there"]
    talk.commit()
    assert talk.finals == ["hello there"]


def test_sound_that_is_understood_is_let_go_though_the_utterance_goes_on() -> None:
    talk = Conversation(MANUAL)
    talk.hear(speech(2.0), silence(2.0), speech(2.0), silence(2.0))
    talk.answer(FINAL, "hello")
    talk.answer(FINAL, "there")
    talk.hear(silence(60.0))
    assert talk.ledger.released_s >= talk.now_s - MAX_HEARD_S - 1.0 > 0.0


@pytest.mark.parametrize("ends_by_silence", [True, False])
def test_the_caller_may_end_an_utterance_in_the_middle(ends_by_silence: bool) -> None:
    talk = Conversation(request(ends_by_silence=ends_by_silence))
    talk.hear(speech(2.0))
    assert talk.commit() == 1
    assert talk.told(SpeechStopped)
    talk.hear(speech(2.0))
    assert talk.commit() == 2
    first, second = talk.waiting(FINAL)
    assert first.end_s == second.start_s
    talk.answer_all(truth)
    assert [final.utterance for final in talk.told(Final)] == [1, 2]


def test_a_commit_in_the_pause_takes_the_final_that_is_there() -> None:
    talk = Conversation()
    talk.hear(speech(2.0), silence(PAUSE_S))
    talk.answer(FINAL, "hello there")
    talk.commit()
    assert talk.finals == ["hello there"]
    assert not talk.ledger.outstanding


@pytest.mark.parametrize("ends_by_silence", [True, False])
def test_a_commit_without_speech_is_an_utterance_without_text(ends_by_silence: bool) -> None:
    talk = Conversation(request(ends_by_silence=ends_by_silence))
    talk.hear(silence(2.0))
    assert talk.commit() == 1
    assert talk.finals == [""]
    (final,) = talk.told(Final)
    assert final.transcript.language is None


def test_a_commit_without_sound_is_none() -> None:
    talk = Conversation()
    assert talk.commit() is None
    talk.hear(silence(1.0))
    talk.commit()
    before = list(talk.updates)
    assert talk.commit() is None
    assert talk.updates == before


def test_a_commit_right_behind_a_cut_asks_for_no_empty_sound() -> None:
    talk = Conversation(pace=NO_DRAFTS)
    while not talk.waiting(FINAL):
        talk.hear(speech(FRAME_S))
    assert talk.now_s == pytest.approx(MAX_STRETCH_S, abs=FRAME_S)
    talk.commit()
    talk.answer(FINAL, "hello")
    assert talk.finals == ["hello"]


def test_what_is_cleared_is_never_told_again() -> None:
    talk = Conversation()
    talk.hear(speech(2.0))
    (draft,) = talk.waiting(DRAFT)
    talk.clear()
    assert talk.ledger.dropped == [draft.number]
    assert talk.listener.is_idle
    talk.hear(speech(1.0), silence(1.0))
    talk.answer_all(truth)
    (final,) = talk.told(Final)
    assert final.utterance == 2
    assert final.start_s >= 2.0


def test_clearing_spares_utterances_that_are_over() -> None:
    talk = Conversation()
    talk.hear(speech(1.0), silence(1.0), speech(1.0))
    talk.clear()
    talk.answer(FINAL, "hello")
    assert talk.finals == ["hello"]
    assert talk.listener.is_idle


def test_after_clearing_there_is_nothing_to_commit() -> None:
    talk = Conversation()
    talk.hear(speech(1.0))
    number, _ = talk.listener.commit(talk.now_s + FRAME_S / 2)
    assert number == 1
    talk.listener.clear(talk.now_s + FRAME_S / 4 * 3)
    assert talk.listener.commit(talk.now_s + FRAME_S / 4 * 3) == (None, [])


def test_clearing_silence_asks_for_nothing() -> None:
    talk = Conversation()
    talk.clear()
    talk.hear(silence(1.0))
    talk.clear()
    assert not talk.updates


def language_of_the_next(talk: Conversation) -> str | None:
    """Return the language in which one more short utterance is recognised."""
    talk.hear(speech(1.0), silence(1.0))
    return talk.answer(FINAL, "hm", "nl").language


def test_the_first_long_stretch_decides_the_language() -> None:
    talk = Conversation(pace=NO_DRAFTS)
    assert language_of_the_next(talk) is None
    assert language_of_the_next(talk) is None
    talk.hear(speech(LANGUAGE_AFTER_S), silence(1.0))
    talk.answer(FINAL, "hallo zusammen", "de")
    assert language_of_the_next(talk) == "de"
    (*_, last) = talk.told(Final)
    assert last.transcript.language == "nl"


def test_a_stretch_in_which_nothing_was_said_decides_no_language() -> None:
    talk = Conversation(pace=NO_DRAFTS)
    talk.hear(speech(LANGUAGE_AFTER_S), silence(1.0))
    talk.answer(FINAL, "", "cy")
    assert language_of_the_next(talk) is None


def test_a_guess_decides_no_language() -> None:
    talk = Conversation()
    talk.hear(speech(LANGUAGE_AFTER_S + 1.0))
    talk.answer(DRAFT, "hello", "cy")
    talk.hear(speech(1.0))
    (job,) = talk.waiting(DRAFT)
    assert job.language is None


def test_the_language_that_was_asked_for_counts_and_may_change() -> None:
    talk = Conversation(replace(request(), language="fr"), NO_DRAFTS)
    assert language_of_the_next(talk) == "fr"
    talk.listener.configure(replace(request(), language="it"))
    assert language_of_the_next(talk) == "it"
    talk.listener.configure(replace(request(silence_ms=700), language="it"))
    assert language_of_the_next(talk) == "it"


def test_other_terms_leave_the_language_that_was_heard() -> None:
    talk = Conversation(pace=NO_DRAFTS)
    talk.hear(speech(LANGUAGE_AFTER_S), silence(1.0))
    talk.answer(FINAL, "hallo zusammen", "de")
    talk.listener.configure(request(silence_ms=700))
    assert language_of_the_next(talk) == "de"


def test_turns_may_become_those_of_the_caller_on_the_way() -> None:
    talk = Conversation()
    talk.hear(speech(1.0))
    talk.listener.configure(MANUAL)
    talk.hear(silence(5.0), speech(1.0))
    assert not talk.told(SpeechStopped)
    talk.listener.configure(request())
    talk.hear(silence(1.0))
    assert talk.told(SpeechStopped)
    talk.answer_all(truth)
    assert len(talk.finals) == 1


def test_more_padding_than_before_needs_no_sound_that_is_gone() -> None:
    talk = Conversation()
    talk.hear(silence(10.0))
    talk.listener.configure(request(padding_ms=5_000))
    talk.hear(speech(MIN_SEALED_S), silence(1.0))
    assert talk.waiting(FINAL)
