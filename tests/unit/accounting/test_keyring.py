"""How soon the ring of keys knows of changes, and what it does while it cannot."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from loquent.accounting.keyring import FRESH_S, KeyRing
from loquent.domain.accounts import AccountBook, AccountChange, AuditEntry, Key
from loquent.domain.errors import LedgerUnavailableError
from tests.fakes.fake_accounts import FakeAccounts
from tests.fakes.key_books import HASHER, NOW, book_of, new_key_for

ENTRY = AuditEntry(NOW, "operator", "key.revoke", "a")


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


class SlowAccounts(FakeAccounts):
    """Answers when a test lets it; a book is read as it was when it was asked for."""

    def __init__(self, book: AccountBook) -> None:
        super().__init__(book)
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def version(self) -> int:
        version = await super().version()
        self.asked.set()
        await self.gate.wait()
        return version

    async def book(self) -> AccountBook:
        book = self._book
        self.asked.set()
        await self.gate.wait()
        self.n_books += 1
        return book


def ring_over(store: FakeAccounts, clock: Clock) -> KeyRing:
    return KeyRing(store, HASHER, clock, lambda: NOW)


async def revoke(store: FakeAccounts, key: Key) -> None:
    change = AccountChange(keys=(replace(key, revoked_at=NOW),))
    await store.change(change, ENTRY, base=store._book.version)


async def test_the_first_key_that_opens_is_the_one() -> None:
    one, other = new_key_for(), new_key_for()
    ring = ring_over(FakeAccounts(book_of(one[0], other[0])), Clock())
    caller = await ring.caller(["rubbish", other[1], one[1]])
    assert caller is not None
    assert caller.key_id == other[0].id
    assert await ring.caller([]) is None
    assert await ring.caller(["rubbish", ""]) is None


async def test_a_key_expires_by_the_clock_and_needs_no_change() -> None:
    key, text = new_key_for(expires_at=NOW + timedelta(seconds=1))
    at = [NOW]
    ring = KeyRing(FakeAccounts(book_of(key)), HASHER, Clock(), lambda: at[0])
    assert await ring.caller([text])
    at[0] += timedelta(seconds=1)
    assert await ring.caller([text]) is None
    assert await ring.holder(key.id) is None


async def test_the_book_is_read_again_only_once_it_has_changed() -> None:
    key, text = new_key_for()
    store, clock = FakeAccounts(book_of(key)), Clock()
    ring = ring_over(store, clock)
    for _ in range(10):
        assert await ring.caller([text])
        clock.now_s += FRESH_S
    assert store.n_books == 1


async def test_a_revoked_key_ends_within_half_a_second() -> None:
    key, text = new_key_for()
    store, clock = FakeAccounts(book_of(key)), Clock()
    ring = ring_over(store, clock)
    assert await ring.caller([text])
    await revoke(store, key)
    clock.now_s += FRESH_S
    assert await ring.caller([text]) is None
    assert await ring.holder(key.id) is None


async def test_what_was_changed_here_is_known_at_once() -> None:
    key, text = new_key_for()
    store = FakeAccounts(book_of(key))
    ring = ring_over(store, Clock())
    assert await ring.caller([text])
    await revoke(store, key)
    ring.expire()
    assert await ring.caller([text]) is None


async def test_who_comes_together_shares_one_reading() -> None:
    key, text = new_key_for()
    store = SlowAccounts(book_of(key))
    ring = ring_over(store, Clock())
    waiting = [asyncio.create_task(ring.caller([text])) for _ in range(5)]
    await store.asked.wait()
    store.gate.set()
    assert all(await asyncio.gather(*waiting))
    assert store.n_books == 1


async def test_what_was_changed_while_a_reading_went_on_is_known_too() -> None:
    key, text = new_key_for()
    store = SlowAccounts(book_of(key))
    ring = ring_over(store, Clock())
    early = asyncio.create_task(ring.caller([text]))
    await store.asked.wait()
    await revoke(store, key)
    ring.expire()
    late = asyncio.create_task(ring.caller([text]))
    await asyncio.sleep(0)
    store.gate.set()
    await early
    assert await late is None


async def test_a_reading_that_takes_long_is_good_for_those_only_who_came_before_it() -> None:
    key, text = new_key_for()
    store, clock = SlowAccounts(book_of(key)), Clock()
    ring = ring_over(store, clock)
    store.gate.set()
    assert await ring.caller([text])
    clock.now_s += FRESH_S
    store.gate.clear()
    store.asked.clear()
    early = asyncio.create_task(ring.caller([text]))
    await store.asked.wait()
    await revoke(store, key)
    clock.now_s += 2 * FRESH_S
    late = asyncio.create_task(ring.caller([text]))
    await asyncio.sleep(0)
    store.gate.set()
    assert await early
    assert await late is None


async def test_who_comes_as_an_old_reading_ends_begins_another() -> None:
    late: list[asyncio.Task[AccountBook]] = []

    class Overtaken(FakeAccounts):
        async def version(self) -> int:
            if not late:
                clock.now_s += 10 * FRESH_S
                late.append(asyncio.create_task(ring.book()))  # its turn comes as this one ends
            return await super().version()

    key, _ = new_key_for()
    clock, store = Clock(), Overtaken(book_of(key, version=0))
    ring = ring_over(store, clock)
    await ring.book()
    assert key.id in (await late[0]).keys


async def test_who_leaves_does_not_stop_the_reading_of_others() -> None:
    key, text = new_key_for()
    store = SlowAccounts(book_of(key))
    ring = ring_over(store, Clock())
    leaving, staying = (asyncio.create_task(ring.caller([text])) for _ in range(2))
    await store.asked.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    store.gate.set()
    assert await staying


async def test_while_the_store_is_down_nobody_is_known_once_the_book_is_old() -> None:
    key, text = new_key_for()
    store, clock = FakeAccounts(book_of(key)), Clock()
    ring = ring_over(store, clock)
    assert await ring.caller([text])
    store.is_down = True
    assert await ring.caller([text])
    clock.now_s += FRESH_S
    for asking in (ring.caller([text]), ring.caller([text]), ring.holder(key.id), ring.has_keys()):
        with pytest.raises(LedgerUnavailableError):
            await asking
    store.is_down = False
    assert await ring.caller([text])


async def test_once_there_was_a_key_there_always_was() -> None:
    store, clock = FakeAccounts(), Clock()
    ring = ring_over(store, clock)
    assert not await ring.has_keys()
    key, _ = new_key_for()
    await store.change(AccountChange(keys=(key,)), ENTRY, base=0)
    clock.now_s += FRESH_S
    assert await ring.has_keys()
    store._book = AccountBook(version=7)
    clock.now_s += FRESH_S
    assert await ring.has_keys()


async def test_who_is_nobodys_key_holds_nothing() -> None:
    ring = ring_over(FakeAccounts(book_of(new_key_for()[0])), Clock())
    for key_id in ("", "static", "operator"):
        assert await ring.holder(key_id) is None
