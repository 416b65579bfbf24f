"""Whatever is heard, understood, lost or asked for, in any order: each utterance is told once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from loquent.domain.errors import EngineError
from loquent.domain.request import SpeechDetection
from loquent.pipeline.segmentation import FRAME_S
from loquent.ports import Recognition
from loquent.realtime.commands import Command, Recognise
from loquent.realtime.ladder import RUNGS
from loquent.realtime.listener import Listener, Pace
from tests.unit.realtime.hypotheses import segment, truth
from tests.unit.realtime.ledger import Ledger
from tests.unit.realtime.streams import DETECTIONS, RUNS, Run, request, spelled_out

PLACES = st.integers(0, 99)

WORDS = st.lists(st.sampled_from(["one", "One,", "two", "two.", "three"]), max_size=6)

LANGUAGES = st.sampled_from([None, "en", "de"])

BEYOND_S = st.one_of(st.just(0.0), st.floats(0.0, FRAME_S, exclude_max=True))
"""Sound that does not fill a frame yet."""


class ListenerStates(RuleBasedStateMachine):
    """Drives a listener, and holds it to its word."""

    def __init__(self) -> None:
        super().__init__()
        self.n_frames = 0
        self.sound_s = 0.0
        self.has_news = False

    @initialize(
        detection=DETECTIONS,
        ends_by_silence=st.booleans(),
        interim_s=st.sampled_from([0.0, 3.0]),
        is_faithful=st.booleans(),
    )
    def begin(
        self,
        detection: SpeechDetection,
        ends_by_silence: bool,
        interim_s: float,
        is_faithful: bool,
    ) -> None:
        wanted = request(ends_by_silence=ends_by_silence, interim_s=interim_s)
        self.request = replace(wanted, detection=detection)
        self.listener = Listener(self.request, "a/model")
        self.ledger = Ledger(is_faithful)

    @rule(runs=RUNS, n_at_once=st.integers(1, 16), beyond_s=BEYOND_S)
    def hear(self, runs: list[Run], n_at_once: int, beyond_s: float) -> None:
        probabilities = spelled_out(runs)
        for at in range(0, len(probabilities), n_at_once):
            heard = probabilities[at : at + n_at_once]
            self.come(len(heard), 0.0)
            self.take(self.listener.hear(heard))
        self.come(0, beyond_s)

    @precondition(lambda self: self.ledger.outstanding)
    @rule(place=PLACES, words=WORDS)
    def understand(self, place: int, words: list[str]) -> None:
        job = self.finished(place)
        heard = Recognition(job.language or "en", (segment(words),) if words else ())
        result = truth(job) if self.ledger.is_faithful else heard
        self.take(self.listener.recognised(job.number, result))

    @precondition(lambda self: self.ledger.outstanding)
    @rule(place=PLACES)
    def fail(self, place: int) -> None:
        job = self.finished(place)
        self.take(self.listener.failed(job.number, EngineError("It failed.")))

    @rule(words=WORDS, place=PLACES)
    def hear_of_work_that_nobody_waits_for(self, words: list[str], place: int) -> None:
        numbers = [*self.ledger.dropped, 0, self.ledger.n_asked + 1]
        number = numbers[place % len(numbers)]
        assert self.listener.recognised(number, Recognition("en", (segment(words),))) == []
        assert self.listener.failed(number, EngineError("It failed.")) == []

    @rule()
    def commit(self) -> None:
        open_number, n_before = self.ledger.open_number, len(self.ledger.utterances)
        number, commands = self.listener.commit(self.sound_s)
        self.take(commands, may_stop=True)
        if number is None:
            assert not commands
            assert open_number is None
        else:
            assert self.has_news
            assert number == (open_number or n_before + 1)
            assert self.ledger.open_number is None
        self.has_news = False

    @rule()
    def clear(self) -> None:
        self.ledger.clear()
        self.take(self.listener.clear(self.sound_s))
        self.has_news = False

    @rule(detection=DETECTIONS, ends_by_silence=st.booleans(), language=LANGUAGES)
    def configure(
        self, detection: SpeechDetection, ends_by_silence: bool, language: str | None
    ) -> None:
        self.request = replace(
            self.request, detection=detection, ends_by_silence=ends_by_silence, language=language
        )
        self.listener.configure(self.request)

    @rule(pace=st.sampled_from(RUNGS))
    def change_pace(self, pace: Pace) -> None:
        self.listener.pace = pace

    def take(self, commands: Iterable[Command], *, may_stop: bool = False) -> None:
        self.ledger.may_stop = may_stop or self.request.ends_by_silence
        self.ledger.take(commands)

    def come(self, n_frames: int, beyond_s: float) -> None:
        """Let more sound come in."""
        self.n_frames += n_frames
        before_s, self.sound_s = self.sound_s, max(self.sound_s, self.n_frames * FRAME_S + beyond_s)
        self.has_news |= self.sound_s > before_s

    def finished(self, place: int) -> Recognise:
        numbers = list(self.ledger.outstanding)
        return self.ledger.outstanding.pop(numbers[place % len(numbers)])

    def teardown(self) -> None:
        """End the stream and all work: each utterance has one final, and nothing is left."""
        if not hasattr(self, "listener"):
            return
        self.take(self.listener.hear([0.9]))
        self.take(self.listener.finish(self.sound_s), may_stop=True)
        while self.ledger.outstanding:
            assert not self.listener.is_idle
            job = self.finished(0)
            self.take(self.listener.recognised(job.number, truth(job)))
        assert self.listener.is_idle
        self.ledger.check_end()


ListenerStates.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
test_each_utterance_is_told_once_and_in_order = ListenerStates.TestCase
