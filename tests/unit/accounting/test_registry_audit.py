"""Whatever is changed is written down once, with who did it, and without a secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from loquent.accounting import registry as registry_module
from loquent.accounting.registry import KeyWish, OrganisationWish, ProjectWish
from loquent.domain.accounts import OPERATOR, Budget, Reach, Scope
from tests.unit.accounting.offices import NOW, Office, bounded, limited


async def test_every_deed_is_written_down_once_with_who_did_it() -> None:
    office = Office()
    admin = await office.admin()
    done = office.registry
    home = await done.create_organisation(admin, OrganisationWish("acme"))
    await done.change_organisation(admin, home.id, lambda wish: replace(wish, name="new"))
    project = await done.create_project(admin, ProjectWish("site", home.id))
    await done.change_project(admin, project.id, lambda wish: replace(wish, retention_days=3))
    minted = await done.create_key(admin, KeyWish("app", project.id))
    await done.change_key(admin, minted.key.id, lambda wish: replace(wish, name="old"))
    rotated = await done.rotate_key(admin, minted.key.id)
    await done.revoke_key(admin, minted.key.id)
    await done.note_erasure(admin, project.id)
    await done.close_project(admin, project.id)
    await done.close_organisation(OPERATOR, home.id)
    told = [(entry.actor, entry.action, entry.subject) for entry in office.store.entries]
    mine = admin.key_id
    assert told == [
        ("operator", "key.create", mine),
        (mine, "organisation.create", home.id),
        (mine, "organisation.change", home.id),
        (mine, "project.create", project.id),
        (mine, "project.change", project.id),
        (mine, "key.create", minted.key.id),
        (mine, "key.change", minted.key.id),
        (mine, "key.rotate", minted.key.id),
        (mine, "key.revoke", minted.key.id),
        (mine, "project.erase", project.id),
        (mine, "project.close", project.id),
        ("operator", "organisation.close", home.id),
    ]
    assert (await office.book()).version == len(told)
    written = repr(office.store.entries)
    for text in (minted.text, rotated.text):
        assert text.rpartition("_")[2] not in written
    assert "digest" not in written


async def test_what_was_changed_is_told_from_what_to_what() -> None:
    office = Office()
    made = await office.registry.create_key(
        OPERATOR,
        KeyWish("app", scopes=frozenset({Scope.USAGE}), expires_at=NOW + timedelta(days=1)),
    )
    terms = replace(
        limited(requests_per_minute=5),
        bounds=bounded(frozenset({"b", "a"}), eu_native=True).bounds,
        budget=Budget(hard_micros=12_500_000, soft_micros=1),
    )
    await office.registry.change_key(
        OPERATOR, made.key.id, lambda wish: replace(wish, terms=terms, expires_at=None)
    )
    first, second = office.store.entries
    assert first.details == {
        "name": " -> app",
        "project_id": f"none -> {made.key.project_id}",
        "scopes": " -> usage",
        "expires_at": "none -> 2026-11-02T12:00:00Z",
    }
    assert second.details == {
        "models": "none -> a, b",
        "eu_native": "no -> yes",
        "limits.requests_per_minute": "none -> 5",
        "budget": "none -> 12.500000, a warning beyond 0.000001 a month",
        "expires_at": "2026-11-02T12:00:00Z -> none",
    }


async def test_keys_that_are_kept_are_named() -> None:
    office = Office()
    maker = await office.admin()
    child = await office.registry.create_key(maker, KeyWish("child"))
    await office.registry.revoke_key(OPERATOR, maker.key_id, keep_children=True)
    assert office.store.entries[-1].details == {"name": "admin", "kept": child.key.id}


async def test_who_reaches_less_reads_less() -> None:
    office = Office()
    home = await office.organisation()
    foreign = await office.organisation("foreign")
    mine, theirs = await office.project("mine", home), await office.project("theirs", foreign)
    narrow = await office.admin(mine, Reach.PROJECT)
    wide = await office.admin(mine, Reach.ORGANISATION)
    server = await office.admin(mine)
    for _ in range(registry_module._N_READ + 1):
        office.clock.wait(seconds=1)
        await office.registry.note_erasure(OPERATOR, theirs.id)
    office.clock.wait(seconds=1)
    await office.registry.note_erasure(OPERATOR, mine.id)
    everything = await office.registry.audit(server, n_most=9999)
    assert list(everything) == office.store.entries[::-1]
    seen = {mine.id, narrow.key_id, wide.key_id, server.key_id}
    for actor, subjects in ((narrow, seen), (wide, {*seen, home.id})):
        found = await office.registry.audit(actor)
        assert {entry.subject for entry in found} == subjects
        (latest,) = await office.registry.audit(actor, n_most=1)
        assert latest == everything[0]
        assert not await office.registry.audit(actor, before=NOW)
