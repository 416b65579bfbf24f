"""Builds all that is kept of callers and requests: accounts, usage, money, answers, counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from loquent.accounting.sealing import AnswerSealer
from loquent.settings import Settings
from loquent.wiring.accounts import Accounts, build_accounts, check_pepper
from loquent.wiring.ledger import build_database, ledger_in, opened
from loquent.wiring.limiting import build_limiter, counting
from loquent.wiring.pepper import pepper_of

if TYPE_CHECKING:
    from loquent.limiting.fallback import FallbackLimiter
    from loquent.limiting.memory import MemoryLimiter
    from loquent.storage.answers import SqlAnswerStore
    from loquent.storage.ledger import SqlLedger
    from loquent.storage.opening import Database


@dataclass(frozen=True, slots=True)
class Books:
    """What is kept, over one database.

    Attributes:
        ledger: keeps usage, and money for requests that run.
    """

    database: Database
    ledger: SqlLedger
    accounts: Accounts
    answers: SqlAnswerStore
    sealer: AnswerSealer
    limiter: MemoryLimiter | FallbackLimiter

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the books that the settings name, not open yet; None where none are kept.

        Raises: SettingsError: if they cannot be kept there.
        """
        database = build_database(settings)
        if database is None:
            return None
        from loquent.storage.answers import SqlAnswerStore  # noqa: PLC0415 - SQLAlchemy is slow

        return cls(
            database,
            ledger_in(database),
            build_accounts(settings, database),
            SqlAnswerStore(database),
            AnswerSealer(pepper_of(settings)),
            build_limiter(settings.redis_url.get_secret_value()),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the books open for as long as the context is.

        Raises: SettingsError: if they cannot be opened.
        """
        async with AsyncExitStack() as owned:
            await owned.enter_async_context(opened(self.database))
            await check_pepper(self.accounts)
            await owned.enter_async_context(opened(self.ledger))
            await owned.enter_async_context(opened(self.answers))
            await owned.enter_async_context(counting(self.limiter))
            yield
