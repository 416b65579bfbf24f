"""Answers in memory, whose claims end and which fail as a test tells them to."""

from __future__ import annotations

from dataclasses import dataclass

from loquent.domain.errors import LedgerUnavailableError
from loquent.domain.idempotency import (
    AnsweredClaim,
    Claim,
    FirstClaim,
    OtherClaim,
    RunningClaim,
)
from loquent.ports.idempotency import Claimed


@dataclass(slots=True)
class _Kept:
    digest: bytes
    request_id: str
    is_running: bool = True
    is_answered: bool = False
    sealed: bytes | None = None


class FakeAnswers:
    """Keeps answers for good.

    Attributes:
        is_down: nothing can be read or written now.
        kept: what was kept, by the ids of claims.
        dropped: ids of the claims that were given up, in order.
        released: ids of the claims that ended in doubt.
    """

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.kept: dict[str, bytes | None] = {}
        self.dropped: list[str] = []
        self.released: list[str] = []
        self._claims: dict[str, _Kept] = {}

    async def claim(self, claim: Claim) -> Claimed:
        self._refuse_if_down()
        found = self._claims.get(claim.id)
        if found is None:
            self._claims[claim.id] = _Kept(claim.digest, claim.request_id)
            return FirstClaim(claim.request_id)
        if found.digest != claim.digest:
            return OtherClaim()
        if found.is_answered:
            return AnsweredClaim(found.sealed)
        if found.is_running:
            return RunningClaim()
        found.is_running = True
        return FirstClaim(found.request_id)

    async def keep(self, claim: Claim, sealed: bytes | None) -> None:
        self._refuse_if_down()
        self.kept[claim.id] = sealed
        found = self._claims[claim.id]
        found.is_answered, found.sealed = True, sealed

    async def drop(self, claim: Claim) -> None:
        self._refuse_if_down()
        self.dropped.append(claim.id)
        found = self._claims.get(claim.id)
        if found is not None and not found.is_answered:
            del self._claims[claim.id]

    async def release(self, claim: Claim) -> None:
        self._refuse_if_down()
        self.released.append(claim.id)
        if claim.id in self._claims:
            self._claims[claim.id].is_running = False

    def end_leases(self) -> None:
        """Let whoever works on anything die: what is claimed again is taken over."""
        for kept in self._claims.values():
            kept.is_running = False

    def _refuse_if_down(self) -> None:
        if self.is_down:
            raise LedgerUnavailableError("Answers cannot be kept now. Try again.", retry_after_s=1)
