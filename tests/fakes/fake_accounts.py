"""Accounts in memory, which fail as a test tells them to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from loquent.domain.accounts import AccountBook, AccountChange, AuditEntry
from loquent.domain.errors import ConflictError, LedgerUnavailableError


class FakeAccounts:
    """Keeps the book as it is.

    Attributes:
        entries: of the audit, by when they were written.
        is_down: nothing can be read or written now.
        n_books: how often the whole book was read.
    """

    def __init__(self, book: AccountBook | None = None, *, is_down: bool = False) -> None:
        self.entries: list[AuditEntry] = []
        self.is_down = is_down
        self.n_books = 0
        self._book = book or AccountBook()
        self._fingerprint: str | None = None

    async def version(self) -> int:
        self._refuse_if_down()
        return self._book.version

    async def book(self) -> AccountBook:
        self._refuse_if_down()
        self.n_books += 1
        return self._book

    async def change(self, change: AccountChange, entry: AuditEntry, *, base: int) -> int:
        self._refuse_if_down()
        if base != self._book.version:
            raise ConflictError("Something else was changed just now. Look at it and repeat this.")
        self._book = AccountBook(
            base + 1,
            _joined(self._book.organisations, change.organisations),
            _joined(self._book.projects, change.projects),
            _joined(self._book.keys, change.keys),
            _joined(self._book.deployments, change.deployments),
        )
        self.entries.append(entry)
        return self._book.version

    async def audit(
        self, *, before: datetime | None = None, n_most: int = 100
    ) -> Sequence[AuditEntry]:
        self._refuse_if_down()
        latest = sorted(self.entries, key=lambda entry: entry.at)[::-1]
        return [entry for entry in latest if before is None or entry.at < before][:n_most]

    async def fingerprint(self) -> str | None:
        self._refuse_if_down()
        return self._fingerprint

    async def set_fingerprint(self, fingerprint: str) -> None:
        self._refuse_if_down()
        self._fingerprint = self._fingerprint or fingerprint

    def _refuse_if_down(self) -> None:
        if self.is_down:
            raise LedgerUnavailableError("Accounts cannot be read now. Try again.", retry_after_s=1)


class _Named(Protocol):
    @property
    def id(self) -> str: ...


EntryT = TypeVar("EntryT", bound=_Named)


def _joined(old: Mapping[str, EntryT], new: Sequence[EntryT]) -> dict[str, EntryT]:
    return {**old, **{entry.id: entry for entry in new}}
