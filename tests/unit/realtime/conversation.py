"""A listener between somebody who speaks and a model that answers when it is told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from loquent.domain.errors import EngineError
from loquent.domain.live import Final, LiveRequest, LiveUpdate, Partial, Settled
from loquent.pipeline.segmentation import FRAME_S
from loquent.ports import Recognition
from loquent.realtime.commands import Effort, Recognise
from loquent.realtime.listener import Listener, Pace
from tests.unit.realtime.hypotheses import recognition
from tests.unit.realtime.ledger import Ledger
from tests.unit.realtime.streams import request

U = TypeVar("U", bound=LiveUpdate)

MODEL = "a/model"

NO_DRAFTS = Pace(cadence_s=None, speculates=False)


class Conversation:
    """What is heard, what is asked of the model, and what is told."""

    def __init__(self, wanted: LiveRequest | None = None, pace: Pace | None = None) -> None:
        self.listener = Listener(wanted or request(), MODEL, pace or Pace())
        self.ledger = Ledger(is_faithful=False)
        self.n_frames = 0

    @property
    def now_s(self) -> float:
        return self.n_frames * FRAME_S

    @property
    def updates(self) -> list[LiveUpdate]:
        return self.ledger.updates

    def told(self, kind: type[U]) -> list[U]:
        return [update for update in self.updates if isinstance(update, kind)]

    @property
    def partials(self) -> list[str]:
        return [partial.text for partial in self.told(Partial)]

    @property
    def settled(self) -> list[str]:
        return [settled.text for settled in self.told(Settled)]

    @property
    def finals(self) -> list[str]:
        return [final.transcript.text for final in self.told(Final)]

    def hear(self, *parts: Sequence[float], n_at_once: int = 1) -> None:
        probabilities = [probability for part in parts for probability in part]
        for at in range(0, len(probabilities), n_at_once):
            heard = probabilities[at : at + n_at_once]
            self.n_frames += len(heard)
            self.ledger.take(self.listener.hear(heard))

    def waiting(self, effort: Effort) -> list[Recognise]:
        return [job for job in self.ledger.outstanding.values() if job.effort is effort]

    def answer(self, effort: Effort, text: str, language: str = "en") -> Recognise:
        """Let the oldest work of that kind end with a text."""
        job = self._end(effort)
        self.ledger.take(self.listener.recognised(job.number, recognition(text, language)))
        return job

    def fail(self, effort: Effort) -> Recognise:
        job = self._end(effort)
        self.ledger.take(self.listener.failed(job.number, EngineError("It failed.")))
        return job

    def answer_all(self, answer: Callable[[Recognise], Recognition]) -> None:
        while self.ledger.outstanding:
            job = self.ledger.outstanding.pop(next(iter(self.ledger.outstanding)))
            self.ledger.take(self.listener.recognised(job.number, answer(job)))

    def commit(self) -> int | None:
        number, commands = self.listener.commit(self.now_s)
        self.ledger.take(commands)
        return number

    def clear(self) -> None:
        self.ledger.clear()
        self.ledger.take(self.listener.clear(self.now_s))

    def finish(self) -> None:
        self.ledger.take(self.listener.finish(self.now_s))

    def _end(self, effort: Effort) -> Recognise:
        job = self.waiting(effort)[0]
        return self.ledger.outstanding.pop(job.number)
