"""Catalogs, requests and failures at random, and a record of what left for where."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import product

from loquent.domain.endpoints import (
    LOCAL_PROVIDER,
    DataProtection,
    Detail,
    Endpoint,
    Preference,
    RoutingLimits,
)
from loquent.domain.errors import (
    EngineError,
    LoquentError,
    NoEndpointError,
    UnsupportedOptionError,
    UpstreamError,
    UpstreamKeyError,
    UpstreamRejectedError,
    UpstreamThrottledError,
    UpstreamTimeoutError,
    UpstreamUnavailableError,
)
from loquent.domain.model import Capability
from loquent.routing.attempts import AttemptLimits, Attempts
from loquent.routing.board import EndpointBoard
from loquent.routing.book import EndpointBook
from loquent.routing.fitting import Rules
from loquent.routing.need import Need
from loquent.routing.planner import Planner
from loquent.routing.ranking import Candidate, Policy
from tests.unit.routing.models import names
from tests.unit.routing.places import TODAY, per_hour

PROVIDERS = (LOCAL_PROVIDER, "ann", "bob", "cyd", "dan", "eve", "fay", "gus")
DETAILS = (Detail.SEGMENTS, Detail.WORDS, Detail.SPEAKERS, Detail.PROMPT, Detail.STREAM)
FAILURES: tuple[LoquentError | None, ...] = (
    None,
    UpstreamError("unreadable"),
    UpstreamRejectedError("not this"),
    UpstreamKeyError("wrong key"),
    UpstreamThrottledError("slow down", retry_after_s=1),
    UpstreamUnavailableError("down"),
    UpstreamTimeoutError("late"),
    EngineError("broken"),
)
PRICES = tuple(per_hour(micros) for micros in (0, 40_000, 400_000))
_TERMS = tuple(product((True, False), (True, False, None), DataProtection, PRICES))


@dataclass(frozen=True)
class Case:
    """One catalog, one request, and how each endpoint fares.

    Attributes:
        failures: of each endpoint; None for one that answers.
        n_parts: that come before it fails.
    """

    endpoints: tuple[Endpoint, ...]
    need: Need
    require_gdpr: bool
    failures: tuple[LoquentError | None, ...]
    n_parts: int


def endpoint(
    provider: str,
    terms: tuple[bool, bool | None, DataProtection],
    details: frozenset[Detail],
    micros: int,
) -> Endpoint:
    """Return an endpoint of the model `large`."""
    eu_native, is_quantized, gdpr = terms
    return Endpoint(
        provider=provider,
        model="large",
        upstream_model="large",
        capabilities=frozenset({Capability.TRANSCRIPTION}),
        details=details,
        eu_native=eu_native,
        is_quantized=is_quantized,
        gdpr=gdpr,
        prices=per_hour(micros),
    )


def wish(details: frozenset[Detail], limits: RoutingLimits) -> Need:
    return Need("large", Capability.TRANSCRIPTION, details, audio_s=30.0, limits=limits)


def random_case(dice: random.Random) -> Case:
    """Return a case in which much is forbidden and much fails."""
    providers = dice.sample(PROVIDERS, dice.randint(1, len(PROVIDERS)))
    allowed = frozenset(p for p in PROVIDERS if dice.random() < 0.6)
    limits = RoutingLimits(
        preference=dice.choice(tuple(Preference)),
        allowed_providers=allowed if dice.random() < 0.5 else None,
        eu_native=dice.random() < 0.4,
        allow_quantization=dice.random() < 0.6,
    )
    return Case(
        endpoints=tuple(_random_endpoint(dice, provider) for provider in providers),
        need=wish(frozenset(d for d in DETAILS if dice.random() < 0.2), limits),
        require_gdpr=dice.random() < 0.3,
        failures=tuple(dice.choice(FAILURES) for _ in providers),
        n_parts=dice.randint(0, 2),
    )


def _random_endpoint(dice: random.Random, provider: str) -> Endpoint:
    eu_native, is_quantized, gdpr, prices = dice.choice(_TERMS)
    details = frozenset(d for d in DETAILS if dice.random() < 0.8)
    made = endpoint(provider, (eu_native, is_quantized, gdpr), details, 0)
    return replace(made, prices=prices)


def is_forbidden(place: Endpoint, limits: RoutingLimits, *, require_gdpr: bool) -> bool:
    """Tell it in other words than the code under test does."""
    may_go = (
        (limits.allowed_providers is None or place.provider in limits.allowed_providers)
        and (place.eu_native or not limits.eu_native)
        and (limits.allow_quantization or place.is_quantized is False)
        and (place.gdpr is DataProtection.YES or not require_gdpr)
    )
    return not may_go


@dataclass
class Egress:
    """Runs cases, and writes down what left for where.

    Attributes:
        n_calls: to endpoints, all cases together.
        n_takeovers: calls after the first of a case.
        n_refused: cases in which nobody was within the limits.
        leaks: endpoints that were called against the limits of a request.
    """

    n_calls: int = 0
    n_takeovers: int = 0
    n_refused: int = 0
    n_failed: int = 0
    leaks: list[tuple[Endpoint, Case]] = field(default_factory=list)

    async def run(self, case: Case, *, is_streamed: bool) -> list[Endpoint]:
        """Return who was called, in order."""
        called: list[Endpoint] = []
        ids = [each.id for each in case.endpoints]
        failures = dict(zip(ids, case.failures, strict=True))

        async def perform(candidate: Candidate) -> AsyncGenerator[str, None]:
            called.append(candidate.endpoint)
            failure = failures[candidate.endpoint.id]
            for _ in range(case.n_parts):
                yield "part"
            if failure is not None:
                raise failure
            yield "end"

        board = EndpointBoard()
        rules = Rules(case.require_gdpr, tells_speakers=True)
        planner = Planner(_book(case.endpoints), board, Policy(rules), lambda: TODAY)
        attempts = Attempts(board, AttemptLimits(max_attempts=len(PROVIDERS)))
        try:
            parts = attempts.run(
                planner.chosen(case.need), perform, audio_s=30.0, is_streamed=is_streamed
            )
            async with aclosing(parts):
                async for _ in parts:
                    pass
        except (UnsupportedOptionError, NoEndpointError):
            self.n_refused += 1
        except (UpstreamError, EngineError):
            self.n_failed += 1
        self._note(case, called)
        return called

    def _note(self, case: Case, called: list[Endpoint]) -> None:
        self.n_calls += len(called)
        self.n_takeovers += max(0, len(called) - 1)
        self.leaks += [
            (place, case)
            for place in called
            if is_forbidden(place, case.need.limits, require_gdpr=case.require_gdpr)
        ]


def _book(endpoints: tuple[Endpoint, ...]) -> EndpointBook:
    return EndpointBook(
        names=names,
        local=lambda _: (),
        remote={each.id: each for each in endpoints},
    )
