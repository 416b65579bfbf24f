"""Accounts over the wire: what is asked, what is answered, and what every refusal names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from loquent.accounting.registry import KeyWish
from loquent.api.app import ApiOptions, create_app
from loquent.domain.accounts import OPERATOR, Reach, Scope
from tests.fakes.services import fake_services
from tests.unit.accounting.offices import NOW
from tests.vendors.server import serving
from tests.wire.envelopes import assert_envelope
from tests.wire.offices import Counter, opened_counter

NO_LIMITS = {
    "requests_per_minute": None,
    "audio_seconds_per_minute": None,
    "characters_per_minute": None,
    "concurrent_requests": None,
    "concurrent_sessions": None,
}
ANY_TERMS: dict[str, Any] = {
    "models": None,
    "allowed_providers": None,
    "eu_native": False,
    "allow_quantization": True,
    "deployments": None,
    "limits": NO_LIMITS,
    "budget": None,
}
TERMS = {
    "models": ["whisper-1", "big"],
    "allowed_providers": ["Local", "ovh"],
    "eu_native": True,
    "allow_quantization": False,
    "deployments": ["fast", "big-1"],
    "limits": {"requests_per_minute": 60, "concurrent_sessions": 2},
    "budget": {"period": "week", "hard": "12.50", "soft": 10},
}
TOLD_TERMS = {
    "models": ["big", "whisper-1"],
    "allowed_providers": ["local", "ovh"],
    "eu_native": True,
    "allow_quantization": False,
    "deployments": ["big-1", "fast"],
    "limits": {**NO_LIMITS, "requests_per_minute": 60, "concurrent_sessions": 2},
    "budget": {
        "period": "week",
        "hard": "12.500000",
        "soft": "10.000000",
        "currency": "EUR",
        "spent": None,
        "remaining": None,
    },
}


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    async with opened_counter() as opened:
        yield opened


async def test_an_organisation_is_made_listed_changed_and_closed(counter: Counter) -> None:
    counter.office.clock.wait(seconds=1)
    made = await counter.post("/organisations", name="acme")
    assert made == {
        "id": made["id"],
        "object": "organisation",
        "name": "acme",
        "created_at": "2026-11-01T12:00:01Z",
        "closed_at": None,
        **ANY_TERMS,
    }
    listed = await counter.get("/organisations")
    assert (listed["object"], [each["name"] for each in listed["data"]]) == (
        "list",
        ["default", "acme"],
    )
    place = f"/organisations/{made['id']}"
    changed = await counter.patch(place, name="new", **TERMS)
    assert changed == {**made, "name": "new", **TOLD_TERMS}
    told = {"id": made["id"], "object": "organisation", "deleted": True}
    assert await counter.ask("DELETE", place) == told
    assert await counter.ask("DELETE", place) == told
    assert (await counter.get(place))["closed_at"] == "2026-11-01T12:00:01Z"


async def test_a_project_is_made_listed_changed_and_closed(counter: Counter) -> None:
    home = await counter.post("/organisations", name="acme")
    made = await counter.post("/projects", name="site", organisation_id=home["id"], **TERMS)
    assert made == {
        "id": made["id"],
        "object": "project",
        "organisation_id": home["id"],
        "name": "site",
        "retention_days": None,
        "created_at": "2026-11-01T12:00:00Z",
        "closed_at": None,
        **TOLD_TERMS,
    }
    assert len((await counter.get("/projects"))["data"]) == 2
    assert (await counter.get("/projects", organisation=home["id"]))["data"] == [made]
    place = f"/projects/{made['id']}"
    assert (await counter.patch(place, retention_days=30))["retention_days"] == 30
    assert (await counter.patch(place, name="page"))["retention_days"] == 30
    assert (await counter.patch(place, retention_days=None))["retention_days"] is None
    told = {"id": made["id"], "object": "project", "deleted": True}
    assert await counter.ask("DELETE", place) == told


async def test_without_an_organisation_a_project_is_where_its_maker_is(counter: Counter) -> None:
    made = await counter.post("/projects", name="site")
    (home,) = (await counter.get("/organisations"))["data"]
    assert made["organisation_id"] == home["id"]


async def test_a_key_is_told_once(counter: Counter) -> None:
    made = await counter.post("/keys", name="app", **TERMS)
    secret = made.pop("key")
    assert made == {
        "id": secret.split("_")[1],
        "object": "key",
        "project_id": made["project_id"],
        "parent_id": made["parent_id"],
        "name": "app",
        "scopes": ["inference"],
        "reach": "project",
        "state": "open",
        "created_at": "2026-11-01T12:00:00Z",
        "expires_at": None,
        "revoked_at": None,
        "rotating_until": None,
        **TOLD_TERMS,
    }
    place = f"/keys/{made['id']}"
    shown = await counter.http.get(f"/v1/admin{place}")
    listed = await counter.http.get("/v1/admin/keys")
    audited = await counter.http.get("/v1/admin/audit")
    for answer in (shown, listed, audited):
        assert secret.rpartition("_")[2] not in answer.text
        assert "digest" not in answer.text
    (mine,) = [each for each in listed.json()["data"] if each["name"] == "me"]
    assert made["parent_id"] == mine["id"]


async def test_a_key_opens_what_it_is_for_until_it_is_revoked(counter: Counter) -> None:
    made = await counter.post("/keys", name="app", scopes=["usage"])
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert (await counter.http.get("/v1/models", headers=headers)).status_code == 200
    refused = await counter.http.get("/v1/admin/keys", headers=headers)
    assert assert_envelope(refused, 403)["code"] == "permission_denied"
    told = await counter.ask("DELETE", f"/keys/{made['id']}")
    assert told == {"id": made["id"], "object": "key", "deleted": True}
    assert (await counter.http.get("/v1/models", headers=headers)).status_code == 401
    assert (await counter.get(f"/keys/{made['id']}"))["state"] == "revoked"


async def test_a_key_is_rotated(counter: Counter) -> None:
    made = await counter.post("/keys", name="app")
    rotated = await counter.post(f"/keys/{made['id']}/rotate", overlap_seconds=90)
    assert (rotated["id"], rotated["state"]) == (made["id"], "rotating")
    assert rotated["rotating_until"] == "2026-11-01T12:01:30Z"
    assert rotated["key"] != made["key"]
    at_once = await counter.post(f"/keys/{made['id']}/rotate", overlap_seconds=0)
    assert (at_once["state"], at_once["rotating_until"]) == ("open", None)
    by_default = await counter.post(f"/keys/{made['id']}/rotate")
    assert by_default["rotating_until"] == "2026-11-02T12:00:00Z"


async def test_children_are_kept_where_that_is_asked_for(counter: Counter) -> None:
    maker = await counter.post("/keys", name="maker", scopes=["inference", "usage", "admin"])
    headers = {"Authorization": f"Bearer {maker['key']}"}
    child = (
        await counter.http.post("/v1/admin/keys", json={"name": "child"}, headers=headers)
    ).json()
    await counter.ask("DELETE", f"/keys/{maker['id']}", params={"keep_children": "true"})
    kept = await counter.get(f"/keys/{child['id']}")
    assert (kept["state"], kept["parent_id"]) == ("open", maker["parent_id"])


async def test_states_of_keys_are_told(counter: Counter) -> None:
    end = (NOW + timedelta(days=1)).isoformat()
    made = await counter.post("/keys", name="short", expires_at=end)
    project = await counter.post("/projects", name="shut")
    closed = await counter.post("/keys", name="closed", project_id=project["id"])
    await counter.ask("DELETE", f"/projects/{project['id']}")
    counter.office.clock.wait(days=1)
    listed = (await counter.get("/keys"))["data"]
    states = {each["name"]: each["state"] for each in listed}
    assert states == {"me": "open", "short": "expired", "closed": "closed"}
    assert [made["state"], closed["state"]] == ["open", "open"]
    assert (await counter.get("/keys", project=project["id"]))["data"][0]["name"] == "closed"


async def test_only_what_is_named_changes_and_null_clears_it(counter: Counter) -> None:
    made = await counter.post("/keys", name="app", expires_at="2027-01-01", **TERMS)
    del made["key"]
    place = f"/keys/{made['id']}"
    assert made["expires_at"] == "2027-01-01T00:00:00Z"
    assert await counter.patch(place) == made
    changed = await counter.patch(
        place, limits={"requests_per_minute": 5}, budget={"hard": 20.25}, scopes=["usage"]
    )
    assert changed["limits"] == {**made["limits"], "requests_per_minute": 5}
    assert changed["budget"] == {**made["budget"], "hard": "20.250000"}
    assert changed["scopes"] == ["usage"]
    same = (
        *("models", "allowed_providers", "eu_native", "name", "reach", "expires_at"),
        "deployments",
    )
    assert [changed[name] for name in same] == [made[name] for name in same]
    cleared = await counter.patch(
        place,
        **dict.fromkeys(
            ("models", "allowed_providers", "eu_native", "allow_quantization", "deployments")
        ),
        expires_at=None,
        limits={"concurrent_sessions": None},
        budget={"soft": None},
    )
    lists = ("models", "allowed_providers", "deployments")
    assert [cleared[name] for name in lists] == [None, None, None]
    assert (cleared["eu_native"], cleared["allow_quantization"]) == (False, True)
    assert cleared["limits"] == {
        **made["limits"],
        "requests_per_minute": 5,
        "concurrent_sessions": None,
    }
    assert (cleared["budget"]["soft"], cleared["expires_at"]) == (None, None)
    bare = await counter.patch(place, limits=None, budget=None)
    assert (bare["limits"], bare["budget"]) == (ANY_TERMS["limits"], None)


@pytest.mark.parametrize("kind", ["organisations", "projects", "keys"])
async def test_a_single_account_tells_what_is_left(counter: Counter, kind: str) -> None:
    made = await counter.post(f"/{kind}", name="x", budget={"period": "month", "hard": 1})
    assert (made["budget"]["spent"], made["budget"]["remaining"]) == (None, None)
    counter.treasury.spent_micros[made["id"]] = 250_001
    shown = await counter.get(f"/{kind}/{made['id']}")
    assert shown["budget"] == {
        "period": "month",
        "hard": "1.000000",
        "soft": None,
        "currency": "EUR",
        "spent": "0.250001",
        "remaining": "0.749999",
    }
    (asked,) = counter.treasury.asked
    assert (asked.micros, asked.at) == (0, NOW)
    (listed,) = [one for one in (await counter.get(f"/{kind}"))["data"] if one["id"] == made["id"]]
    assert listed["budget"]["spent"] is None


async def test_what_is_overspent_has_nothing_left(counter: Counter) -> None:
    made = await counter.post("/keys", name="x", budget={"hard": "0"})
    counter.treasury.spent_micros[made["id"]] = 5
    shown = await counter.get(f"/keys/{made['id']}")
    assert (shown["budget"]["spent"], shown["budget"]["remaining"]) == ("0.000005", "0.000000")


async def test_personal_data_of_a_project_is_erased(counter: Counter) -> None:
    project = await counter.post("/projects", name="site")
    told = await counter.ask("DELETE", f"/projects/{project['id']}/personal-data")
    assert told == {"id": project["id"], "object": "personal_data", "deleted": True, "rows": 7}
    assert counter.ledger.erased == [(project["id"], NOW)]
    (latest,) = (await counter.get("/audit", limit=1))["data"]
    assert (latest["action"], latest["subject"]) == ("project.erase", project["id"])
    await counter.ask("DELETE", "/projects/proj_nowhere/personal-data", 404)
    assert len(counter.ledger.erased) == 1


AMOUNTS: list[tuple[object, str]] = [
    ("12.50", "12.500000"),
    ("0.000001", "0.000001"),
    (0.000001, "0.000001"),
    (0.1, "0.100000"),
    (1e3, "1000.000000"),
    (999_999_999.999999, "999999999.999999"),
    ("999999999.999999", "999999999.999999"),
    (0, "0.000000"),
]


async def test_money_is_exact(counter: Counter) -> None:
    for amount, told in AMOUNTS:
        made = await counter.post("/keys", name="x", budget={"hard": amount})
        assert made["budget"]["hard"] == told


BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "name"),
    ({"name": ""}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "a" * 101}, "name"),
    ({"name": None}, "name"),
    ({"name": "x", "nmae": "y"}, "nmae"),
    ({"name": "x", "project_id": 5}, "project_id"),
    ({"name": "x", "scopes": []}, "scopes"),
    ({"name": "x", "scopes": ["root"]}, "scopes.0"),
    ({"name": "x", "scopes": None}, "scopes"),
    ({"name": "x", "reach": "world"}, "reach"),
    ({"name": "x", "models": []}, "models"),
    ({"name": "x", "models": "whisper-1"}, "models"),
    ({"name": "x", "allowed_providers": [""]}, "allowed_providers.0"),
    ({"name": "x", "eu_native": "yes"}, "eu_native"),
    ({"name": "x", "deployments": []}, "deployments"),
    ({"name": "x", "deployments": "fast"}, "deployments"),
    ({"name": "x", "deployments": ["Fast"]}, "deployments.0"),
    ({"name": "x", "deployments": ["fast\n"]}, "deployments.0"),
    ({"name": "x", "deployments": ["http://fast.deployments.localhost"]}, "deployments.0"),
    ({"name": "x", "limits": {"requests_per_minute": 0}}, "limits.requests_per_minute"),
    ({"name": "x", "limits": {"requests_per_minute": 1.5}}, "limits.requests_per_minute"),
    ({"name": "x", "limits": {"requests_per_minute": "5"}}, "limits.requests_per_minute"),
    ({"name": "x", "limits": {"requests_per_minute": True}}, "limits.requests_per_minute"),
    ({"name": "x", "limits": {"requests_per_hour": 5}}, "limits.requests_per_hour"),
    ({"name": "x", "limits": 5}, "limits"),
    ({"name": "x", "budget": {}}, "budget"),
    ({"name": "x", "budget": {"hard": None}}, "budget"),
    ({"name": "x", "budget": {"hard": "1", "soft": "1.000001"}}, "budget.soft"),
    ({"name": "x", "budget": {"hard": "-1"}}, "budget.hard"),
    ({"name": "x", "budget": {"hard": "0.0000001"}}, "budget.hard"),
    ({"name": "x", "budget": {"hard": 1e-7}}, "budget.hard"),
    ({"name": "x", "budget": {"hard": 1e12}}, "budget.hard"),
    ({"name": "x", "budget": {"hard": True}}, "budget.hard"),
    ({"name": "x", "budget": {"hard": "1e3"}}, "budget.hard"),
    ({"name": "x", "budget": {"hard": "\u0661"}}, "budget.hard"),
    ({"name": "x", "budget": {"hard": "1", "period": "year"}}, "budget.period"),
    ({"name": "x", "expires_at": "tomorrow"}, "expires_at"),
    ({"name": "x", "expires_at": "2026-12-31T12:00:00"}, "expires_at"),
    ({"name": "x", "expires_at": "2026-04-31"}, "expires_at"),
    ({"name": "x", "expires_at": "0001-01-01T00:00:00+14:00"}, "expires_at"),
    ({"name": "x", "expires_at": 1_800_000_000}, "expires_at"),
    ({"name": "x", "expires_at": "2020-01-01"}, "expires_at"),
]


async def test_the_field_that_is_wrong_is_named(counter: Counter) -> None:
    for body, param in BODIES:
        refused = await counter.http.post("/v1/admin/keys", json=body)
        error = assert_envelope(refused, 400)
        assert error["param"] == param, body
        assert param in error["message"]
    assert len((await counter.get("/keys"))["data"]) == 1


async def test_not_a_number_is_no_amount(counter: Counter) -> None:
    body = '{"name": "x", "budget": {"hard": NaN}}'
    headers = {"content-type": "application/json"}
    refused = await counter.http.post("/v1/admin/keys", content=body, headers=headers)
    assert assert_envelope(refused, 400)["param"] == "budget.hard"


async def test_so_it_is_at_the_other_addresses(counter: Counter) -> None:
    bodies: list[tuple[str, dict[str, Any], str]] = [
        ("/projects", {"name": "x", "retention_days": 0}, "retention_days"),
        ("/projects", {"name": "x", "reach": "server"}, "reach"),
        ("/organisations", {"name": "x", "retention_days": 5}, "retention_days"),
        ("/keys/k/rotate", {"overlap_seconds": -1}, "overlap_seconds"),
        ("/keys/k/rotate", {"overlap_seconds": 2_592_001}, "overlap_seconds"),
    ]
    for path, body, param in bodies:
        refused = await counter.http.post(f"/v1/admin{path}", json=body)
        assert assert_envelope(refused, 400)["param"] == param


async def test_a_wrong_question_is_named(counter: Counter) -> None:
    for path, param in (
        ("/keys?projct=x", "projct"),
        ("/projects?project=x", "project"),
        ("/audit?limit=0", "limit"),
        ("/audit?limit=1001", "limit"),
        ("/audit?before=now", "before"),
    ):
        refused = await counter.http.get(f"/v1/admin{path}")
        assert assert_envelope(refused, 400)["param"] == param


async def test_a_misspelled_wish_to_keep_children_revokes_nothing(counter: Counter) -> None:
    made = await counter.post("/keys", name="x")
    refused = await counter.http.delete(f"/v1/admin/keys/{made['id']}?keep_childs=true")
    assert assert_envelope(refused, 400)["param"] == "keep_childs"
    assert (await counter.get(f"/keys/{made['id']}"))["state"] == "open"


async def test_whose_projects_or_keys_are_asked_for_has_to_be_there(counter: Counter) -> None:
    for path, param in (
        ("/projects?organisation=nobody", "organisation_id"),
        ("/keys?project=nothing", "project_id"),
    ):
        refused = await counter.http.get(f"/v1/admin{path}")
        assert assert_envelope(refused, 404)["param"] == param
    empty = await counter.post("/organisations", name="empty")
    assert (await counter.get("/projects", organisation=empty["id"]))["data"] == []


async def test_every_method_of_an_address_is_listed(counter: Counter) -> None:
    options = await counter.http.options("/v1/admin/keys")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, POST")
    refused = await counter.http.put("/v1/admin/keys/any", json={})
    assert refused.headers["allow"] == "DELETE, GET, PATCH"
    assert "DELETE, GET, PATCH only" in assert_envelope(refused, 405)["message"]


@pytest.mark.parametrize("kind", ["organisation", "project", "key"])
async def test_what_is_not_there_is_not_found(counter: Counter, kind: str) -> None:
    url = f"/v1/admin/{kind}s/nothing"
    for refused in (
        await counter.http.get(url),
        await counter.http.patch(url, json={}),
        await counter.http.delete(url),
    ):
        assert assert_envelope(refused, 404)["param"] == f"{kind}_id"


async def test_a_refusal_names_the_field(counter: Counter) -> None:
    wish = KeyWish("small", scopes=frozenset({Scope.ADMIN}), reach=Reach.PROJECT)
    minted = await counter.office.registry.create_key(OPERATOR, wish)
    headers = {"Authorization": f"Bearer {minted.text}"}
    refused = await counter.http.post("/v1/admin/keys", json={"name": "x"}, headers=headers)
    assert assert_envelope(refused, 403)["param"] == "scopes"
    body = {"name": "x", "scopes": ["admin"], "reach": "server"}
    refused = await counter.http.post("/v1/admin/keys", json=body, headers=headers)
    assert assert_envelope(refused, 403)["param"] == "reach"
    refused = await counter.http.post("/v1/admin/projects", json={"name": "x"}, headers=headers)
    assert assert_envelope(refused, 403)["param"] == "reach"
    listed = await counter.http.get("/v1/admin/organisations", headers=headers)
    assert listed.json()["data"] == []


async def test_the_audit_tells_who_did_what_page_by_page(counter: Counter) -> None:
    names = ["a", "b", "c"]
    for name in names:
        counter.office.clock.wait(microseconds=1)
        await counter.post("/organisations", name=name)
    mine = (await counter.get("/keys"))["data"][0]["id"]
    found: list[dict[str, Any]] = []
    page = await counter.get("/audit", limit=3)
    found += page["data"]
    assert page["next"] == found[-1]["at"]
    page = await counter.get("/audit", limit=3, before=page["next"])
    found += page["data"]
    assert page["next"] is None
    assert [(each["actor"], each["action"]) for each in found] == [
        *[(mine, "organisation.create")] * 3,
        ("operator", "key.create"),
    ]
    assert [each["details"].get("name") for each in found[:3]] == [
        f" -> {name}" for name in reversed(names)
    ]


@pytest.mark.parametrize("prefix", ["/v0", ""])
async def test_every_prefix_has_them(counter: Counter, prefix: str) -> None:
    assert (await counter.http.get(f"{prefix}/admin/keys/")).status_code == 200
    refused = await counter.http.post(f"{prefix}/admin/keys", json={})
    assert_envelope(refused, 422 if prefix == "/v0" else 400)


async def test_while_accounts_cannot_be_changed_nothing_is_told_of_a_key(counter: Counter) -> None:
    counter.office.store.is_down = True
    counter.office.keyring.expire()
    refused = await counter.http.post("/v1/admin/keys", json={"name": "x"})
    assert assert_envelope(refused, 503)["code"] == "ledger_unavailable"
    assert "lq_" not in refused.text


async def test_without_a_ledger_the_routes_say_so() -> None:
    app = create_app(fake_services(), ApiOptions())
    async with serving(app) as url, httpx2.AsyncClient(base_url=url) as http:
        refused = [
            await http.get("/v1/admin/keys"),
            await http.post("/v1/admin/keys", json={"name": "x"}),
        ]
    # Nobody administers anything without a key of the book, and there is no book.
    assert {each.status_code for each in refused} <= {403, 404}


async def test_bodies_are_described_in_one_piece() -> None:
    document = create_app(fake_services(), ApiOptions()).openapi()
    body = document["paths"]["/v1/admin/keys"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]
    assert schema["required"] == ["name"]
    assert "$ref" not in str(schema)
    budget = schema["properties"]["budget"]["anyOf"][0]["properties"]
    assert budget["period"]["enum"] == ["day", "week", "month", "total"]
