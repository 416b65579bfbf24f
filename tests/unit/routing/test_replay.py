"""The bookkeeping of sessions that move: no sound lost, nothing told twice."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loquent.domain.live import (
    Final,
    LiveUpdate,
    Partial,
    Settled,
    SoundEncoding,
    SoundFormat,
    SpeechStarted,
    SpeechStopped,
)
from loquent.domain.transcript import Task, Transcript
from loquent.routing.held_sound import MAX_HELD_S, HeldSound
from loquent.routing.replay import Commit, Finish, Hear, Replay, Step
from tests.unit.routing.live_places import RATE_HZ, SOUND, Reader, sound_of

_TEXTS = st.lists(st.sampled_from(["a", "bc", "d e", "   ", "f   "]), max_size=4).map("".join)


class MovingSession(RuleBasedStateMachine):
    """A caller speaks, places hear, tell late and die: each letter is told once, where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.replay = Replay(SOUND)
        self.reader = Reader()
        self.untold: list[LiveUpdate] = []
        self.said = ""
        self.cut = b""
        self.told: list[LiveUpdate] = []
        self.is_finished = False

    @precondition(lambda self: not self.is_finished)
    @rule(text=_TEXTS, n_kept_bytes=st.integers(0, 1))
    def speak(self, text: str, n_kept_bytes: int) -> None:
        self.said += text
        sound = self.cut + sound_of(text)
        end = max(0, len(sound) - n_kept_bytes)
        self.cut = sound[end:]
        self.replay.hear(sound[:end])

    @rule(n_steps=st.integers(1, 3))
    def work(self, n_steps: int) -> None:
        for _ in range(n_steps):
            self._do(self.replay.next_step())

    def _do(self, step: Step | None) -> None:
        match step:
            case Hear(sound):
                self.untold += self.reader.hear(sound)
            case Commit():
                number, updates = self.reader.commit()
                self.untold += updates
                self.replay.committed(number)
            case Finish():
                self.untold += self.reader.end()

    @precondition(lambda self: not self.is_finished and not self.cut)
    @rule()
    def commit(self) -> None:
        self.replay.commit()

    @precondition(lambda self: self.untold)
    @rule(n_updates=st.integers(1, 20))
    def tell(self, n_updates: int) -> None:
        for update in self.untold[:n_updates]:
            self.told += self.replay.told(update)
        del self.untold[:n_updates]

    @rule()
    def die(self) -> None:
        self.reader, self.untold = Reader(), []
        self.replay.move()

    @rule()
    def finish(self) -> None:
        self.is_finished = True
        self.replay.hear(self.cut)
        self.cut = b""
        self.replay.finish()

    @invariant()
    def no_utterance_is_told_twice(self) -> None:
        for kind in (SpeechStarted, SpeechStopped, Final):
            numbers = [update.utterance for update in self.told if isinstance(update, kind)]
            assert numbers == sorted(set(numbers))

    @invariant()
    def nothing_follows_a_final_and_nothing_precedes_a_start(self) -> None:
        open_numbers: set[int] = set()
        for update in self.told:
            if isinstance(update, SpeechStarted):
                open_numbers.add(update.utterance)
            assert update.utterance in open_numbers
            if isinstance(update, Final):
                open_numbers.remove(update.utterance)

    @invariant()
    def letters_of_finals_are_where_they_were_said(self) -> None:
        for update in self.told:
            if isinstance(update, Final | Partial):
                words = update.words if isinstance(update, Partial) else update.transcript.words
                for word in words:
                    begin = round(word.start_s * RATE_HZ)
                    assert self.said[begin : begin + len(word.text)] == word.text

    @invariant()
    def times_of_finals_go_on(self) -> None:
        finals = [update for update in self.told if isinstance(update, Final)]
        times_s = [at_s for final in finals for at_s in (final.start_s, final.end_s)]
        assert times_s == sorted(times_s)

    @invariant()
    def settled_text_is_only_added_to(self) -> None:
        settled: dict[int, str] = {}
        for update in self.told:
            if isinstance(update, Settled):
                settled[update.utterance] = settled.get(update.utterance, "") + update.text
        for update in self.told:
            if isinstance(update, Final) and update.utterance in settled:
                letters = update.transcript.text.replace(" ", "")
                assert letters.startswith(settled[update.utterance])

    def teardown(self) -> None:
        self.finish()
        while step := self.replay.next_step():
            self._do(step)
        for update in self.untold:
            self.told += self.replay.told(update)
        self.told += self.replay.rest()
        finals = [update for update in self.told if isinstance(update, Final)]
        heard = "".join(final.transcript.text for final in finals)
        assert heard.replace(" ", "") == self.said.replace(" ", "")
        starts = [update.utterance for update in self.told if isinstance(update, SpeechStarted)]
        assert [final.utterance for final in finals] == starts
        self.no_utterance_is_told_twice()
        self.letters_of_finals_are_where_they_were_said()
        self.times_of_finals_go_on()
        self.settled_text_is_only_added_to()


MovingSession.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestMovingSession = MovingSession.TestCase


def test_sound_is_held_until_its_final_is_told() -> None:
    replay = Replay(SOUND)
    replay.hear(sound_of("abc   de"))
    assert replay.next_step() == Hear(sound_of("abc   de"))
    _tell_final(replay, 1, 0, 3)
    replay.move()
    assert replay.next_step() == Hear(sound_of("   de"))
    assert replay.next_step() is None


def test_a_final_that_ends_beyond_what_was_heard_cuts_no_more_than_that() -> None:
    replay = Replay(SOUND)
    replay.hear(sound_of("abc"))
    replay.next_step()
    replay.hear(sound_of("de"))
    _tell_final(replay, 1, 0, 1_000)
    assert replay.next_step() == Hear(sound_of("de"))


def test_a_commit_whose_final_is_not_told_is_done_again() -> None:
    replay = Replay(SOUND)
    for number, text in enumerate(("ab", "cd"), start=1):
        replay.hear(sound_of(text))
        replay.commit()
        assert replay.next_step() == Hear(sound_of(text))
        assert replay.next_step() == Commit()
        assert replay.committed(number) == number
    _tell_final(replay, 1, 0, 2)
    replay.move()
    assert replay.next_step() == Hear(sound_of("cd"))
    assert replay.next_step() == Commit()
    assert replay.committed(1) == 2
    assert replay.next_step() is None


def test_no_more_than_a_minute_is_held() -> None:
    replay = Replay(SOUND)
    minute = bytes(2 * RATE_HZ * int(MAX_HELD_S))
    for _ in range(3):
        replay.hear(minute)
        while replay.next_step():
            pass
    replay.move()
    n_bytes = 0
    while isinstance(step := replay.next_step(), Hear):
        n_bytes += len(step.sound)
    assert n_bytes == len(minute)


def test_sound_that_no_place_has_heard_is_held_however_long_it_is() -> None:
    replay = Replay(SOUND)
    sound = bytes(4 * RATE_HZ * int(MAX_HELD_S))
    replay.hear(sound)
    n_bytes = 0
    while isinstance(step := replay.next_step(), Hear):
        n_bytes += len(step.sound)
    assert n_bytes == len(sound)


def test_what_was_cleared_is_not_heard_again() -> None:
    replay = Replay(SOUND)
    replay.hear(sound_of("abc"))
    replay.next_step()
    replay.told(SpeechStarted(1, 0.0))
    replay.clear()
    replay.move()
    assert replay.next_step() is None
    assert replay.told(SpeechStarted(1, 0.0)) == [SpeechStarted(2, 3 / RATE_HZ)]


def test_of_a_cleared_utterance_that_had_ended_before_all_is_told() -> None:
    replay = Replay(SOUND)
    replay.told(SpeechStarted(1, 0.0))
    replay.clear()
    assert replay.told(Partial(1, 0.0, 1.0, "late", ())) == []
    assert replay.told(SpeechStopped(1, 0.5)) == [SpeechStopped(1, 0.5)]
    assert len(_tell_final(replay, 1, 0, 1)) == 1


@pytest.mark.parametrize(
    ("encoding", "silence"),
    [
        (SoundEncoding.PCM_S16LE, b"\0\0"),
        (SoundEncoding.PCM_F32LE, b"\0\0\0\0"),
        (SoundEncoding.PCM_MULAW, b"\xff"),
        (SoundEncoding.PCM_ALAW, b"\xd5"),
    ],
)
def test_what_is_cleared_behind_an_utterance_without_final_becomes_silence(
    encoding: SoundEncoding, silence: bytes
) -> None:
    replay = Replay(SoundFormat(RATE_HZ, encoding))
    size = len(silence)
    replay.hear(b"\x11" * (8 * size))
    replay.next_step()
    replay.told(SpeechStarted(1, 0.0))
    replay.told(SpeechStopped(1, 5 / RATE_HZ))
    replay.clear()
    replay.move()
    assert replay.next_step() == Hear(b"\x11" * (5 * size) + silence * 3)


def test_settled_text_that_another_place_hears_otherwise_is_not_told_again() -> None:
    replay = Replay(SOUND)
    replay.told(SpeechStarted(1, 0.0))
    assert replay.told(Settled(1, " one two")) == [Settled(1, " one two")]
    replay.move()
    assert replay.told(SpeechStarted(1, 0.0)) == []
    assert replay.told(Settled(1, "one")) == []
    assert replay.told(Settled(1, " too many")) == []
    replay.move()
    replay.told(SpeechStarted(1, 0.0))
    assert replay.told(Settled(1, "one two three")) == [Settled(1, " three")]


def test_utterances_that_the_last_place_lacks_end_empty() -> None:
    replay = Replay(SOUND)
    replay.told(SpeechStarted(1, 0.0))
    replay.told(SpeechStopped(1, 0.5))
    replay.told(SpeechStarted(2, 1.0))
    replay.move()
    replay.told(SpeechStarted(1, 0.0))
    _tell_final(replay, 1, 0, 4_000)
    stopped, final = replay.rest()
    assert stopped == SpeechStopped(2, 1.0)
    assert isinstance(final, Final)
    assert (final.utterance, final.transcript.text) == (2, "")
    assert replay.rest() == []


def test_positions_are_those_of_whole_samples() -> None:
    held = HeldSound(SOUND)
    held.append(b"\1\2\3\4\5")
    held.cut(3)
    assert (held.start, held.end) == (2, 5)
    held.cut(1_000)
    assert (held.start, held.end) == (4, 5)
    assert held.between(4, 5) == b"\5"


def _tell_final(replay: Replay, number: int, start: int, end: int) -> list[LiveUpdate]:
    replay.told(SpeechStarted(number, start / RATE_HZ))
    transcript = Transcript(Task.TRANSCRIBE, "x", None, 0.0, (), "m")
    return replay.told(Final(number, start / RATE_HZ, end / RATE_HZ, transcript))
