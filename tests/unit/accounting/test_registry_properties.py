"""No key ever has more than whoever made or changed it, tried at large."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loquent.accounting.registry import KeyWish
from loquent.accounting.rights import Rights, rights_of
from loquent.domain.accounts import (
    OPERATOR,
    Account,
    Bounds,
    Budget,
    BudgetPeriod,
    Caller,
    Key,
    Reach,
    Scope,
    Terms,
)
from loquent.domain.errors import NotFoundError, PermissionDeniedError
from loquent.domain.rates import RateLimits
from tests.unit.accounting.offices import ALL, NOW, Office

ONE = frozenset({Scope.INFERENCE})

Value = TypeVar("Value")


def _some(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value | None]:
    return st.none() | values


_NAMES = st.frozensets(st.sampled_from("abc"), min_size=1)
_LIMIT = _some(st.integers(1, 3))
TERMS = st.builds(
    Terms,
    st.builds(Bounds, _some(_NAMES), _some(_NAMES), st.booleans(), st.booleans(), _some(_NAMES)),
    st.builds(RateLimits, _LIMIT, _LIMIT),
    _some(st.builds(Budget, st.sampled_from(BudgetPeriod), _some(st.integers(1, 3)))),
)
ENDS = _some(st.integers(1, 3).map(lambda days: NOW + timedelta(days=days)))
SCOPES = st.sampled_from([ALL, ALL, ONE, frozenset({Scope.ADMIN}), frozenset(Scope) - ONE])
WISHES = st.builds(
    KeyWish,
    st.just("k"),
    scopes=SCOPES,
    reach=st.sampled_from(Reach),
    terms=TERMS,
    expires_at=ENDS,
)


def _keeps(account: Account, budget: Budget, callers: Caller) -> bool:
    """Tell whether a caller cannot spend more than a budget allows, by what it counts against."""
    if account in callers.accounts:
        return True
    return any(
        own.budget.hard_micros <= (budget.hard_micros or 0)
        and (
            own.budget.period in {budget.period, BudgetPeriod.TOTAL}
            or budget.period is BudgetPeriod.DAY
        )
        for own in callers.accounts
        if own.budget and own.budget.hard_micros is not None
    )


def assert_no_more(has: Rights, maker: Rights) -> None:
    new, own = has.caller, maker.caller
    assert new.scopes <= own.scopes
    assert own.reach.covers(new.reach)
    assert new.bounds.within(own.bounds) == new.bounds
    assert maker.expires_at is None or (has.expires_at and has.expires_at <= maker.expires_at)
    for account in own.accounts:
        for name in ("requests_per_minute", "audio_seconds_per_minute"):
            most = getattr(account.limits, name)
            limits = [getattr(other.limits, name) for other in new.accounts]
            assert most is None or any(limit and limit <= most for limit in limits)
        if account.budget and account.budget.hard_micros is not None:
            assert _keeps(account, account.budget, new)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    places=st.tuples(TERMS, TERMS, TERMS),
    chain=st.lists(st.tuples(WISHES, st.integers(0, 1)), min_size=2, max_size=4),
    others=WISHES,
    edits=st.lists(WISHES, max_size=3),
)
async def test_no_key_ever_has_more_than_who_made_or_changed_it(
    places: tuple[Terms, Terms, Terms],
    chain: list[tuple[KeyWish, int]],
    others: KeyWish,
    edits: list[KeyWish],
) -> None:
    office = Office()
    home = await office.organisation(terms=places[0])
    projects = [await office.project(str(n), home, terms) for n, terms in enumerate(places[1:])]
    made = [
        (
            await office.registry.create_key(
                OPERATOR, replace(others, project_id=projects[0].id, scopes=others.scopes)
            )
        ).key
    ]
    actor: Caller = OPERATOR
    for wish, where in chain:
        placed = replace(wish, project_id=projects[where].id)
        if actor is OPERATOR:
            placed = replace(placed, scopes=ALL, reach=Reach.SERVER)
        key = await _tried(office, actor, placed)
        if key is None:
            continue
        made.append(key)
        caller = await office.open_caller(key)
        actor = caller if Scope.ADMIN in caller.scopes else actor
    for edit in edits:
        for key in made:
            await _try_change(office, actor, key, edit)


async def _rights(office: Office, key_id: str) -> Rights:
    book = await office.book()
    rights = rights_of(book.keys[key_id], book)
    assert rights
    return rights


async def _tried(office: Office, actor: Caller, wish: KeyWish) -> Key | None:
    try:
        minted = await office.registry.create_key(actor, wish)
    except (PermissionDeniedError, NotFoundError):
        return None
    if actor is not OPERATOR:
        assert_no_more(await _rights(office, minted.key.id), await _rights(office, actor.key_id))
    return minted.key


async def _try_change(office: Office, actor: Caller, key: Key, wish: KeyWish) -> None:
    if actor is OPERATOR:
        return
    before = await office.book()
    had = {key_id: rights_of(each, before) for key_id, each in before.keys.items()}
    try:
        changed = await office.registry.change_key(
            actor, key.id, lambda old: replace(wish, project_id=old.project_id)
        )
    except (PermissionDeniedError, NotFoundError):
        assert await office.book() == before
        return
    if changed == before.keys[key.id]:
        return
    assert_no_more(await _rights(office, key.id), await _rights(office, actor.key_id))
    line = (await office.registry.desk(actor)).line()
    for key_id in line:
        assert await _rights(office, key_id) == had[key_id]
