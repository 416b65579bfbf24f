"""How much of what is asked for, and whether there is room for it; counts nothing itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from loquent.domain.accounts import Budget


class Quantity(StrEnum):
    """What is counted by the minute, as spelled in headers."""

    REQUESTS = "requests"
    AUDIO_SECONDS = "audio-seconds"
    CHARACTERS = "characters"


@dataclass(frozen=True, slots=True)
class Demand:
    """What one request takes of what an account may take in a minute.

    Attributes:
        limit: how much that is.
        amount: of it; 0 only asks.
    """

    account_id: str
    quantity: Quantity
    limit: int
    amount: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What became of a demand.

    Attributes:
        remaining: what is left of the limit now.
        reset_s: until all of it is there again; of one that was refused, until it may be granted.
    """

    demand: Demand
    is_granted: bool
    remaining: int
    reset_s: float


class SeatKind(StrEnum):
    """What is counted as long as it goes on."""

    REQUESTS = "requests"
    SESSIONS = "sessions"


@dataclass(frozen=True, slots=True)
class Seat:
    """Room for one among those that an account may have going on at the same time."""

    account_id: str
    kind: SeatKind
    limit: int


@dataclass(frozen=True, slots=True)
class Expense:
    """What an account has set for one budget, for a request that is about to spend of it."""

    account_id: str
    budget: Budget


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money that is kept for a request until it is known what it costs.

    Attributes:
        request_id: a second reservation of the same request replaces its first.
        at: when the request came, UTC; says in which period it is spent.
        micros: that it may cost at most.
    """

    request_id: str
    at: datetime
    micros: int
    expenses: tuple[Expense, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left of a budget, all that is reserved taken as spent.

    Attributes:
        remaining_micros: of the hard end, None where there is none.
        is_beyond_soft: more than the soft end is spent.
    """

    account_id: str
    budget: Budget
    spent_micros: int
    is_beyond_soft: bool
    remaining_micros: int | None
