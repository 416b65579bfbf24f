"""Choose for each request the endpoints that it may go to, in order, and tell why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from loquent.routing.board import EndpointBoard
from loquent.routing.book import EndpointBook
from loquent.routing.need import Need
from loquent.routing.ranking import Candidate, Policy, callable_now, ranked


def _today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Planner:
    """Puts together what there is, how it does and what the operator wants.

    Attributes:
        today: tells the day whose prices hold.
    """

    book: EndpointBook
    board: EndpointBoard
    policy: Policy = field(default_factory=Policy)
    today: Callable[[], date] = _today

    def candidates(self, need: Need) -> tuple[Candidate, ...]:
        """Return every endpoint that answers to the name, those that may serve first.

        Raises: ModelNotFoundError, UnsupportedOptionError.
        """
        endpoints = self.book.serving(
            need.model, need.capability, wants_exact=not need.limits.allow_quantization
        )
        standings = self.board.standings(endpoints, need.audio_s)
        return ranked(endpoints, need, standings, self.policy, self.today())

    def chosen(self, need: Need) -> tuple[Candidate, ...]:
        """Return those that may be called now, in the order in which they are tried.

        Raises: ModelNotFoundError, UnsupportedOptionError; NoEndpointError.
        """
        return callable_now(self.candidates(need), need)
