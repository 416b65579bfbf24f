"""How a server comes to its keys: the pepper they were made with, and the first of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from loquent.accounting.keyring import KeyRing
from loquent.accounting.keys import KeyHasher, new_key
from loquent.accounting.registry import KeyWish, Registry
from loquent.domain.accounts import OPERATOR, Reach, Scope
from loquent.settings import Settings, SettingsError, load_settings
from loquent.storage.opening import Database
from loquent.wiring.accounts import (
    FIRST_KEY,
    Accounts,
    Entry,
    build_accounts,
    first_key,
    prepare_accounts,
)
from loquent.wiring.ledger import ledger_url

T = TypeVar("T")
STATIC = "a key of the operator's own"
OTHERS = "0.0.0.0"


def _settings(folder: Path, **changes: object) -> Settings:
    return load_settings(data_dir=folder, **{"host": OTHERS, **changes})


@asynccontextmanager
async def _accounts(settings: Settings) -> AsyncIterator[Accounts]:
    url = ledger_url(settings)
    assert url
    database = Database.at(url)
    await database.open()
    try:
        yield build_accounts(settings, database)
    finally:
        await database.close()


def _with(settings: Settings, work: Callable[[Accounts], Awaitable[T]]) -> T:
    async def run() -> T:
        async with _accounts(settings) as accounts:
            return await work(accounts)

    return asyncio.run(run())


def _make_key(settings: Settings) -> None:
    """Have the operator make a key that may not administer."""
    _with(settings, lambda accounts: accounts.registry.create_key(OPERATOR, KeyWish("some")))


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def test_the_first_start_beyond_this_machine_makes_a_key_that_may_do_all(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    entry = prepare_accounts(settings)
    assert entry.needs_key
    text = entry.first_key
    assert text
    caller = _with(settings, lambda accounts: accounts.keyring.caller([text]))
    assert caller is not None
    assert (caller.scopes, caller.reach) == (frozenset(Scope), Reach.SERVER)


def test_the_first_key_is_told_once_and_written_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = prepare_accounts(_settings(tmp_path)).first_key
    assert text
    assert prepare_accounts(_settings(tmp_path)) == Entry(needs_key=True)
    assert text.rpartition("_")[2].encode() not in _files(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_who_has_revoked_all_admin_keys_gets_no_other(tmp_path: Path) -> None:
    settings = _settings(tmp_path)

    async def revoke(accounts: Accounts) -> None:
        key = next(iter((await accounts.keyring.book()).keys.values()))
        await accounts.registry.revoke_key(OPERATOR, key.id)

    prepare_accounts(settings)
    _with(settings, revoke)
    assert prepare_accounts(settings) == Entry(needs_key=True)


def test_a_key_that_may_not_administer_is_not_enough(tmp_path: Path) -> None:
    _make_key(_settings(tmp_path))
    assert prepare_accounts(_settings(tmp_path)).first_key


@pytest.mark.parametrize(
    ("changes", "needs_key"),
    [
        ({"host": "127.0.0.1"}, False),
        ({"host": "127.0.0.1", "api_key": STATIC}, True),
        ({"api_key": STATIC}, True),
        ({"api_key": STATIC, "ledger": "off"}, True),
        ({"host": "::1", "ledger": "off"}, False),
    ],
)
def test_where_there_is_another_way_in_no_key_is_made(
    tmp_path: Path, changes: dict[str, object], *, needs_key: bool
) -> None:
    assert prepare_accounts(_settings(tmp_path, **changes)) == Entry(needs_key)


def test_without_a_ledger_nothing_is_made(tmp_path: Path) -> None:
    prepare_accounts(_settings(tmp_path, api_key=STATIC, ledger="off"))
    assert not list(tmp_path.iterdir())


def test_once_a_key_was_made_this_machine_needs_one_too(tmp_path: Path) -> None:
    settings = _settings(tmp_path, host="127.0.0.1")
    assert prepare_accounts(settings) == Entry(needs_key=False)
    _make_key(settings)
    assert prepare_accounts(settings) == Entry(needs_key=True)


def _another(accounts: Accounts) -> Accounts:
    """Return what another server would build over the same store."""
    keyring = KeyRing(accounts.store, accounts.hasher)
    registry = Registry(accounts.store, keyring, accounts.hasher)
    return replace(accounts, keyring=keyring, registry=registry)


def test_of_servers_that_start_at_once_one_makes_the_first_key(tmp_path: Path) -> None:
    settings = _settings(tmp_path)

    async def all_at_once(accounts: Accounts) -> tuple[int, int]:
        others = [_another(accounts) for _ in range(5)]
        made = await asyncio.gather(*(first_key(settings, each) for each in others))
        return sum(text is not None for text in made), len((await accounts.keyring.book()).keys)

    assert _with(settings, all_at_once) == (1, 1)


# Pepper


def test_keys_of_another_pepper_stop_the_server(tmp_path: Path) -> None:
    home, moved = tmp_path / "home", tmp_path / "moved"
    prepare_accounts(_settings(home))
    shutil.copytree(home, moved, ignore=shutil.ignore_patterns("pepper"))
    with pytest.raises(SettingsError, match="made with another pepper") as caught:
        prepare_accounts(_settings(moved))
    assert "LOQUENT_KEY_PEPPER" in str(caught.value)
    shutil.copy(home / "pepper", moved)
    assert prepare_accounts(_settings(moved)) == Entry(needs_key=True)


def test_servers_that_share_a_ledger_share_the_pepper(tmp_path: Path) -> None:
    ledger = f"sqlite+aiosqlite:///{tmp_path}/shared.db"
    shared = {"ledger": ledger, "key_pepper": "the same salt in all of our places"}
    entry = prepare_accounts(_settings(tmp_path / "a", **shared))
    there = _settings(tmp_path / "b", **shared)
    assert prepare_accounts(there) == Entry(needs_key=True)
    assert _with(there, lambda accounts: accounts.keyring.caller([str(entry.first_key)]))
    for other in (
        {"ledger": ledger},
        {**shared, "key_pepper": "another salt in all of our places"},
    ):
        with pytest.raises(SettingsError, match="another pepper"):
            prepare_accounts(_settings(tmp_path / "c", **other))


def test_the_fingerprint_is_written_at_the_first_start(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    prepare_accounts(settings)
    written = _with(settings, lambda accounts: accounts.store.fingerprint())
    assert written == KeyHasher((tmp_path / "pepper").read_bytes()).fingerprint


# What is refused


def test_a_callers_key_is_not_taken_for_the_static_one(tmp_path: Path) -> None:
    text = str(new_key())
    with pytest.raises(SettingsError, match="unset it where the server starts") as caught:
        prepare_accounts(_settings(tmp_path, api_key=text))
    assert text not in str(caught.value)


def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = f"sqlite+aiosqlite:///{tmp_path}/file/usage.db"
    with pytest.raises(SettingsError, match="ledger: "):
        prepare_accounts(_settings(tmp_path, ledger=nowhere))


def test_the_first_key_never_ends_by_itself() -> None:
    assert FIRST_KEY.expires_at is None
    assert FIRST_KEY.name == "first admin key"
