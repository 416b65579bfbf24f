"""Builds who may ask for what: keys, their store, and the first of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loquent.accounting.keyring import KeyRing
from loquent.accounting.keys import KeyHasher, taken_apart
from loquent.accounting.registry import KeyWish, Registry
from loquent.domain.accounts import Reach, Scope
from loquent.settings import Settings, SettingsError
from loquent.wiring.ledger import ledger_url, told
from loquent.wiring.pepper import PEPPER_FILE, pepper_of

if TYPE_CHECKING:
    from loquent.storage.accounts import SqlAccountStore
    from loquent.storage.opening import Database

FIRST_KEY = KeyWish("first admin key", scopes=frozenset(Scope), reach=Reach.SERVER)


@dataclass(frozen=True, slots=True)
class Accounts:
    """What knows keys, and what changes them."""

    store: SqlAccountStore
    keyring: KeyRing
    registry: Registry
    hasher: KeyHasher


@dataclass(frozen=True, slots=True)
class Entry:
    """How callers come in.

    Attributes:
        needs_key: whether they must present one.
        first_key: that has just been made, as its holder needs it; told once.
    """

    needs_key: bool
    first_key: str | None = None


def build_accounts(settings: Settings, database: Database) -> Accounts:
    """Build what knows keys over a database.

    Raises: SettingsError: if there is no pepper, and none can be made.
    """
    from loquent.storage.accounts import SqlAccountStore  # noqa: PLC0415 - SQLAlchemy is slow

    store, hasher = SqlAccountStore(database), KeyHasher(pepper_of(settings))
    keyring = KeyRing(store, hasher)
    return Accounts(store, keyring, Registry(store, keyring, hasher), hasher)


async def check_pepper(accounts: Accounts) -> None:
    """See that the keys in the store were made with our pepper.

    Raises:
        SettingsError: if they were made with another.
        LedgerUnavailableError.
    """
    if await accounts.store.fingerprint() is None:
        await accounts.store.set_fingerprint(accounts.hasher.fingerprint)
    if await accounts.store.fingerprint() != accounts.hasher.fingerprint:
        raise SettingsError(
            "key_pepper: the keys in this ledger were made with another pepper, so none of them"
            f" would be recognised. Put the file '{PEPPER_FILE}' of that data folder into this"
            " one; servers that share a ledger must share it, or LOQUENT_KEY_PEPPER."
        )


def prepare_accounts(settings: Settings) -> Entry:
    """See that keys can be recognised, and that somebody holds one where one is needed.

    Raises: SettingsError: saying what is wrong, before anything is served.
    """
    _refuse_callers_key(settings)
    url = ledger_url(settings)
    if url is None:
        return Entry(needs_key=bool(settings.api_key))
    return asyncio.run(_prepare(settings, url))


async def first_key(settings: Settings, accounts: Accounts) -> str | None:
    """Make the first admin key where there is no other way in; return it, None if there is one.

    Who has revoked them all wants none.

    Raises: LedgerUnavailableError.
    """
    if settings.api_key or settings.is_private:
        return None
    made = await accounts.registry.create_first_key(FIRST_KEY)
    return made.text if made else None


def _refuse_callers_key(settings: Settings) -> None:
    """The same variable tells a caller's key to `loquent usage`, often in the same shell."""
    if settings.api_key and taken_apart(settings.api_key.get_secret_value()):
        raise SettingsError(
            "api_key: LOQUENT_API_KEY holds a key that a server has made. Callers send those;"
            " unset it where the server starts, else nobody could revoke it."
        )


async def _prepare(settings: Settings, url: str) -> Entry:
    from loquent.storage.opening import Database  # noqa: PLC0415 - SQLAlchemy is slow

    with told():
        database = Database.at(url)
        try:
            await database.open()
            accounts = build_accounts(settings, database)
            await check_pepper(accounts)
            made = await first_key(settings, accounts)
            return Entry(bool(settings.api_key) or await accounts.keyring.has_keys(), made)
        finally:
            await database.close()
