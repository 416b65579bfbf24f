"""Where organisations, projects and keys are kept, and what was done to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from loquent.domain.accounts import AccountBook, AccountChange, AuditEntry


class AccountStore(Protocol):
    """Keeps accounts; nothing is ever removed, what ends is marked so."""

    async def version(self) -> int:
        """Return the version of the book as it is now; cheap.

        Raises: LedgerUnavailableError.
        """
        ...

    async def book(self) -> AccountBook:
        """Return all accounts.

        Raises: LedgerUnavailableError.
        """
        ...

    async def change(self, change: AccountChange, entry: AuditEntry, *, base: int) -> int:
        """Write a change and who did it, both or neither; return the new version.

        Args:
            base: version of the book that the change was made from.

        Raises:
            ConflictError: if the book is not of that version any more.
            LedgerUnavailableError.
        """
        ...

    async def audit(
        self, *, before: datetime | None = None, n_most: int = 100
    ) -> Sequence[AuditEntry]:
        """Return what was done, the latest first.

        Args:
            before: only what was done before.

        Raises: LedgerUnavailableError.
        """
        ...
