"""What whoever presents a key may do, alone and by those who made it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.accounting.callers import MAX_DEPTH, KeyIndex, caller_of, identified
from loquent.accounting.keys import NOBODY, KeyText, new_key
from loquent.domain.accounts import (
    FREE,
    AccountBook,
    Bounds,
    Budget,
    Caller,
    Key,
    Organisation,
    Project,
    Reach,
    Scope,
    Terms,
)
from loquent.domain.rates import RateLimits
from tests.fakes.key_books import HASHER, NOW, ORGANISATION, PROJECT, book_of, key_for, new_key_for

SOON, PAST = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)


def _opens(text: str | KeyText, book: AccountBook, now: datetime = NOW) -> bool:
    return identified(str(text), KeyIndex.of(book), HASHER, now) is not None


# Who it is


def test_a_key_opens_for_whom_it_was_made() -> None:
    key, text = new_key_for(scopes=frozenset({Scope.INFERENCE}), reach=Reach.ORGANISATION)
    caller = identified(text, KeyIndex.of(book_of(key)), HASHER, NOW)
    assert caller is not None
    assert (caller.key_id, caller.project_id, caller.organisation_id) == (
        key.id,
        "proj_calls",
        "org_acme",
    )
    assert (caller.scopes, caller.reach) == (frozenset({Scope.INFERENCE}), Reach.ORGANISATION)


@pytest.mark.parametrize("place", [0, 25, 51])
def test_a_key_that_is_wrong_in_one_letter_opens_nothing(place: int) -> None:
    text = new_key()
    wrong = "b" if text.secret[place] == "a" else "a"
    secret = text.secret[:place] + wrong + text.secret[place + 1 :]
    book = book_of(key_for(text))
    assert _opens(text, book)
    assert not _opens(KeyText(text.id, secret), book)


def test_the_secret_of_another_key_opens_nothing() -> None:
    one, other = new_key(), new_key()
    assert not _opens(KeyText(one.id, other.secret), book_of(key_for(one), key_for(other)))


@pytest.mark.parametrize("text", ["", "lq_", "rubbish", "\ud800", "lq_" + "é" * 16, "x" * 100_000])
def test_what_is_no_key_opens_nothing(text: str) -> None:
    assert not _opens(text, book_of(new_key_for()[0]))


def test_an_unknown_key_opens_nothing_whatever_stands_in_for_it() -> None:
    book = book_of(new_key_for()[0])
    assert not _opens(NOBODY, book)
    assert not _opens(new_key(), book)
    assert not _opens(new_key(), AccountBook())


@pytest.mark.parametrize(
    ("fields", "is_open"),
    [
        ({"expires_at": SOON}, True),
        ({"expires_at": NOW}, False),
        ({"expires_at": PAST}, False),
        ({"revoked_at": PAST}, False),
        ({"revoked_at": SOON}, False),
        ({"project_id": "proj_none"}, False),
    ],
)
def test_what_is_over_opens_nothing(fields: dict[str, Any], *, is_open: bool) -> None:
    key, text = new_key_for(**fields)
    assert _opens(text, book_of(key)) is is_open


def test_the_end_of_a_project_or_an_organisation_ends_its_keys() -> None:
    key, text = new_key_for()
    assert not _opens(text, book_of(key, projects=[replace(PROJECT, closed_at=PAST)]))
    assert not _opens(text, book_of(key, organisations=[replace(ORGANISATION, closed_at=PAST)]))
    assert not _opens(text, book_of(key, organisations=[]))


# Rotation


@pytest.mark.parametrize(
    ("old_until", "is_open"), [(SOON, True), (NOW, False), (PAST, False), (None, False)]
)
def test_the_old_secret_opens_until_its_time_is_over(
    old_until: datetime | None, *, is_open: bool
) -> None:
    old = new_key()
    present = KeyText(old.id, new_key().secret)
    key = replace(key_for(present), old_digest=HASHER.digest(old), old_until=old_until)
    assert _opens(present, book_of(key))
    assert _opens(old, book_of(key)) is is_open


def test_without_an_old_secret_none_opens() -> None:
    text = new_key()
    key = replace(key_for(text), old_until=SOON)
    assert not _opens(KeyText(text.id, new_key().secret), book_of(key))


# Who made it


def _line(n_keys: int, **fields: Any) -> list[Key]:
    """Return a key and those that come of it, each made by the one before."""
    keys = [key_for(new_key(), **fields)]
    while len(keys) < n_keys:
        keys.append(key_for(new_key(), parent_id=keys[-1].id, **fields))
    return keys


@pytest.mark.parametrize("change", [{"revoked_at": PAST}, {"expires_at": PAST}])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_whatever_a_key_made_ends_with_it(change: dict[str, Any], place: int) -> None:
    keys = _line(3)
    keys[place] = replace(keys[place], **change)
    book = book_of(*keys)
    assert [caller_of(key, book, NOW) is not None for key in keys] == [
        each < place for each in range(3)
    ]


def test_a_key_ends_with_the_project_of_the_one_that_made_it() -> None:
    home = Project("proj_home", "org_acme", "Home", NOW)
    maker = key_for(new_key(), project_id=home.id, reach=Reach.SERVER)
    made = key_for(new_key(), parent_id=maker.id)
    assert caller_of(made, book_of(maker, made, projects=[home, PROJECT]), NOW)
    closed = replace(home, closed_at=PAST)
    assert caller_of(made, book_of(maker, made, projects=[closed, PROJECT]), NOW) is None


def test_a_key_whose_maker_is_lost_opens_nothing() -> None:
    key = key_for(new_key(), parent_id="gone")
    assert caller_of(key, book_of(key), NOW) is None


def test_a_line_is_followed_to_its_end_and_no_further() -> None:
    keys = _line(MAX_DEPTH + 1)
    book = book_of(*keys)
    caller = caller_of(keys[MAX_DEPTH - 1], book, NOW)
    assert caller is not None
    assert caller.account_ids == (
        *(key.id for key in reversed(keys[:MAX_DEPTH])),
        "proj_calls",
        "org_acme",
    )
    assert caller_of(keys[MAX_DEPTH], book, NOW) is None


def test_keys_that_made_each_other_open_nothing() -> None:
    one, other = new_key(), new_key()
    ring = (key_for(one, parent_id=other.id), key_for(other, parent_id=one.id))
    assert caller_of(ring[0], book_of(*ring), NOW) is None


def test_a_key_outside_of_its_makers_reach_opens_nothing() -> None:
    other = Organisation("org_other", "Other", NOW)
    there = Project("proj_there", other.id, "There", NOW)
    for reach, is_open in ((Reach.SERVER, True), (Reach.ORGANISATION, False)):
        maker = key_for(new_key(), reach=reach)
        made = key_for(new_key(), parent_id=maker.id, project_id=there.id)
        book = book_of(maker, made, projects=[PROJECT, there], organisations=[ORGANISATION, other])
        assert (caller_of(made, book, NOW) is not None) is is_open


def test_accounts_carry_the_limits_and_the_budgets_of_all_above() -> None:
    limits, budget = RateLimits(requests_per_minute=7), Budget(hard_micros=5)
    maker = key_for(new_key(), terms=Terms(limits=limits))
    made = key_for(new_key(), parent_id=maker.id)
    project = replace(PROJECT, terms=Terms(budget=budget))
    caller = caller_of(made, book_of(maker, made, projects=[project]), NOW)
    assert caller is not None
    assert caller.account_ids == (made.id, maker.id, "proj_calls", "org_acme")
    assert [each.limits for each in caller.accounts][1] == limits
    assert [each.budget for each in caller.accounts][2] == budget


# Never more than the maker

PROJECTS = ("proj_a", "proj_b", "proj_c")
HOMES = {"proj_a": "org_x", "proj_b": "org_x", "proj_c": "org_y"}


def _some(names: str) -> st.SearchStrategy[frozenset[str] | None]:
    return st.none() | st.frozensets(st.sampled_from(names))


BOUNDS = st.builds(
    Bounds,
    models=_some("klm"),
    providers=_some("pq"),
    eu_native=st.booleans(),
    allow_quantization=st.booleans(),
)
TERMS = st.just(FREE) | st.builds(Terms, bounds=BOUNDS)
ENDS = st.sampled_from([None, None, None, PAST, SOON])


@st.composite
def _books(draw: st.DrawFn) -> AccountBook:
    """Make trees of keys in any places; some have ended, and nobody saw to it that they fit."""
    keys: list[Key] = []
    for _ in range(draw(st.integers(2, 12))):
        makers = [None, *(key.id for key in keys[-4:])]
        keys.append(
            key_for(
                new_key(),
                project_id=draw(st.sampled_from(PROJECTS)),
                scopes=draw(st.frozensets(st.sampled_from(Scope))),
                reach=draw(st.sampled_from(Reach)),
                terms=draw(TERMS),
                parent_id=draw(st.sampled_from(makers)),
                expires_at=draw(ENDS),
                revoked_at=draw(st.sampled_from([None, None, None, None, PAST])),
            )
        )
    places = {name: draw(st.sampled_from([None, None, None, PAST])) for name in PROJECTS}
    projects = [
        Project(name, HOMES[name], name, NOW, draw(TERMS), closed_at=closed_at)
        for name, closed_at in places.items()
    ]
    organisations = [Organisation(name, name, NOW, draw(TERMS)) for name in ("org_x", "org_y")]
    return book_of(*keys, projects=projects, organisations=organisations)


def _allows(caller: Caller, model: str, provider: str, *, in_eu: bool, whole: bool) -> bool:
    bounds = caller.bounds
    return (
        (bounds.models is None or model in bounds.models)
        and (bounds.providers is None or provider in bounds.providers)
        and (in_eu or not bounds.eu_native)
        and (whole or bounds.allow_quantization)
    )


def _powers(caller: Caller) -> set[object]:
    """List all that a caller may do, in all places there are."""
    reached = {
        Reach.PROJECT: {caller.project_id},
        Reach.ORGANISATION: {p for p, home in HOMES.items() if home == caller.organisation_id},
        Reach.SERVER: {*PROJECTS, "server"},
    }[caller.reach]
    runs = {
        (model, provider, in_eu, whole)
        for model in "klmn"
        for provider in "pqr"
        for in_eu in (True, False)
        for whole in (True, False)
        if _allows(caller, model, provider, in_eu=in_eu, whole=whole)
    }
    return {*reached, *caller.scopes, *runs}


@given(_books())
def test_a_key_never_has_more_than_the_one_that_made_it(book: AccountBook) -> None:
    for key in book.keys.values():
        caller = caller_of(key, book, NOW)
        maker = book.keys[key.parent_id] if key.parent_id else None
        if caller is None or maker is None:
            continue
        made_by = caller_of(maker, book, NOW)
        assert made_by is not None
        assert _powers(caller) <= _powers(made_by)
        assert set(made_by.account_ids[:-2]) < set(caller.account_ids)


@given(_books())
def test_a_key_never_has_more_than_it_says_itself(book: AccountBook) -> None:
    for key in book.keys.values():
        alone = caller_of(replace(key, parent_id=None), book, NOW)
        caller = caller_of(key, book, NOW)
        if caller is not None:
            assert alone is not None
            assert _powers(caller) <= _powers(alone)
            assert caller.scopes <= key.scopes


def test_a_key_that_nobody_made_has_all_that_it_says() -> None:
    project = replace(PROJECT, terms=Terms(Bounds(models=frozenset({"a", "b"}))))
    organisation = replace(ORGANISATION, terms=Terms(Bounds(eu_native=True)))
    own = Terms(Bounds(models=frozenset({"b", "c"}), providers=frozenset({"p"})))
    key = key_for(new_key(), terms=own)
    caller = caller_of(key, book_of(key, projects=[project], organisations=[organisation]), NOW)
    assert caller is not None
    assert caller.bounds == Bounds(frozenset({"b"}), frozenset({"p"}), eu_native=True)
