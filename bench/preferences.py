"""How well speed, cost and balance are served on made-up days, beside what hindsight would choose.

The planner, the board and the attempts are those of the server; endpoints, requests and time are
made up. Hindsight knows how every endpoint does at the time of a request, but not what chance will
do to one call.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from statistics import fmean, median

from rich.table import Table

from bench.preferences_day import MODEL, PLACES, Asked, Day, composed, date_at
from bench.virtual_time import run_virtually
from loquent.domain.endpoints import Preference, Served
from loquent.domain.errors import LoquentError, UpstreamError
from loquent.domain.model import Capability
from loquent.routing.attempts import Attempts
from loquent.routing.board import EndpointBoard
from loquent.routing.book import EndpointBook
from loquent.routing.names import ModelNames
from loquent.routing.need import Need
from loquent.routing.planner import Planner
from loquent.routing.ranking import Candidate

COST_GOAL = 1.01
SPEED_GOAL = 1.10
"""Goals of the two preferences, in times of what hindsight would have paid or taken."""

REFUSAL_S = 0.3
"""An endpoint that is down and answers does so after this time."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who served a request, or would have, and at what price and time.

    Attributes:
        place: index of the endpoint.
        took_s: from the request to the answer, failed attempts included.
    """

    place: int
    took_s: float
    micros: int


@dataclass(frozen=True, slots=True)
class Hindsight:
    """The best choices for one request among the endpoints that were up."""

    cheapest: Choice
    fastest: Choice


def hindsight(day: Day) -> tuple[Hindsight | None, ...]:
    """Return the best choices for each request; None where nobody was up who was allowed."""
    return tuple(_best(day, asked) for asked in day.asked)


def _best(day: Day, asked: Asked) -> Hindsight | None:
    places = day.open_to(asked)
    if not places:
        return None
    usual_s = {place: day.usual_s(place, asked.at_s, asked.audio_s) for place in places}
    micros = {place: day.micros(place, asked.at_s, asked.audio_s) for place in places}

    def choice(place: int) -> Choice:
        return Choice(place, usual_s[place] * float(asked.luck[place]), micros[place])

    return Hindsight(
        cheapest=choice(min(places, key=lambda place: (micros[place], usual_s[place]))),
        fastest=choice(min(places, key=usual_s.__getitem__)),
    )


def routed(day: Day, preference: Preference) -> tuple[Choice | None, ...]:
    """Send every request of a day through the router; None where one failed."""
    return run_virtually(_served(day, preference))


async def _served(day: Day, preference: Preference) -> tuple[Choice | None, ...]:
    router = _Router(day, preference)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for asked in day.asked:
            await asyncio.sleep(asked.at_s - loop.time())
            tasks.append(group.create_task(router.choice(asked)))
    return tuple(task.result() for task in tasks)


class _Router:
    """The server's own choice of endpoints, above endpoints of a made-up day."""

    def __init__(self, day: Day, preference: Preference) -> None:
        self._day = day
        self._preference = preference
        self._clock = asyncio.get_running_loop().time
        self._places = {endpoint.id: place for place, endpoint in enumerate(day.endpoints)}
        board = EndpointBoard(clock=self._clock)
        book = EndpointBook(
            names=lambda: ModelNames({}, {}, ""),
            local=lambda _: (),
            remote={endpoint.id: endpoint for endpoint in day.endpoints},
        )
        self._planner = Planner(book, board, today=lambda: date_at(self._clock()))
        self._attempts = Attempts(board, clock=self._clock)

    async def choice(self, asked: Asked) -> Choice | None:
        """Return who served a request."""
        need = Need(
            MODEL,
            Capability.TRANSCRIPTION,
            audio_s=asked.audio_s,
            limits=replace(asked.limits, preference=self._preference),
        )

        async def perform(candidate: Candidate) -> AsyncGenerator[str]:
            await self._call(asked, self._places[candidate.endpoint.id])
            yield "text"

        place = None
        try:
            parts = self._attempts.run(
                self._planner.chosen(need), perform, audio_s=asked.audio_s, is_streamed=False
            )
            async with aclosing(parts):
                async for part in parts:
                    if isinstance(part, Served):
                        place = self._places[part.endpoint.id]
        except LoquentError:
            return None
        if place is None:
            return None
        took_s = self._clock() - asked.at_s
        return Choice(place, took_s, self._day.micros(place, asked.at_s, asked.audio_s))

    async def _call(self, asked: Asked, place: int) -> None:
        """Take the time that an endpoint takes.

        Raises: UpstreamError: if it is down, or by chance.
        """
        outage = self._day.outage(place, self._clock())
        if outage is not None:
            await asyncio.sleep(outage.ends_s if outage.hangs else REFUSAL_S)
            raise UpstreamError("it is down")
        usual_s = self._day.usual_s(place, self._clock(), asked.audio_s)
        await asyncio.sleep(usual_s * float(asked.luck[place]))
        if asked.breaks[place]:
            raise UpstreamError("it failed by chance")


@dataclass(frozen=True, slots=True)
class Score:
    """One preference beside hindsight, over the requests that were served.

    Attributes:
        cost_ratio: paid, over what the cheapest would have cost.
        time_ratio: time taken, over that of the fastest.
        median_ratio: the same of medians.
        n_failed: requests that failed although somebody was up.
        n_hopeless: requests for which nobody was up.
        shares: of the requests that were served, by endpoint.
    """

    cost_ratio: float
    time_ratio: float
    median_ratio: float
    n_failed: int
    n_hopeless: int
    shares: tuple[float, ...]


def score(day: Day, best: Sequence[Hindsight | None], choices: Sequence[Choice | None]) -> Score:
    """Compare what was chosen with what would have been best."""
    pairs = [
        (choice, ideal)
        for choice, ideal in zip(choices, best, strict=True)
        if choice is not None and ideal is not None
    ]
    counts = Counter(choice.place for choice, _ in pairs)
    taken_s = [choice.took_s for choice, _ in pairs]
    ideal_s = [ideal.fastest.took_s for _, ideal in pairs]
    paid = sum(choice.micros for choice, _ in pairs)
    return Score(
        cost_ratio=paid / sum(ideal.cheapest.micros for _, ideal in pairs),
        time_ratio=sum(taken_s) / sum(ideal_s),
        median_ratio=median(taken_s) / median(ideal_s),
        n_failed=sum(
            choice is None and ideal is not None
            for choice, ideal in zip(choices, best, strict=True)
        ),
        n_hopeless=sum(ideal is None for ideal in best),
        shares=tuple(counts[place] / len(pairs) for place in range(len(day.endpoints))),
    )


def compared(seeds: Sequence[int], n_requests: int) -> Mapping[Preference, list[Score]]:
    """Return how each preference did on the days of `seeds`."""
    scores: dict[Preference, list[Score]] = {preference: [] for preference in Preference}
    for seed in seeds:
        day = composed(seed, n_requests)
        best = hindsight(day)
        for preference in Preference:
            scores[preference].append(score(day, best, routed(day, preference)))
    return scores


def beside_hindsight(scores: Mapping[Preference, Sequence[Score]]) -> Table:
    """Show the median and the worst of all days."""
    table = Table(
        "figure", *scores, box=None, title="preferences, median and worst of made-up days"
    )
    rows: dict[str, Callable[[Score], float]] = {
        "paid / cheapest": lambda one: one.cost_ratio,
        "time / fastest": lambda one: one.time_ratio,
        "median time / fastest": lambda one: one.median_ratio,
    }
    for name, read in rows.items():
        table.add_row(name, *(_spread([read(one) for one in s]) for s in scores.values()))
    table.add_row("goal", *(_verdict(preference, found) for preference, found in scores.items()))
    table.add_row("failed", *(str(sum(one.n_failed for one in s)) for s in scores.values()))
    table.add_row("nobody up", *(str(sum(one.n_hopeless for one in s)) for s in scores.values()))
    for place, traits in enumerate(PLACES):
        shares = (fmean(one.shares[place] for one in found) for found in scores.values())
        table.add_row(f"share of {traits.provider}", *(f"{share:.1%}" for share in shares))
    return table


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.3f} / {max(values):.3f}"


def _verdict(preference: Preference, scores: Sequence[Score]) -> str:
    match preference:
        case Preference.COST:
            goal, worst = COST_GOAL, max(one.cost_ratio for one in scores)
        case Preference.SPEED:
            goal, worst = SPEED_GOAL, max(one.time_ratio for one in scores)
        case Preference.BALANCED:
            return ""
    return f"{goal:.2f} {'met' if worst <= goal else 'missed'}"
