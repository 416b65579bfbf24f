"""Where answers are kept for those who ask twice: what any store of them promises."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from loquent.domain.idempotency import (
    AnsweredClaim,
    Claim,
    FirstClaim,
    OtherClaim,
    RunningClaim,
)

Claimed: TypeAlias = FirstClaim | RunningClaim | OtherClaim | AnsweredClaim


class AnswerStore(Protocol):
    """Keeps answers for a day; a claim without an answer ends half a minute after its process."""

    async def claim(self, claim: Claim) -> Claimed:
        """Begin to work on a request, unless that has been done or is being done.

        Raises: LedgerUnavailableError.
        """
        ...

    async def keep(self, claim: Claim, sealed: bytes | None) -> None:
        """Keep the answer; when this returns it is on the disk.

        Args:
            sealed: the answer, encrypted; None says that there was one.

        Raises: LedgerUnavailableError.
        """
        ...

    async def drop(self, claim: Claim) -> None:
        """Give a claim up, so that the request can be sent again; one with an answer stays.

        Raises: LedgerUnavailableError.
        """
        ...

    async def release(self, claim: Claim) -> None:
        """End a claim of which nobody knows whether its row of usage was written.

        Whoever claims it next takes it over, and with it the request id of that row.

        Raises: LedgerUnavailableError: then it ends half a minute later.
        """
        ...
