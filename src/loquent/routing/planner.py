"""Choose for each request the endpoints that it may go to, in order, and tell why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from loquent.domain.endpoints import Endpoint
from loquent.domain.errors import PermissionDeniedError
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

        Raises: ModelNotFoundError, UnsupportedOptionError; PermissionDeniedError: if the caller
            may not use that model.
        """
        found = self.book.serving(
            need.model, need.capability, wants_exact=not need.limits.allow_quantization
        )
        endpoints = _permitted(found, need)
        standings = self.board.standings(endpoints, need.audio_s)
        return ranked(endpoints, need, standings, self.policy, self.today())

    def chosen(self, need: Need) -> tuple[Candidate, ...]:
        """Return those that may be called now, in the order in which they are tried.

        Raises: ModelNotFoundError, UnsupportedOptionError, PermissionDeniedError; NoEndpointError.
        """
        return callable_now(self.candidates(need), need)


def _permitted(endpoints: Iterable[Endpoint], need: Need) -> tuple[Endpoint, ...]:
    """Return the endpoints that the caller's key may use; who may use a name may use all behind it.

    Raises: PermissionDeniedError: if that is none.
    """
    allowed = need.limits.allowed_models
    if allowed is None or need.model in allowed:
        return tuple(endpoints)
    left = tuple(each for each in endpoints if {each.model, each.id} & allowed)
    if not left:
        raise PermissionDeniedError(
            f"This key may not use the model '{need.model}'. It may use"
            f" {', '.join(sorted(allowed)) or 'none'}.",
            param="model",
        )
    return left
