"""Nobody gives more than they have: an example of each refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from loquent.accounting.callers import MAX_DEPTH
from loquent.accounting.places import ProjectEdit
from loquent.accounting.registry import KeyWish, OrganisationWish, ProjectWish
from loquent.domain.accounts import (
    OPERATOR,
    Bounds,
    Budget,
    BudgetPeriod,
    Caller,
    Reach,
    Scope,
    Terms,
)
from loquent.domain.errors import InvalidRequestError, NotFoundError, PermissionDeniedError
from loquent.domain.rates import RateLimits
from tests.unit.accounting.offices import (
    ALL,
    NOW,
    Office,
    bounded,
    budgeted,
    limited,
)

LATER = NOW + timedelta(days=30)
MAKER = Terms(
    Bounds(
        frozenset({"a", "b"}),
        frozenset({"p", "q"}),
        eu_native=True,
        allow_quantization=False,
        deployments=frozenset({"d", "e"}),
    ),
    RateLimits(60, 600, 6000, 6, 3),
    Budget(BudgetPeriod.MONTH, 1000),
)
ONE = frozenset({Scope.INFERENCE})


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.mark.parametrize(
    ("wish", "param"),
    [
        (KeyWish("k", reach=Reach.SERVER), "reach"),
        (KeyWish("k", terms=bounded(frozenset({"a", "c"}))), "models"),
        (KeyWish("k", terms=bounded(providers=frozenset({"r"}))), "allowed_providers"),
        (KeyWish("k", terms=bounded(deployments=frozenset({"d", "f"}))), "deployments"),
        (KeyWish("k", terms=limited(requests_per_minute=61)), "limits.requests_per_minute"),
        (
            KeyWish("k", terms=limited(audio_seconds_per_minute=601)),
            "limits.audio_seconds_per_minute",
        ),
        (KeyWish("k", terms=limited(characters_per_minute=6001)), "limits.characters_per_minute"),
        (KeyWish("k", terms=limited(concurrent_requests=7)), "limits.concurrent_requests"),
        (KeyWish("k", terms=limited(concurrent_sessions=4)), "limits.concurrent_sessions"),
        (KeyWish("k", terms=budgeted(1001)), "budget"),
        (KeyWish("k", terms=budgeted(1001, BudgetPeriod.DAY)), "budget"),
        (KeyWish("k", expires_at=LATER + timedelta(seconds=1)), "expires_at"),
    ],
)
async def test_a_key_that_would_have_more_than_its_maker_is_refused(
    office: Office, wish: KeyWish, param: str
) -> None:
    maker = await office.admin(None, Reach.ORGANISATION, MAKER, LATER)
    with pytest.raises(PermissionDeniedError) as refused:
        await office.registry.create_key(maker, wish)
    assert refused.value.param == param
    assert refused.value.message.startswith(f"{param}: ")


async def test_a_key_has_no_scope_that_its_maker_lacks(office: Office) -> None:
    wish = KeyWish("a", scopes=frozenset({Scope.ADMIN}))
    maker = await office.open_caller((await office.registry.create_key(OPERATOR, wish)).key)
    with pytest.raises(PermissionDeniedError, match="inference, usage") as refused:
        await office.registry.create_key(maker, KeyWish("k", scopes=ALL))
    assert refused.value.param == "scopes"


@pytest.mark.parametrize(
    "terms",
    [
        Terms(),
        MAKER,
        bounded(frozenset({"a"}), frozenset({"q"})),
        budgeted(1_000_000, BudgetPeriod.TOTAL),
        budgeted(10, BudgetPeriod.DAY),
        Terms(budget=Budget(soft_micros=5_000)),
    ],
)
async def test_a_key_may_have_as_much_as_its_maker(office: Office, terms: Terms) -> None:
    maker = await office.admin(None, Reach.ORGANISATION, MAKER, LATER)
    minted = await office.registry.create_key(maker, KeyWish("k", scopes=ALL, terms=terms))
    assert (minted.key.terms, minted.key.expires_at) == (terms, LATER)
    assert (await office.open_caller(minted.key)).bounds.within(MAKER.bounds).eu_native


@pytest.mark.parametrize("scopes", [ONE, frozenset({Scope.INFERENCE, Scope.USAGE})])
async def test_only_the_scope_admin_administers(office: Office, scopes: frozenset[Scope]) -> None:
    minted = await office.registry.create_key(OPERATOR, KeyWish("k", scopes=scopes))
    caller = await office.open_caller(minted.key)
    for claimed in (caller, replace(caller, scopes=ALL), Caller("static", scopes=scopes)):
        with pytest.raises(PermissionDeniedError) as refused:
            await office.registry.create_key(claimed, KeyWish("more"))
        assert refused.value.param == "scopes"
        with pytest.raises(PermissionDeniedError):
            await office.registry.desk(claimed)
        with pytest.raises(PermissionDeniedError):
            await office.registry.audit(claimed)


async def test_less_than_its_key_may_is_less(office: Office) -> None:
    """A secret that was given out for a session carries the id of the key it came from."""
    admin = await office.admin()
    with pytest.raises(PermissionDeniedError):
        await office.registry.create_key(replace(admin, scopes=ONE), KeyWish("more"))


async def test_nobody_who_has_no_key_is_believed(office: Office) -> None:
    with pytest.raises(PermissionDeniedError):
        await office.registry.create_key(replace(OPERATOR, key_id="ghost"), KeyWish("k"))


def _rename(wish: KeyWish) -> KeyWish:
    return replace(wish, name="renamed")


async def test_a_key_neither_changes_nor_rotates_itself_or_its_makers(office: Office) -> None:
    top = await office.admin()
    made = await office.registry.create_key(top, KeyWish("b", scopes=ALL, reach=Reach.SERVER))
    bottom = await office.open_caller(made.key)
    for key_id in (top.key_id, bottom.key_id):
        with pytest.raises(PermissionDeniedError, match="cannot change") as refused:
            await office.registry.change_key(bottom, key_id, _rename)
        assert refused.value.param == "key_id"
        with pytest.raises(PermissionDeniedError, match="cannot rotate"):
            await office.registry.rotate_key(bottom, key_id)
    with pytest.raises(PermissionDeniedError, match="cannot revoke"):
        await office.registry.revoke_key(bottom, top.key_id)
    with pytest.raises(PermissionDeniedError, match="keep_children"):
        await office.registry.revoke_key(bottom, bottom.key_id, keep_children=True)
    await office.registry.revoke_key(bottom, bottom.key_id)
    assert await office.caller(made.key) is None


async def test_whoever_would_get_more_by_a_rotation_is_refused(office: Office) -> None:
    project = await office.project()
    free = await office.registry.create_key(OPERATOR, KeyWish("free", project.id))
    weak = await office.admin(project, Reach.PROJECT, limited(requests_per_minute=1))
    with pytest.raises(PermissionDeniedError) as refused:
        await office.registry.rotate_key(weak, free.key.id)
    assert refused.value.param == "limits.requests_per_minute"
    with pytest.raises(PermissionDeniedError):
        await office.registry.change_key(weak, free.key.id, _rename)
    await office.registry.revoke_key(weak, free.key.id)
    assert await office.caller(free.key) is None


async def test_a_key_that_outlives_its_admin_is_not_rotated(office: Office) -> None:
    endless = await office.registry.create_key(OPERATOR, KeyWish("endless"))
    admin = await office.admin(expires_at=LATER)
    with pytest.raises(PermissionDeniedError) as refused:
        await office.registry.rotate_key(admin, endless.key.id)
    assert refused.value.param == "expires_at"


async def test_a_key_that_reaches_further_is_left_alone(office: Office) -> None:
    project = await office.project()
    server = await office.admin(project, Reach.SERVER)
    small = await office.admin(project, Reach.PROJECT)
    for deed in (
        office.registry.revoke_key(small, server.key_id),
        office.registry.change_key(
            small, server.key_id, lambda wish: replace(wish, reach=Reach.PROJECT)
        ),
    ):
        with pytest.raises(PermissionDeniedError, match="reaches further"):
            await deed
    with pytest.raises(PermissionDeniedError):
        await office.registry.rotate_key(small, server.key_id)


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        (bounded(eu_native=False), "eu_native"),
        (bounded(frozenset({"c"}), eu_native=True), "models"),
        (bounded(frozenset({"a"}), eu_native=True, allow_quantization=True), "allow_quantization"),
    ],
)
async def test_what_bounds_a_key_is_not_loosened_beyond_its_maker(
    office: Office, changed: Terms, param: str
) -> None:
    maker = await office.admin(
        terms=bounded(frozenset({"a", "b"}), eu_native=True, allow_quantization=False)
    )
    own = bounded(frozenset({"a"}), eu_native=True, allow_quantization=False)
    minted = await office.registry.create_key(maker, KeyWish("k", terms=own))
    with pytest.raises(PermissionDeniedError) as refused:
        await office.registry.change_key(
            maker, minted.key.id, lambda wish: replace(wish, terms=changed)
        )
    assert refused.value.param == param


async def test_lines_of_keys_end(office: Office) -> None:
    actor = await office.admin()
    for _ in range(MAX_DEPTH - 1):
        wish = KeyWish("next", scopes=ALL, reach=Reach.SERVER)
        actor = await office.open_caller((await office.registry.create_key(actor, wish)).key)
    with pytest.raises(PermissionDeniedError, match="8 deep") as refused:
        await office.registry.create_key(actor, KeyWish("too deep"))
    assert refused.value.param == "parent_id"


async def test_what_is_out_of_reach_is_as_good_as_nowhere(office: Office) -> None:
    home, foreign = await office.organisation("home"), await office.organisation("foreign")
    mine, theirs = await office.project("m", home), await office.project("t", foreign)
    beside = await office.project("b", home)
    other = await office.registry.create_key(OPERATOR, KeyWish("k", theirs.id))
    near = await office.registry.create_key(OPERATOR, KeyWish("k", beside.id))
    wide = await office.admin(mine, Reach.ORGANISATION)
    narrow = await office.admin(mine, Reach.PROJECT)
    unseen = {(wide, other.key.id), (narrow, other.key.id), (narrow, near.key.id)}
    messages = set()
    for actor, key_id in unseen | {(narrow, "nonsense")}:
        for deed in (
            office.registry.revoke_key(actor, key_id),
            office.registry.rotate_key(actor, key_id),
            office.registry.change_key(actor, key_id, _rename),
        ):
            with pytest.raises(NotFoundError) as refused:
                await deed
            messages.add((refused.value.message, refused.value.param))
    assert len(messages) == 1
    with pytest.raises(NotFoundError):
        await office.registry.create_key(wide, KeyWish("k", theirs.id))
    desk = await office.registry.desk(narrow)
    assert ([p.id for p in desk.seen_projects()], desk.seen_organisations()) == ([mine.id], ())
    desk = await office.registry.desk(wide)
    assert {p.id for p in desk.seen_projects()} == {mine.id, beside.id}
    assert [o.id for o in desk.seen_organisations()] == [home.id]
    assert {k.id for k in desk.seen_keys()} == {near.key.id, wide.key_id, narrow.key_id}


async def test_each_reach_has_its_deeds(office: Office) -> None:
    home = await office.organisation()
    project = await office.project("p", home)
    narrow = await office.admin(project, Reach.PROJECT)
    wide = await office.admin(project, Reach.ORGANISATION)
    for actor, deed in (
        (narrow, office.registry.create_project(narrow, ProjectWish("new"))),
        (narrow, office.registry.change_project(narrow, project.id, lambda wish: wish)),
        (narrow, office.registry.close_project(narrow, project.id)),
        (narrow, office.registry.note_erasure(narrow, project.id)),
        (wide, office.registry.create_organisation(wide, OrganisationWish("new"))),
        (wide, office.registry.change_organisation(wide, home.id, lambda wish: wish)),
        (wide, office.registry.close_organisation(wide, home.id)),
    ):
        with pytest.raises(PermissionDeniedError, match=f"that of this one is {actor.reach}"):
            await deed
    made = await office.registry.create_project(wide, ProjectWish("new"))
    assert made.organisation_id == home.id
    renamed = await office.registry.change_project(
        wide, made.id, lambda wish: replace(wish, name="old", retention_days=30)
    )
    assert (renamed.name, renamed.retention_days) == ("old", 30)
    assert (await office.registry.close_project(wide, made.id)).closed_at == NOW
    with pytest.raises(InvalidRequestError, match="is closed"):
        await office.registry.change_project(wide, made.id, lambda wish: wish)


def _with(terms: Terms) -> ProjectEdit:
    return lambda wish: replace(wish, terms=terms)


async def test_an_admin_does_not_widen_what_bounds_its_own_project(office: Office) -> None:
    terms = Terms(
        bounded(frozenset({"a"})).bounds, RateLimits(requests_per_minute=9), Budget(hard_micros=9)
    )
    project = await office.project(terms=terms)
    actor = await office.admin(project, Reach.ORGANISATION)
    wider = {
        "models": replace(terms, bounds=Bounds()),
        "limits.requests_per_minute": replace(terms, limits=RateLimits()),
        "budget": replace(terms, budget=Budget(BudgetPeriod.DAY, 8)),
    }
    for param, changed in wider.items():
        with pytest.raises(PermissionDeniedError) as refused:
            await office.registry.change_project(actor, project.id, _with(changed))
        assert refused.value.param == param
    less = replace(terms, limits=RateLimits(8, 7), budget=Budget(hard_micros=8))
    kept = await office.registry.change_project(actor, project.id, _with(less))
    assert kept.terms == less


async def test_what_the_organisation_bounds_need_not_be_said_again(office: Office) -> None:
    terms = Terms(
        bounded(frozenset({"a"})).bounds, RateLimits(requests_per_minute=9), Budget(hard_micros=9)
    )
    home = await office.organisation(terms=terms)
    project = await office.project("p", home, terms)
    other = await office.project("o", home)
    actor = await office.admin(other, Reach.ORGANISATION)
    freed = await office.registry.change_project(actor, project.id, _with(Terms()))
    assert freed.terms == Terms()
    with pytest.raises(PermissionDeniedError):
        await office.registry.change_project(
            actor, project.id, lambda wish: replace(wish, terms=limited(requests_per_minute=10))
        )


async def test_the_last_way_in_is_closed_at_the_machine_only(office: Office) -> None:
    home = await office.organisation()
    project = await office.project("p", home)
    only = await office.admin(project)
    await office.admin(project, Reach.ORGANISATION)
    for deed in (
        office.registry.revoke_key(only, only.key_id),
        office.registry.close_project(only, project.id),
        office.registry.close_organisation(only, home.id),
    ):
        with pytest.raises(PermissionDeniedError, match="at the machine"):
            await deed
    await office.admin(await office.project("q"))
    await office.registry.close_project(only, project.id)
    assert await office.registry.desk(OPERATOR)
