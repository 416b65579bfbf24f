"""Order the endpoints that could serve a request, and say why; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil

from loquent.domain.endpoints import Endpoint, Preference
from loquent.domain.errors import LoquentError, NoEndpointError, UnsupportedOptionError
from loquent.domain.model import Capability
from loquent.domain.pricing import Consumption, price_micros
from loquent.routing.fitting import Fit, Rules, fit
from loquent.routing.need import Need

AUDIO_TOKENS_PER_S = 10
TEXT_TOKENS_PER_S = 4
"""What speech amounts to in tokens, to tell prices apart beforehand. Source: OpenAI's own estimates
of prices for a minute of audio."""

SPOKEN_CHARACTERS_PER_S = 15.0
"""How fast a text is spoken, about."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an endpoint does right now.

    Attributes:
        expected_s: how long this request would take, waiting included.
        queue_wait_s: how much of that is spent in a queue of ours.
        error_rate: share of its calls that fail.
        retry_in_s: how long it is left alone because it failed; 0 where it may be called.
    """

    expected_s: float = 1.0
    queue_wait_s: float = 0.0
    error_rate: float = 0.0
    retry_in_s: float = 0.0


_NEW = Standing()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An endpoint beside the request it may serve.

    Attributes:
        price_micros: about what the request costs there.
        score: what it is ordered by, the least first; comparable within one request only.
    """

    endpoint: Endpoint
    fit: Fit
    standing: Standing
    price_micros: int
    score: float = 0.0

    @property
    def is_able(self) -> bool:
        """Whether it could serve, if it is up."""
        return not self.fit.refusals

    @property
    def is_up(self) -> bool:
        """Whether it may be called now."""
        return self.standing.retry_in_s <= 0


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decides about the order.

    Attributes:
        local_first: our own engines serve unless the caller prefers speed.
        local_max_wait_s: work that would wait longer for them goes elsewhere.
    """

    rules: Rules = field(default_factory=Rules)
    local_first: bool = True
    local_max_wait_s: float = 5.0


def ranked(
    endpoints: Iterable[Endpoint],
    need: Need,
    standings: Mapping[str, Standing],
    policy: Policy,
    today: date,
) -> tuple[Candidate, ...]:
    """Return every endpoint as a candidate: those that may serve first, the best one in front.

    Args:
        standings: by the ids of endpoints; one that is missing is as good as new.
    """
    consumption = expected_consumption(need)
    able: list[Candidate] = []
    unable: list[Candidate] = []
    for endpoint in endpoints:
        candidate = Candidate(
            endpoint,
            fit(endpoint, need, policy.rules),
            standings.get(endpoint.id, _NEW),
            price_micros(endpoint.prices_for(need.capability), consumption, today),
        )
        (able if candidate.is_able else unable).append(candidate)
    scored = _scored(able, need.limits.preference)
    return (*sorted(scored, key=lambda c: _rank(c, need, policy)), *unable)


def callable_now(candidates: Sequence[Candidate], need: Need) -> tuple[Candidate, ...]:
    """Return those that may be called, in order.

    Raises: UnsupportedOptionError: if none could ever serve, saying why of each; NoEndpointError:
        if those that could are down.
    """
    able = [candidate for candidate in candidates if candidate.is_able]
    if not able:
        raise _nobody(candidates, need)
    up = tuple(candidate for candidate in able if candidate.is_up)
    if not up:
        retry_after_s = min(candidate.standing.retry_in_s for candidate in able)
        told = "; ".join(f"{c.endpoint.id}: {ceil(c.standing.retry_in_s)} s" for c in able)
        raise NoEndpointError(
            f"Every endpoint for '{need.model}' has failed lately and is left alone for a while"
            f" ({told}). Try again.",
            retry_after_s=retry_after_s,
        )
    return up


def expected_consumption(need: Need) -> Consumption:
    """Return about what a request uses."""
    if need.capability is Capability.SPEECH:
        audio_s = need.n_characters / SPOKEN_CHARACTERS_PER_S
        n_text = need.n_characters // 4
        n_audio = round(AUDIO_TOKENS_PER_S * audio_s)
        return Consumption(audio_s, need.n_characters, n_text, n_audio)
    return Consumption(
        audio_s=need.audio_s,
        n_audio_tokens=round(AUDIO_TOKENS_PER_S * need.audio_s),
        n_output_tokens=round(TEXT_TOKENS_PER_S * need.audio_s),
    )


def _scored(candidates: Sequence[Candidate], preference: Preference) -> list[Candidate]:
    times = [c.standing.expected_s / (1 - c.standing.error_rate) for c in candidates]
    prices = [float(c.price_micros) for c in candidates]
    longest, dearest = max(times, default=0.0) or 1.0, max(prices, default=0.0) or 1.0
    match preference:
        case Preference.SPEED:
            scores = times
        case Preference.COST:
            scores = [price + time / longest / 2 for price, time in zip(prices, times, strict=True)]
        case Preference.BALANCED:
            scores = [
                (time / longest + price / dearest) / 2
                for price, time in zip(prices, times, strict=True)
            ]
    return [
        Candidate(c.endpoint, c.fit, c.standing, c.price_micros, score)
        for c, score in zip(candidates, scores, strict=True)
    ]


def _rank(candidate: Candidate, need: Need, policy: Policy) -> tuple[bool, bool, bool, float, str]:
    """Return what candidates are sorted by: our own engines under too much work come last, then
    what does all of it itself comes first, then our own engines, then the least score.
    """
    is_local = candidate.endpoint.is_local
    is_crowded = is_local and candidate.standing.queue_wait_s > policy.local_max_wait_s
    is_kept = is_local and policy.local_first and need.limits.preference is not Preference.SPEED
    is_native = candidate.fit.is_native
    return (is_crowded, not is_native, not is_kept, candidate.score, candidate.endpoint.id)


def _nobody(candidates: Sequence[Candidate], need: Need) -> LoquentError:
    """Return the error that says of each endpoint why it cannot serve."""
    first = candidates[0].fit.refusals[0]
    if len(candidates) == 1 and candidates[0].endpoint.is_local and first.reason.startswith("it "):
        reason = first.reason.removeprefix("it ")
        return UnsupportedOptionError(f"the model '{need.model}' {reason}", param=first.param)
    common = frozenset.intersection(
        *(frozenset(refusal.param for refusal in c.fit.refusals) for c in candidates)
    )
    param = next(iter(common)) if len(common) == 1 else None
    told = "; ".join(
        f"{c.endpoint.id}: {', '.join(refusal.reason for refusal in c.fit.refusals)}"
        for c in candidates
    )
    return UnsupportedOptionError(
        f"No endpoint for '{need.model}' can serve this request. {told}.", param=param
    )
