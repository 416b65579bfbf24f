"""Books of a real server, looked at and written into beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loquent.accounting.registry import KeyWish
from loquent.domain.accounts import OPERATOR
from loquent.settings import load_settings
from loquent.storage.opening import Database
from loquent.wiring.accounts import build_accounts, check_pepper


@dataclass(frozen=True, slots=True)
class Home:
    """Where a server keeps its books."""

    folder: Path
    url: str

    @classmethod
    def of(cls, folder: Path) -> Home:
        return cls(folder, f"sqlite+aiosqlite:///{folder}/loquent.db")

    async def new_key(self, wish: KeyWish) -> str:
        """Make a key as the operator at the machine does."""
        database = Database.at(self.url)
        await database.open()
        accounts = build_accounts(load_settings(data_dir=self.folder), database)
        await check_pepper(accounts)
        minted = await accounts.registry.create_key(OPERATOR, wish)
        await database.close()
        return minted.text
