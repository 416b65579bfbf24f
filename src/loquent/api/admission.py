"""Let a request in if its caller's limits and budgets have room for it; knows no route."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, isinf
from typing import Final, Protocol

from loquent.api.allowance_headers import balance_headers, rate_headers
from loquent.domain.accounts import Account, Caller
from loquent.domain.errors import RateLimitError
from loquent.domain.limits import (
    Allowance,
    Balance,
    Demand,
    Expense,
    Quantity,
    Reservation,
    Seat,
    SeatKind,
)
from loquent.ports import RateLimiter, Treasury

AHEAD_S: Final = 60.0
"""For so much sound to come a live session keeps money."""

MARGIN_S: Final = 15.0
"""With so little left of it, it keeps more."""

SEAT_RETRY_S: Final = 1.0

_GOING_ON: Final[Mapping[SeatKind, str]] = {
    SeatKind.REQUESTS: "requests",
    SeatKind.SESSIONS: "live sessions",
}

_UNITS: Final[Mapping[Quantity, str]] = {
    Quantity.REQUESTS: "requests",
    Quantity.AUDIO_SECONDS: "seconds of audio",
    Quantity.CHARACTERS: "characters",
}


class Estimated(Protocol):
    """What a request may take at most."""

    @property
    def n_characters(self) -> int: ...

    async def audio_s(self) -> float: ...

    async def micros(self) -> int: ...

    def micros_for(self, audio_s: float) -> int: ...


@dataclass(frozen=True, slots=True)
class Visit:
    """A request at the gate.

    Attributes:
        request_id: of its row of usage.
        at: when it came, UTC.
    """

    caller: Caller
    kind: SeatKind
    request_id: str
    at: datetime


class Gate:
    """Asks those who count.

    Args:
        limiter: None where nothing is counted.
        treasury: None where no money is kept.
        currency: of all prices.
    """

    def __init__(
        self, limiter: RateLimiter | None, treasury: Treasury | None, currency: str
    ) -> None:
        self._limiter = limiter
        self._treasury = treasury
        self._currency = currency

    async def admit(self, visit: Visit, estimate: Estimated, headers: dict[str, str]) -> Admission:
        """Take seats, then what is counted by the minute, then money; or nothing.

        Args:
            headers: of the answer; what is left of limits and budgets is put there.

        Raises: RateLimitError, BudgetExceededError, LedgerUnavailableError; what `estimate` does.
        """
        admission = Admission(self, visit, estimate, headers)
        await self.enter(visit)
        try:
            await admission.begin()
        except BaseException:
            await self.leave(visit)
            raise
        return admission

    async def enter(self, visit: Visit) -> None:
        """Take a seat at every account that has only so many. Raises: RateLimitError."""
        seats = tuple(_seats(visit))
        if self._limiter is None or not seats:
            return
        full = await self._limiter.enter(visit.request_id, seats)
        if full is not None:
            raise RateLimitError(
                f"{_whose(full.account_id, visit.caller)} may have {full.limit}"
                f" {_GOING_ON[full.kind]} going on at the same time, and has. Wait for one to end.",
                retry_after_s=SEAT_RETRY_S,
            )

    async def leave(self, visit: Visit) -> None:
        """Give the seats up."""
        seats = tuple(_seats(visit))
        if self._limiter is not None and seats:
            await self._limiter.leave(visit.request_id, seats)

    async def take(
        self, visit: Visit, amounts: Mapping[Quantity, int], headers: dict[str, str]
    ) -> None:
        """Take what is counted by the minute. Raises: RateLimitError."""
        demands = tuple(_demands(visit.caller.accounts, amounts))
        if self._limiter is None or not demands:
            return
        allowances = await self._limiter.take(demands)
        headers.update(rate_headers(allowances))
        refused = [each for each in allowances if not each.is_granted]
        if refused:
            raise _over(max(refused, key=lambda each: each.reset_s), visit.caller)

    async def reserve(self, visit: Visit, micros: int) -> Sequence[Balance]:
        """Keep money for a request. Raises: BudgetExceededError, LedgerUnavailableError."""
        expenses = _expenses(visit.caller)
        if self._treasury is None or not expenses:
            return ()
        reservation = Reservation(visit.request_id, visit.at, micros, expenses)
        if not micros:  # what costs nothing may go on when nothing is left
            return await self._treasury.balances(reservation)
        return await self._treasury.reserve(reservation)

    def told(self, balances: Iterable[Balance], returned_micros: int = 0) -> dict[str, str]:
        """Say what is left of the budgets, `returned_micros` of what was kept given back."""
        return balance_headers(balances, returned_micros, self._currency)


class Admission:
    """What one request has been given; left when it ends."""

    def __init__(
        self, gate: Gate, visit: Visit, estimate: Estimated, headers: dict[str, str]
    ) -> None:
        self._gate = gate
        self._visit = visit
        self._estimate = estimate
        self._headers = headers
        self._balances: Sequence[Balance] = ()
        self._reserved_micros = 0
        self._reserved_s = 0.0
        self._taken_s = 0

    async def begin(self) -> None:
        """Take what the whole request takes; of a live session, what its beginning does."""
        caller = self._visit.caller
        amounts = {Quantity.REQUESTS: 1, Quantity.CHARACTERS: self._estimate.n_characters}
        if self._visit.kind is SeatKind.REQUESTS and _limits_audio(caller):
            amounts[Quantity.AUDIO_SECONDS] = ceil(await self._estimate.audio_s())
        await self._gate.take(self._visit, amounts, self._headers)
        if not _expenses(caller):
            return
        if self._visit.kind is SeatKind.SESSIONS:
            await self._reserve_ahead(0.0)
        else:
            await self._reserve(await self._estimate.micros())

    async def hear(self, heard_s: float) -> None:
        """Take what a live session has heard so far, and keep money for what comes.

        Raises: RateLimitError, BudgetExceededError, LedgerUnavailableError.
        """
        caller, whole_s = self._visit.caller, ceil(heard_s)
        if _limits_audio(caller) and whole_s > self._taken_s:
            amounts = {Quantity.AUDIO_SECONDS: whole_s - self._taken_s}
            await self._gate.take(self._visit, amounts, self._headers)
            self._taken_s = whole_s
        if _expenses(caller) and heard_s > self._reserved_s - MARGIN_S:
            await self._reserve_ahead(heard_s)

    def settle(self, price_micros: int) -> None:
        """Say in the headers what is left, now that the price is known."""
        returned_micros = self._reserved_micros - price_micros
        self._headers.update(self._gate.told(self._balances, returned_micros))

    async def leave(self) -> None:
        """Give up the seats; money that was kept ends with the row of usage."""
        await self._gate.leave(self._visit)

    async def _reserve_ahead(self, heard_s: float) -> None:
        reserved_s = heard_s + AHEAD_S
        await self._reserve(self._estimate.micros_for(reserved_s))
        self._reserved_s = reserved_s

    async def _reserve(self, micros: int) -> None:
        self._balances = await self._gate.reserve(self._visit, micros)
        self._reserved_micros = micros
        self._headers.update(self._gate.told(self._balances))


def _expenses(caller: Caller) -> tuple[Expense, ...]:
    return tuple(Expense(each.id, each.budget) for each in caller.accounts if each.budget)


def _limits_audio(caller: Caller) -> bool:
    return any(each.limits.audio_seconds_per_minute is not None for each in caller.accounts)


def _seats(visit: Visit) -> Iterable[Seat]:
    for account in visit.caller.accounts:
        limits = account.limits
        is_request = visit.kind is SeatKind.REQUESTS
        limit = limits.concurrent_requests if is_request else limits.concurrent_sessions
        if limit is not None:
            yield Seat(account.id, visit.kind, limit)


def _demands(accounts: Iterable[Account], amounts: Mapping[Quantity, int]) -> Iterable[Demand]:
    for account in accounts:
        limits = {
            Quantity.REQUESTS: account.limits.requests_per_minute,
            Quantity.AUDIO_SECONDS: account.limits.audio_seconds_per_minute,
            Quantity.CHARACTERS: account.limits.characters_per_minute,
        }
        for quantity, amount in amounts.items():
            limit = limits[quantity]
            if limit is not None and amount:
                yield Demand(account.id, quantity, limit, amount)


def _over(refused: Allowance, caller: Caller) -> RateLimitError:
    demand = refused.demand
    whose, unit = _whose(demand.account_id, caller), _UNITS[demand.quantity]
    may = f"{whose} may take {demand.limit} {unit} a minute"
    if isinf(refused.reset_s):
        error = RateLimitError(
            f"{may}, and this request takes {demand.amount} at once. Send it in parts."
        )
        error.retryable = False
        return error
    return RateLimitError(
        f"{may}. {refused.remaining} are left now, and this request takes {demand.amount}."
        f" Try again in {max(1, ceil(refused.reset_s))} s.",
        retry_after_s=refused.reset_s,
    )


def _whose(account_id: str, caller: Caller) -> str:
    """Say whose limit it is, without naming anybody."""
    if account_id == caller.key_id:
        return "This key"
    if account_id == caller.project_id:
        return "The project of this key"
    if account_id == caller.organisation_id:
        return "The organisation of this key"
    return "The key that made this one"
