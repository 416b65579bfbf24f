"""Keys as they are made, changed, rotated and revoked; who may do that is told elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from loquent.accounting.key_acts import MAX_OVERLAP_S
from loquent.accounting.registry import MAX_TRIES, KeyWish, OrganisationWish
from loquent.accounting.wishes import MAX_NAME_CHARACTERS
from loquent.domain.accounts import (
    OPERATOR,
    AccountBook,
    AccountChange,
    AuditEntry,
    Budget,
    BudgetPeriod,
    Reach,
    Scope,
    Terms,
)
from loquent.domain.errors import (
    ConflictError,
    InvalidRequestError,
    LedgerUnavailableError,
    NotFoundError,
    PermissionDeniedError,
)
from loquent.domain.rates import RateLimits
from tests.fakes.fake_accounts import FakeAccounts
from tests.unit.accounting.offices import ALL, NOW, Office, bounded, budgeted, limited


@pytest.fixture
def office() -> Office:
    return Office()


async def test_the_first_key_makes_a_project_for_itself(office: Office) -> None:
    minted = await office.registry.create_key(OPERATOR, KeyWish("app"))
    book = await office.book()
    (organisation,), (project,) = book.organisations.values(), book.projects.values()
    assert (organisation.name, project.name) == ("default", "default")
    assert organisation.id.startswith("org_")
    assert project.id.startswith("proj_")
    assert (minted.key.project_id, project.organisation_id) == (project.id, organisation.id)
    assert minted.key.parent_id is None
    assert minted.key.scopes == {Scope.INFERENCE}


async def test_the_key_opens_and_a_second_one_is_in_the_same_project(office: Office) -> None:
    first = await office.registry.create_key(OPERATOR, KeyWish("app"))
    second = await office.registry.create_key(OPERATOR, KeyWish("other"))
    assert second.key.project_id == first.key.project_id
    caller = await office.keyring.caller([second.text])
    assert caller
    assert caller.key_id == second.key.id
    assert second.text.startswith(f"lq_{second.key.id}_")


async def test_the_default_place_is_the_oldest_that_is_open(office: Office) -> None:
    closed = await office.organisation("closed")
    await office.registry.close_organisation(OPERATOR, closed.id)
    office.clock.wait(seconds=1)
    home = await office.organisation("open")
    shut = await office.project("shut", home)
    await office.registry.close_project(OPERATOR, shut.id)
    office.clock.wait(seconds=1)
    first = await office.project("first", home)
    office.clock.wait(seconds=1)
    await office.project("second", home)
    minted = await office.registry.create_key(OPERATOR, KeyWish("app"))
    assert minted.key.project_id == first.id


async def test_nothing_is_made_in_a_place_that_is_closed(office: Office) -> None:
    home = await office.organisation()
    project = await office.project(home=home)
    await office.registry.close_organisation(OPERATOR, home.id)
    with pytest.raises(InvalidRequestError, match="is closed") as refused:
        await office.registry.create_key(OPERATOR, KeyWish("app", project.id))
    assert refused.value.param == "project_id"
    with pytest.raises(InvalidRequestError, match="is closed"):
        await office.project(home=home)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\tb", "\ud800", "a" * 101, "\x1b[31mred"])
async def test_a_name_is_readable(office: Office, name: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await office.registry.create_key(OPERATOR, KeyWish(name))
    assert refused.value.param == "name"
    with pytest.raises(InvalidRequestError):
        await office.registry.create_organisation(OPERATOR, OrganisationWish(name))
    assert (await office.book()).version == 0


async def test_a_name_may_be_long_and_in_any_script(office: Office) -> None:
    name = "é" * MAX_NAME_CHARACTERS
    minted = await office.registry.create_key(OPERATOR, KeyWish(f" {name} "))
    assert minted.key.name == name


async def test_a_key_without_scopes_is_refused(office: Office) -> None:
    with pytest.raises(InvalidRequestError, match="inference, usage, admin") as refused:
        await office.registry.create_key(OPERATOR, KeyWish("app", scopes=frozenset()))
    assert refused.value.param == "scopes"


@pytest.mark.parametrize("late_s", [0, 1])
async def test_an_end_in_the_past_is_refused(office: Office, late_s: int) -> None:
    end = NOW - timedelta(seconds=late_s)
    with pytest.raises(InvalidRequestError, match="in the past") as refused:
        await office.registry.create_key(OPERATOR, KeyWish("app", expires_at=end))
    assert refused.value.param == "expires_at"


async def test_only_what_an_edit_names_is_changed(office: Office) -> None:
    terms = Terms(limits=RateLimits(requests_per_minute=5), budget=Budget(hard_micros=7))
    minted = await office.registry.create_key(OPERATOR, KeyWish("app", terms=terms))
    changed = await office.registry.change_key(
        OPERATOR, minted.key.id, lambda wish: KeyWish("new", wish.project_id, terms=wish.terms)
    )
    assert (changed.name, changed.terms) == ("new", terms)
    assert changed.digest == minted.key.digest
    assert await office.keyring.caller([minted.text])


async def test_a_change_that_changes_nothing_is_not_written(office: Office) -> None:
    minted = await office.registry.create_key(OPERATOR, KeyWish("app"))
    version = (await office.book()).version
    await office.registry.change_key(OPERATOR, minted.key.id, lambda wish: wish)
    assert (await office.book()).version == version


async def test_a_rotated_key_opens_with_both_secrets_for_a_while(office: Office) -> None:
    old = await office.registry.create_key(OPERATOR, KeyWish("app"))
    new = await office.registry.rotate_key(OPERATOR, old.key.id, 60)
    assert new.key.id == old.key.id
    assert new.text != old.text
    for text in (old.text, new.text):
        assert await office.keyring.caller([text])
    office.clock.wait(seconds=60)
    assert await office.keyring.caller([new.text])
    assert await office.keyring.caller([old.text]) is None


async def test_without_overlap_the_old_secret_ends_at_once(office: Office) -> None:
    old = await office.registry.create_key(OPERATOR, KeyWish("app"))
    new = await office.registry.rotate_key(OPERATOR, old.key.id, 0)
    assert await office.keyring.caller([old.text]) is None
    assert await office.keyring.caller([new.text])
    assert (new.key.old_digest, new.key.old_until) == (b"", None)


async def test_of_two_rotations_only_the_last_secret_but_one_is_still_good(office: Office) -> None:
    first = await office.registry.create_key(OPERATOR, KeyWish("app"))
    second = await office.registry.rotate_key(OPERATOR, first.key.id)
    third = await office.registry.rotate_key(OPERATOR, first.key.id)
    opens = [bool(await office.keyring.caller([each.text])) for each in (first, second, third)]
    assert opens == [False, True, True]


@pytest.mark.parametrize("overlap_s", [-1, MAX_OVERLAP_S + 1])
async def test_an_overlap_has_bounds(office: Office, overlap_s: int) -> None:
    minted = await office.registry.create_key(OPERATOR, KeyWish("app"))
    with pytest.raises(InvalidRequestError) as refused:
        await office.registry.rotate_key(OPERATOR, minted.key.id, overlap_s)
    assert refused.value.param == "overlap_seconds"


async def test_what_has_ended_is_neither_changed_nor_rotated(office: Office) -> None:
    wish = KeyWish("app", expires_at=NOW + timedelta(days=1))
    expired = await office.registry.create_key(OPERATOR, wish)
    revoked = await office.registry.create_key(OPERATOR, KeyWish("app"))
    await office.registry.revoke_key(OPERATOR, revoked.key.id)
    office.clock.wait(days=1)
    with pytest.raises(InvalidRequestError, match="has expired"):
        await office.registry.rotate_key(OPERATOR, expired.key.id)
    with pytest.raises(InvalidRequestError, match="ended for good"):
        await office.registry.rotate_key(OPERATOR, revoked.key.id)
    with pytest.raises(InvalidRequestError, match="ended for good"):
        await office.registry.change_key(OPERATOR, revoked.key.id, lambda wish: wish)


async def test_an_expired_key_can_be_given_a_later_end(office: Office) -> None:
    wish = KeyWish("app", expires_at=NOW + timedelta(days=1))
    minted = await office.registry.create_key(OPERATOR, wish)
    office.clock.wait(days=2)
    assert await office.keyring.caller([minted.text]) is None
    await office.registry.change_key(
        OPERATOR, minted.key.id, lambda old: KeyWish(old.name, scopes=old.scopes)
    )
    assert await office.keyring.caller([minted.text])


async def test_what_is_revoked_ends_with_what_it_made_and_once_is_enough(office: Office) -> None:
    admin = await office.admin()
    child = await office.registry.create_key(admin, KeyWish("child"))
    assert child.key.parent_id == admin.key_id
    ended = await office.registry.revoke_key(OPERATOR, admin.key_id)
    assert ended.revoked_at == NOW
    assert await office.keyring.caller([child.text]) is None
    office.clock.wait(days=1)
    version = (await office.book()).version
    again = await office.registry.revoke_key(OPERATOR, admin.key_id)
    assert again.revoked_at == NOW
    assert (await office.book()).version == version


async def test_children_may_outlive_a_key_with_what_bounded_it(office: Office) -> None:
    end = NOW + timedelta(days=9)
    terms = Terms(
        bounded(frozenset({"a", "b"}), eu_native=True).bounds,
        RateLimits(requests_per_minute=60, concurrent_requests=2),
        Budget(hard_micros=100, soft_micros=50),
    )
    home = await office.project(terms=bounded(providers=frozenset({"p"})))
    other = await office.project("other")
    maker = await office.admin(home, Reach.ORGANISATION, terms, end)
    own = Terms(
        bounded(frozenset({"a"})).bounds,
        RateLimits(requests_per_minute=5, characters_per_minute=9),
        Budget(hard_micros=100, soft_micros=60),
    )
    wish = KeyWish("child", other.id, frozenset({Scope.INFERENCE}), terms=own)
    child = await office.registry.create_key(maker, wish)
    grandchild_maker = await office.registry.create_key(maker, KeyWish("b", other.id, scopes=ALL))
    had = await office.open_caller(child.key)
    await office.registry.revoke_key(OPERATOR, maker.key_id, keep_children=True)
    kept = await office.key(child.key.id)
    has = await office.open_caller(kept)
    assert (has.scopes, has.reach, has.bounds) == (had.scopes, had.reach, had.bounds)
    assert has.bounds.providers == frozenset({"p"})
    assert kept.parent_id is None
    assert kept.expires_at == end
    assert kept.terms.limits == RateLimits(5, None, 9, 2)
    assert kept.terms.budget == Budget(hard_micros=100, soft_micros=50)
    assert await office.caller(grandchild_maker.key)


async def test_children_that_are_kept_belong_to_whoever_made_their_maker(office: Office) -> None:
    top = await office.admin(terms=limited(requests_per_minute=60))
    middle = await office.registry.create_key(top, KeyWish("middle", scopes=ALL))
    child = await office.registry.create_key(await office.open_caller(middle.key), KeyWish("child"))
    gone = await office.registry.create_key(await office.open_caller(middle.key), KeyWish("gone"))
    await office.registry.revoke_key(top, gone.key.id)
    await office.registry.revoke_key(top, middle.key.id, keep_children=True)
    assert (await office.key(child.key.id)).parent_id == top.key_id
    assert (await office.key(gone.key.id)).parent_id == middle.key.id
    await office.registry.revoke_key(OPERATOR, top.key_id)
    assert await office.keyring.caller([child.text]) is None


async def test_budgets_of_other_times_cannot_be_joined(office: Office) -> None:
    maker = await office.admin(terms=budgeted(100, BudgetPeriod.DAY))
    child = await office.registry.create_key(maker, KeyWish("child", terms=budgeted(200)))
    with pytest.raises(InvalidRequestError, match=f"{child.key.id} has .* a month") as refused:
        await office.registry.revoke_key(OPERATOR, maker.key_id, keep_children=True)
    assert refused.value.param == "keep_children"
    assert await office.caller(child.key)


async def test_what_is_not_there_is_not_found(office: Office) -> None:
    with pytest.raises(NotFoundError):
        await office.registry.revoke_key(OPERATOR, "nobody")
    with pytest.raises(NotFoundError):
        await office.registry.create_key(OPERATOR, KeyWish("app", "proj_nowhere"))


class CrowdedAccounts(FakeAccounts):
    """Somebody else comes first, for a while."""

    def __init__(
        self, n_others: int, theirs: AccountChange | None = None, book: AccountBook | None = None
    ) -> None:
        super().__init__(book)
        self.n_others = n_others
        self._theirs = theirs or AccountChange()

    async def change(self, change: AccountChange, entry: AuditEntry, *, base: int) -> int:
        if self.n_others:
            self.n_others -= 1
            other = replace(entry, actor="somebody else")
            await super().change(self._theirs, other, base=base)
        return await super().change(change, entry, base=base)


async def test_who_comes_second_begins_anew() -> None:
    store = CrowdedAccounts(MAX_TRIES - 1)
    office = Office(store)
    minted = await office.registry.create_key(OPERATOR, KeyWish("app"))
    assert await office.keyring.caller([minted.text])
    assert [entry.actor for entry in store.entries].count("operator") == 1


async def test_who_never_comes_first_is_told() -> None:
    store = CrowdedAccounts(MAX_TRIES)
    with pytest.raises(ConflictError):
        await Office(store).registry.create_key(OPERATOR, KeyWish("app"))
    assert {entry.actor for entry in store.entries} == {"somebody else"}


async def test_a_key_that_is_revoked_in_between_makes_nothing(office: Office) -> None:
    await office.admin()
    doomed = await office.admin()
    ended = replace(await office.key(doomed.key_id), revoked_at=NOW)
    store = CrowdedAccounts(1, AccountChange(keys=(ended,)), await office.book())
    with pytest.raises(PermissionDeniedError):
        await Office(store).registry.create_key(doomed, KeyWish("app"))


async def test_where_accounts_cannot_be_read_nothing_is_done(office: Office) -> None:
    office.store.is_down = True
    with pytest.raises(LedgerUnavailableError):
        await office.registry.create_key(OPERATOR, KeyWish("app"))
