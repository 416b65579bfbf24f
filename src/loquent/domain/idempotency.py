"""Requests that may be sent twice and count once; keeps none."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Claim:
    """A request with an `Idempotency-Key`.

    Attributes:
        id: made of the key and of who sent it, so that nobody meets the answers of others.
        digest: of the method, the path and the body.
        request_id: of its row of usage, if it is the first.
    """

    id: str
    digest: bytes
    request_id: str


@dataclass(frozen=True, slots=True)
class FirstClaim:
    """Nobody else works on it.

    Attributes:
        request_id: to be used for its row: that of an earlier try whose end nobody knows, or its
            own.
    """

    request_id: str


@dataclass(frozen=True, slots=True)
class RunningClaim:
    """Somebody else works on it right now."""


@dataclass(frozen=True, slots=True)
class OtherClaim:
    """The same key came with another request before."""


@dataclass(frozen=True, slots=True)
class AnsweredClaim:
    """It was answered before.

    Attributes:
        sealed: the answer, encrypted by whoever kept it; None where it was too large to keep.
    """

    sealed: bytes | None = field(repr=False)
