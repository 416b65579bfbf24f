"""The recognition that a session has on its way, and for what; decides nothing about when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loquent.realtime.commands import Drop, Effort, Recognise
from loquent.realtime.context import Context, Known
from loquent.realtime.utterance import Stretch, Utterance


@dataclass(frozen=True, slots=True)
class Work:
    """A stretch that is being recognised."""

    job: Recognise
    stretch: Stretch
    utterance: Utterance


class Workload:
    """Work that was begun and has neither come to a result nor been given up."""

    def __init__(self) -> None:
        self._works: dict[int, Work] = {}
        self._n_begun = 0
        self._context = Context()

    def enter(self, stretch: Stretch) -> None:
        """Take a stretch that begins, so that it can be heard again with those behind it."""
        self._context.add(stretch)

    def draft(
        self, stretch: Stretch, utterance: Utterance, end_s: float, language: str | None
    ) -> Recognise:
        """Have a stretch guessed at, beginning with the words that are settled."""
        return self._begin(
            stretch, utterance, Effort.DRAFT, end_s, Known(stretch.start_s), language
        )

    def take(
        self,
        stretch: Stretch,
        utterance: Utterance,
        end_s: float,
        language: str | None,
        held_from_s: float,
    ) -> Recognise:
        """Have a stretch recognised as well as a recording, with what was said before it.

        Args:
            held_from_s: sound before this time is gone.
        """
        known = self._context.before(stretch, end_s, held_from_s)
        job = self._begin(stretch, utterance, Effort.FINAL, end_s, known, language)
        stretch.take = job.number
        return job

    def end(self, number: int) -> Work | None:
        """Take out work that is over; None if nobody waits for it."""
        return self._works.pop(number, None)

    def is_busy_with(self, stretch: Stretch) -> bool:
        return any(work.stretch is stretch for work in self._works.values())

    def drop_guesses(self, stretch: Stretch) -> list[Drop]:
        """Give up guesses at a stretch that something better is known of, or will be."""
        return self._drop(
            number
            for number, work in self._works.items()
            if work.stretch is stretch and number != stretch.take
        )

    def drop_all(self, utterance: Utterance | None) -> list[Drop]:
        """Give up an utterance, and forget what was said before."""
        self._context = Context()
        return self._drop(
            number for number, work in self._works.items() if work.utterance is utterance
        )

    def _drop(self, numbers: Iterable[int]) -> list[Drop]:
        dropped = list(numbers)
        for number in dropped:
            del self._works[number]
        return [Drop(number) for number in dropped]

    def _begin(
        self,
        stretch: Stretch,
        utterance: Utterance,
        effort: Effort,
        end_s: float,
        known: Known,
        language: str | None,
    ) -> Recognise:
        self._n_begun += 1
        job = Recognise(
            number=self._n_begun,
            effort=effort,
            start_s=stretch.start_s,
            end_s=end_s,
            known_s=known.start_s,
            known=known.text,
            prefix=stretch.agreement.prefix if effort is Effort.DRAFT else "",
            language=language,
        )
        self._works[job.number] = Work(job, stretch, utterance)
        return job
