"""Why a socket is closed: one table from error class to close code; knows no dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from loquent.api.errors import code_of
from loquent.domain import errors
from loquent.domain.errors import LoquentError
from loquent.domain.usage import OK

DONE = 1000
GOING_AWAY = 1001
NO_STATUS = 1005
ABNORMAL = 1006
INVALID = 1008
FAILED = 1011
RESTARTING = 1012
TRY_AGAIN_LATER = 1013
UNAUTHORIZED = 3000
FORBIDDEN = 3003
IDLE = 3008
"""Source: RFC 6455 and the WebSocket Close Code Number Registry of IANA."""

TAKEN_LEAVE = frozenset({DONE, GOING_AWAY, NO_STATUS})
"""How callers close who have all that they want; browsers give no code unless they are told to."""

AT_FAULT_IS_SERVER = frozenset({FAILED, TRY_AGAIN_LATER})

MAX_REASON_BYTES = 123
"""What a close frame has room for. Source: RFC 6455, section 5.5."""

CODES: Mapping[type[LoquentError], int] = MappingProxyType(
    {
        LoquentError: FAILED,
        errors.InvalidRequestError: INVALID,
        errors.AuthenticationError: UNAUTHORIZED,
        errors.PermissionDeniedError: FORBIDDEN,
        errors.RateLimitError: TRY_AGAIN_LATER,
        errors.BudgetExceededError: FORBIDDEN,
        errors.ShuttingDownError: RESTARTING,
        errors.ModelNotReadyError: TRY_AGAIN_LATER,
        errors.OverloadedError: TRY_AGAIN_LATER,
        errors.LedgerUnavailableError: TRY_AGAIN_LATER,
        errors.NoEndpointError: TRY_AGAIN_LATER,
        errors.UpstreamThrottledError: TRY_AGAIN_LATER,
        errors.UpstreamUnavailableError: TRY_AGAIN_LATER,
    }
)


@dataclass(frozen=True, slots=True)
class Closing:
    """How a socket is closed.

    Attributes:
        outcome: what its session came to, for the ledger.
    """

    code: int
    reason: str = ""
    outcome: str = OK

    @classmethod
    def of(cls, error: LoquentError) -> Closing:
        """Return how `error` closes a socket: its code, or else type, and its message."""
        code = next(CODES[kind] for kind in type(error).__mro__ if kind in CODES)
        return cls(code, shortened(f"{code_of(error)}: {error.message}"), code_of(error))


def shortened(reason: str) -> str:
    """Cut `reason` to what a close frame can hold."""
    whole = reason.encode("utf-8", errors="replace")
    if len(whole) <= MAX_REASON_BYTES:
        return whole.decode()
    return whole[: MAX_REASON_BYTES - 3].decode("utf-8", errors="ignore") + "..."
