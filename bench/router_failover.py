"""What callers notice of providers that fail, in every way they can, while another one is well."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from rich.progress import Progress
from rich.table import Table

from bench.router_overhead import OK
from bench.router_wire import Answered, Caller
from loquent.routing.attempts import FIRST_SHARE
from tests.vendors.faults import FAILING, OF_THE_REQUEST, Fault, FaultyFront
from tests.vendors.gateway import gateway_process, provider

DEADLINE_S = 2.0
RECORDING_S = 0.5
BUDGET_S = FIRST_SHARE * (DEADLINE_S + RECORDING_S)
"""What the provider that fails gets of a request."""

DEAR_MICROS = 1_000_000
"""What is free is asked first."""

LEAST_SUCCESS = 0.999
MOST_ATTEMPTS = 1.2
MOST_FAILURES = 5

UNEXCUSED = frozenset({0, 500})
"""Statuses that a gateway has no reason to answer with; 0 for none at all."""

_ATTEMPTS = re.compile(rb"\r\nx-loquent-attempts: ([^\r]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the callers of one provider fared.

    Attributes:
        n_broken: answers that no provider's fault excuses.
        n_failures: attempts that failed.
        n_attempts: at both; of a request that failed at least one is known.
    """

    n_calls: int
    n_answered: int
    n_broken: int
    p50_s: float
    p99_s: float
    n_failures: int
    n_attempts: int


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked beside success and few attempts.

    Attributes:
        n_failures: of one provider until it is left alone.
    """

    p99_s: float
    n_failures: int

    def is_met(self, worst: Outcome) -> bool:
        """Tell whether the outcome of all faults, with the worst times, is good enough."""
        return (
            worst.n_answered >= LEAST_SUCCESS * worst.n_calls
            and worst.n_attempts <= MOST_ATTEMPTS * worst.n_calls
            and worst.p99_s <= self.p99_s
            and worst.n_failures <= self.n_failures
        )


def failover(n_calls: int, n_clients: int) -> Table:
    """Send as many requests through each fault, `n_clients` at a time.

    Refusals of a request come on top: they say nothing of a provider's health, and count apart.
    """
    n_each = max(2, ceil(n_calls / (len(FAILING) - len(OF_THE_REQUEST))))
    outcomes = asyncio.run(_outcomes(n_each, n_clients))
    # Requests that are under way when a breaker opens may fail too.
    goal = Goal(BUDGET_S + outcomes[Fault.NONE].p99_s, MOST_FAILURES + n_clients - 1)
    counted = [o for f, o in outcomes.items() if f not in {Fault.NONE, *OF_THE_REQUEST}]
    total = _together(counted)
    table = Table(
        *("fault", "answered", "broken", "p50", "p99", "attempts", "failed attempts"),
        box=None,
        title="Requests to a provider that fails, beside one that is well",
    )
    for fault, outcome in outcomes.items():
        _row(table, fault.replace("_", " "), outcome)
    table.add_section()
    _row(table, "all but refusals", total)
    table.add_row(
        *("asked", f"{LEAST_SUCCESS:.1%}", "0", "", f"{1_000 * goal.p99_s:.0f} ms"),
        *(f"{MOST_ATTEMPTS:.2f}", f"{goal.n_failures} each"),
    )
    is_met = goal.is_met(total) and not any(o.n_broken for o in outcomes.values())
    table.caption = (
        f"{'met' if is_met else 'missed'}; {total.n_calls} requests, {n_clients} at a time; the one"
        f" that fails is given {BUDGET_S:g} s; p99 and failures in the last rows are the worst"
    )
    return table


async def _outcomes(n_calls: int, n_clients: int) -> dict[Fault, Outcome]:
    """Go through the faults; refusals of a request come last, as they use up second attempts."""
    faults = sorted((Fault.NONE, *FAILING), key=lambda fault: fault in OF_THE_REQUEST)
    with Progress(transient=True) as progress:
        bar = progress.add_task("faults", total=len(faults))
        async with _gateway(faults) as url:
            outcomes = {}
            for fault in faults:
                calls = await _called(Caller.of(url, fault), n_calls, n_clients)
                outcomes[fault] = _outcome(calls)
                progress.advance(bar)
    return outcomes


@asynccontextmanager
async def _gateway(faults: Sequence[Fault]) -> AsyncIterator[str]:
    """Serve a model for each fault, at a provider with that fault and at one that is well."""
    async with AsyncExitStack() as owned:
        well = await owned.enter_async_context(FaultyFront(Fault.NONE).running())
        providers = {}
        for fault in faults:
            front = await owned.enter_async_context(FaultyFront(fault).running())
            providers[_name(fault)] = provider(front.url, fault)
            dear = provider(well.url, fault, micros=DEAR_MICROS)
            providers[f"well-{_name(fault)}"] = dear
        folder = owned.enter_context(TemporaryDirectory())
        server = owned.enter_context(
            gateway_process(Path(folder), providers, deadline_s=DEADLINE_S)
        )
        yield server.url


async def _called(caller: Caller, n_calls: int, n_clients: int) -> list[Answered]:
    """Send requests, the next one of each client as soon as it has its answer."""
    numbers = iter(range(n_calls))

    async def send_on() -> list[Answered]:
        return [await caller.call() for _ in numbers]

    answers = await asyncio.gather(*(send_on() for _ in range(n_clients)))
    await caller.close()
    return [answer for each in answers for answer in each]


def _outcome(calls: Sequence[Answered]) -> Outcome:
    tried = [_attempts(call) for call in calls]
    times_s = [call.took_s for call in calls]
    return Outcome(
        n_calls=len(calls),
        n_answered=sum(call.status == OK for call in calls),
        n_broken=sum(call.status in UNEXCUSED for call in calls),
        p50_s=median(times_s),
        p99_s=quantiles(times_s, n=100)[-1],
        n_failures=sum(not each.endswith("=ok") for attempts in tried for each in attempts),
        n_attempts=sum(len(attempts) for attempts in tried),
    )


def _attempts(call: Answered) -> list[str]:
    """Return the attempts as the gateway tells them; one that failed where it tells none."""
    told = _ATTEMPTS.search(call.head)
    return told[1].decode().split(", ") if told else ["failed"]


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """Add up the requests; times and failures are those of the worst."""
    return Outcome(
        n_calls=sum(o.n_calls for o in outcomes),
        n_answered=sum(o.n_answered for o in outcomes),
        n_broken=sum(o.n_broken for o in outcomes),
        p50_s=max(o.p50_s for o in outcomes),
        p99_s=max(o.p99_s for o in outcomes),
        n_failures=max(o.n_failures for o in outcomes),
        n_attempts=sum(o.n_attempts for o in outcomes),
    )


def _row(table: Table, name: str, outcome: Outcome) -> None:
    table.add_row(
        name,
        f"{outcome.n_answered / outcome.n_calls:.2%}",
        str(outcome.n_broken),
        f"{1_000 * outcome.p50_s:.1f} ms",
        f"{1_000 * outcome.p99_s:.1f} ms",
        f"{outcome.n_attempts / outcome.n_calls:.2f}",
        str(outcome.n_failures),
    )


def _name(fault: Fault) -> str:
    return fault.replace("_", "-")
