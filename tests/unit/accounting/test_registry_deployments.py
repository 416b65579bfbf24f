"""What may be done to deployments, by whom, and what is written down of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from loquent.accounting.deployment_acts import MAX_OPEN
from loquent.accounting.deployment_wishes import MAX_MODELS, MAX_REPLICAS, DeploymentWish
from loquent.accounting.registry import KeyWish
from loquent.domain.accounts import (
    OPERATOR,
    AccountChange,
    AuditEntry,
    Caller,
    Project,
    Reach,
    Scope,
)
from loquent.domain.deployments import Deployment, EngineChoice, QueueChoice, Replicas
from loquent.domain.errors import (
    AlreadyExistsError,
    DeploymentNotFoundError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
)
from loquent.domain.rates import RateLimits
from tests.unit.accounting.offices import NOW, Office, bounded

WISH = DeploymentWish(("whisper-base",))


@pytest.fixture
def office() -> Office:
    return Office()


async def made(office: Office, actor: Caller = OPERATOR, **wishes: Any) -> Deployment:
    return await office.registry.create_deployment(actor, replace(WISH, **wishes))


async def small(office: Office, name: str = "site") -> tuple[Project, Caller]:
    project = await office.project(name)
    return project, await office.admin(project, Reach.PROJECT)


async def test_a_deployment_is_made_as_wished(office: Office) -> None:
    project = await office.project()
    wish = DeploymentWish(
        ("a", "b"),
        "fast-1",
        project.id,
        EngineChoice("cuda", "float16", 1, 2, 3, exact=True, max_batch=4),
        QueueChoice(0.5, 7),
        Replicas(0, 3),
        9.0,
        RateLimits(60),
        "eu-west",
    )
    found = await office.registry.create_deployment(OPERATOR, wish)
    assert found == Deployment(
        id="fast-1",
        models=("a", "b"),
        created_at=NOW,
        project_id=project.id,
        engine=wish.engine,
        queue=wish.queue,
        replicas=wish.replicas,
        idle_unload_s=9.0,
        limits=wish.limits,
        region="eu-west",
    )
    assert (await office.book()).deployments == {"fast-1": found}


async def test_without_an_id_it_gets_one_that_nobody_can_foresee(office: Office) -> None:
    ids = {(await made(office)).id for _ in range(20)}
    assert len(ids) == 20
    assert all(re.fullmatch("dep-[a-z2-7]{12}", each) for each in ids)


@pytest.mark.parametrize("wanted", ["a", "0", "a-b", "a--b", "a" * 63, "dep-7"])
async def test_an_id_is_one_label_of_a_host_name(office: Office, wanted: str) -> None:
    assert (await made(office, id=wanted)).id == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "-a",
        "a-",
        "-",
        "A",
        "a_b",
        "a.b",
        "a b",
        "a/b",
        "é",
        "\u0131",
        "a\n",
        "a" * 64,
        "\u0661",
    ],
)
async def test_what_is_no_label_is_no_id(office: Office, wanted: str) -> None:
    with pytest.raises(InvalidRequestError, match="part of a host name") as refused:
        await made(office, id=wanted)
    assert refused.value.param == "id"


async def test_an_id_is_given_once_even_if_its_deployment_has_ended(office: Office) -> None:
    await made(office, id="one")
    for _ in range(2):
        with pytest.raises(AlreadyExistsError) as refused:
            await made(office, id="one")
        assert (refused.value.param, refused.value.retryable) == ("id", False)
        await office.registry.close_deployment(OPERATOR, "one")


@pytest.mark.parametrize(
    ("fault", "param"),
    [
        ({"models": ()}, "models"),
        ({"models": tuple(map(str, range(MAX_MODELS + 1)))}, "models"),
        ({"models": ("a", "b", "a")}, "models"),
        ({"replicas": Replicas(-1, 1)}, "replicas.min"),
        ({"replicas": Replicas(3, 2)}, "replicas.min"),
        ({"replicas": Replicas(0, 0)}, "replicas.max"),
        ({"replicas": Replicas(1, MAX_REPLICAS + 1)}, "replicas.max"),
        ({"region": "a\nb"}, "region"),
        ({"region": "a" * 101}, "region"),
    ],
)
async def test_what_nobody_may_have_is_refused_now_and_later(
    office: Office, fault: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await made(office, **fault)
    assert refused.value.param == param
    there = await made(office)
    with pytest.raises(InvalidRequestError) as refused:
        await office.registry.change_deployment(OPERATOR, there.id, _with(**fault))
    assert refused.value.param == param


def _with(**wishes: Any) -> Callable[[DeploymentWish], DeploymentWish]:
    return lambda wish: replace(wish, **wishes)


async def test_as_much_as_there_may_be_is_made(office: Office) -> None:
    most = Replicas(MAX_REPLICAS, MAX_REPLICAS)
    found = await made(office, models=tuple(map(str, range(MAX_MODELS))), replicas=most)
    assert (len(found.models), found.replicas) == (MAX_MODELS, most)


async def test_who_reaches_a_project_makes_them_there_alone(office: Office) -> None:
    project, admin = await small(office)
    other, _ = await small(office, "other")
    assert (await made(office, admin)).project_id == project.id
    assert (await made(office, admin, project_id=project.id)).project_id == project.id
    with pytest.raises(NotFoundError) as refused:
        await made(office, admin, project_id=other.id)
    assert refused.value.param == "project_id"


async def test_who_reaches_an_organisation_makes_them_in_its_projects(office: Office) -> None:
    acme, rival = await office.organisation(), await office.organisation("rival")
    own, second, foreign = [
        await office.project(name, home)
        for name, home in (("own", acme), ("second", acme), ("foreign", rival))
    ]
    admin = await office.admin(own, Reach.ORGANISATION)
    assert (await made(office, admin)).project_id == own.id
    assert (await made(office, admin, project_id=second.id)).project_id == second.id
    with pytest.raises(NotFoundError):
        await made(office, admin, project_id=foreign.id)


async def test_who_reaches_the_server_makes_them_for_all_or_one(office: Office) -> None:
    project, _ = await small(office)
    admin = await office.admin()
    assert (await made(office, admin)).project_id is None
    assert (await made(office, admin, project_id=project.id)).project_id == project.id
    with pytest.raises(NotFoundError):
        await made(office, admin, project_id="proj_nowhere")


async def test_nobody_without_the_scope_makes_one(office: Office) -> None:
    wish = KeyWish("k", scopes=frozenset({Scope.INFERENCE, Scope.USAGE}), reach=Reach.SERVER)
    caller = await office.open_caller((await office.registry.create_key(OPERATOR, wish)).key)
    with pytest.raises(PermissionDeniedError):
        await made(office, caller)


async def test_what_lies_beyond_ones_reach_is_not_there(office: Office) -> None:
    _, admin = await small(office)
    _, stranger = await small(office, "other")
    own, foreign, common = (
        await made(office, admin),
        await made(office, stranger),
        await made(office),
    )
    desk = await office.registry.desk(admin)
    assert desk.seen_deployments() == (own,)
    for hidden in (foreign, common):
        with pytest.raises(DeploymentNotFoundError):
            desk.deployment(hidden.id)
        with pytest.raises(DeploymentNotFoundError):
            await office.registry.change_deployment(admin, hidden.id, _with(region="x"))
        with pytest.raises(DeploymentNotFoundError):
            await office.registry.close_deployment(admin, hidden.id)
    everything = (await office.registry.desk(await office.admin())).seen_deployments()
    assert everything == (own, foreign, common)
    told = {entry.subject for entry in await office.registry.audit(stranger)}
    assert told & {own.id, foreign.id, common.id} == {foreign.id}


async def test_a_key_that_is_bound_to_deployments_administers_these_alone(office: Office) -> None:
    await made(office, id="a")
    await made(office, id="b")
    admin = await office.admin(terms=bounded(deployments=frozenset({"a", "c"})))
    assert [each.id for each in (await office.registry.desk(admin)).seen_deployments()] == ["a"]
    with pytest.raises(DeploymentNotFoundError):
        await office.registry.close_deployment(admin, "b")
    for wanted in ("d", None):
        with pytest.raises(PermissionDeniedError) as refused:
            await made(office, admin, id=wanted)
        assert refused.value.param == "id"
    assert (await made(office, admin, id="c")).id == "c"


async def test_a_deployment_has_no_model_that_its_maker_lacks(office: Office) -> None:
    admin = await office.admin(terms=bounded(frozenset({"a", "b"})))
    theirs = await made(office, models=("a", "z"), id="theirs")
    for models in (("c",), ("a", "c")):
        with pytest.raises(PermissionDeniedError, match="does not have c") as refused:
            await made(office, admin, models=models)
        assert refused.value.param == "models"
        with pytest.raises(PermissionDeniedError):
            await office.registry.change_deployment(admin, theirs.id, _with(models=models))
    assert (await made(office, admin, models=("a", "b"))).models == ("a", "b")
    changed = await office.registry.change_deployment(admin, theirs.id, _with(models=("z", "b")))
    assert changed.models == ("z", "b")


async def test_a_change_leaves_what_a_deployment_keeps(office: Office) -> None:
    project, admin = await small(office)
    before = await made(office, admin, id="one")
    office.clock.wait(days=1)
    edit = _with(id="two", project_id=None, replicas=Replicas(0, 2))
    after = await office.registry.change_deployment(admin, "one", edit)
    assert after == replace(before, replicas=Replicas(0, 2))
    assert after.project_id == project.id


async def test_a_change_to_what_is_so_already_is_none(office: Office) -> None:
    there = await made(office)
    version = (await office.book()).version
    assert await office.registry.change_deployment(OPERATOR, there.id, lambda wish: wish) == there
    assert (await office.book()).version == version


async def test_what_has_ended_stays_as_it_is(office: Office) -> None:
    there = await made(office)
    ended = await office.registry.close_deployment(OPERATOR, there.id)
    assert ended == replace(there, closed_at=NOW)
    office.clock.wait(days=1)
    assert await office.registry.close_deployment(OPERATOR, there.id) == ended
    with pytest.raises(InvalidRequestError, match="has ended"):
        await office.registry.change_deployment(OPERATOR, there.id, _with(region="x"))


async def test_a_project_ends_its_deployments(office: Office) -> None:
    acme = await office.organisation()
    site, page = await office.project("site", acme), await office.project("page", acme)
    other = await office.project("other", await office.organisation("rival"))
    for wanted, home in (("a", site), ("b", site), ("c", page), ("d", other)):
        await made(office, id=wanted, project_id=home.id)
    await made(office, id="e")
    await office.registry.close_deployment(OPERATOR, "b")
    office.clock.wait(days=1)

    async def open_ones() -> set[str]:
        there = (await office.book()).deployments.values()
        return {each.id for each in there if not each.closed_at}

    await office.registry.close_project(OPERATOR, site.id)
    assert await open_ones() == {"c", "d", "e"}
    assert (await office.book()).deployments["b"].closed_at == NOW
    await office.registry.close_organisation(OPERATOR, acme.id)
    assert await open_ones() == {"d", "e"}
    for home in (site, page):
        with pytest.raises(InvalidRequestError, match="closed"):
            await made(office, project_id=home.id)


async def test_there_are_so_many_and_no_more(office: Office) -> None:
    crowd = tuple(Deployment(f"d{number}", ("m",), NOW) for number in range(MAX_OPEN))
    entry = AuditEntry(NOW, "operator", "deployment.create", "d0")
    await office.store.change(AccountChange(deployments=crowd), entry, base=0)
    with pytest.raises(InvalidRequestError, match=f"{MAX_OPEN} is the most"):
        await made(office)
    await office.registry.close_deployment(OPERATOR, "d0")
    await made(office)


async def test_every_act_is_written_down(office: Office) -> None:
    admin = await office.admin()
    there = await made(office, admin, id="one", engine=EngineChoice(exact=False))
    change = _with(replicas=Replicas(0, 2), models=("a", "b"), engine=EngineChoice(beam_size=1))
    await office.registry.change_deployment(admin, there.id, change)
    await office.registry.close_deployment(admin, there.id)
    closed, changed, created = (await office.registry.audit(admin))[:3]
    assert [(each.action, each.subject) for each in (created, changed, closed)] == [
        ("deployment.create", "one"),
        ("deployment.change", "one"),
        ("deployment.close", "one"),
    ]
    assert {each.actor for each in (created, changed, closed)} == {admin.key_id}
    assert created.details == {
        "models": "none -> whisper-base",
        "engine.context": "none -> adaptive",
    }
    assert changed.details == {
        "models": "whisper-base -> a, b",
        "engine.beam_size": "none -> 1",
        "engine.context": "adaptive -> none",
        "replicas.min": "1 -> 0",
        "replicas.max": "1 -> 2",
    }
    assert closed.details == {"models": "a, b"}
