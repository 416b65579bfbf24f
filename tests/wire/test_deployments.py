"""Deployments over the wire: what is asked, what is answered, and what every refusal names."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, get_args

import httpx2
import pytest

from loquent.accounting.registry import KeyWish
from loquent.api.admin.deployment_bodies import ComputeType, EngineFields, QueueFields
from loquent.api.app import ApiOptions, create_app
from loquent.domain.accounts import OPERATOR, Key, Reach, Scope
from loquent.domain.activity import ModelActivity
from loquent.domain.deployments import DeploymentEvent, DeploymentState, DeploymentStatus
from loquent.domain.endpoints import Endpoint
from loquent.domain.errors import EngineError
from loquent.domain.status import ModelStatus
from loquent.settings import Settings
from loquent.settings.schema import ComputeType as SetComputeType
from tests.fakes.fake_directory import BIG, TINY, FakeDirectory
from tests.fakes.services import fake_services
from tests.unit.accounting.offices import NOW
from tests.vendors.server import serving
from tests.wire.envelopes import assert_envelope
from tests.wire.offices import Counter, opened_counter

PATH = "/v1/deployments"
NO_LIMITS = {
    "requests_per_minute": None,
    "audio_seconds_per_minute": None,
    "characters_per_minute": None,
    "concurrent_requests": None,
    "concurrent_sessions": None,
}
PLAIN: dict[str, Any] = {
    "object": "deployment",
    "models": ["whisper-1"],
    "project_id": None,
    "engine": dict.fromkeys(
        ("device", "compute_type", "beam_size", "best_of", "n_threads", "max_batch", "context")
    ),
    "replicas": {"min": 1, "max": 1},
    "queue": {"max_wait_s": None, "max_live_sessions": None},
    "idle_unload_s": 300.0,
    "limits": NO_LIMITS,
    "region": "",
    "status": {
        "state": "starting",
        "message": "This server is about to start it.",
        "replicas": {},
        "models": [],
    },
    "created_at": "2026-11-01T12:00:00Z",
    "closed_at": None,
}
FULL: dict[str, Any] = {
    "engine": {
        "device": "cuda",
        "compute_type": "float16",
        "beam_size": 1,
        "best_of": 2,
        "n_threads": 3,
        "max_batch": 16,
        "context": "exact",
    },
    "replicas": {"min": 0, "max": 4},
    "queue": {"max_wait_s": 2.5, "max_live_sessions": 9},
    "idle_unload_s": 60,
    "limits": {"requests_per_minute": 60},
    "region": "eu-west",
}
TOLD = {**FULL, "limits": {**NO_LIMITS, "requests_per_minute": 60}}


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    async with opened_counter() as opened:
        yield opened


async def ask(
    counter: Counter, method: str, path: str = "", status: int = 200, **options: Any
) -> dict[str, Any]:
    response = await counter.http.request(method, PATH + path, **options)
    assert response.status_code == status, response.text
    return dict(response.json())


async def create(counter: Counter, **fields: Any) -> dict[str, Any]:
    return await ask(counter, "POST", json={"models": ["whisper-1"], **fields})


async def refused(counter: Counter, status: int, body: object, path: str = "") -> dict[str, Any]:
    method = "PATCH" if path else "POST"
    response = await counter.http.request(method, PATH + path, json=body)
    return assert_envelope(response, status)


async def test_a_deployment_needs_a_model_and_nothing_else(counter: Counter) -> None:
    made = await create(counter)
    assert made == {
        **PLAIN,
        "id": made["id"],
        "base_url": f"/deployments/{made['id']}/v1",
        "host": f"{made['id']}.deployments.localhost",
    }
    assert made["id"].startswith("dep-")


async def test_a_deployment_is_made_listed_changed_and_ended(counter: Counter) -> None:
    made = await create(counter, id="fast", **FULL)
    assert made == {**PLAIN, **TOLD, "id": "fast", "base_url": "/deployments/fast/v1",
                    "host": "fast.deployments.localhost"}  # fmt: skip
    assert await ask(counter, "GET", "/fast") == made
    counter.office.clock.wait(seconds=1)
    await create(counter, id="a-later-one")
    listed = await ask(counter, "GET")
    assert [each["id"] for each in listed["data"]] == ["fast", "a-later-one"]
    changed = await ask(counter, "PATCH", "/fast", json={"models": ["fake/tiny", "whisper-1"]})
    assert changed == {**made, "models": ["fake/tiny", "whisper-1"]}
    told = {"id": "fast", "object": "deployment", "deleted": True}
    assert await ask(counter, "DELETE", "/fast") == told
    assert await ask(counter, "DELETE", "/fast") == told
    ended = await ask(counter, "GET", "/fast")
    assert (ended["closed_at"], ended["status"]) == ("2026-11-01T12:00:01Z", None)
    error = await refused(counter, 400, {"region": "x"}, "/fast")
    assert error["param"] == "deployment_id"
    entries = (await counter.get("/audit"))["data"]
    assert {each["action"] for each in entries if each["subject"] == "fast"} == {
        "deployment.create",
        "deployment.change",
        "deployment.close",
    }


async def test_only_what_is_named_changes_and_null_clears_it(counter: Counter) -> None:
    made = await create(counter, id="fast", **FULL)

    async def patch(**fields: Any) -> dict[str, Any]:
        return await ask(counter, "PATCH", "/fast", json=fields)

    assert await patch() == made
    named = await patch(
        engine={"beam_size": 5, "context": None},
        replicas={"max": 2},
        queue={"max_wait_s": None},
        limits={"concurrent_sessions": 3},
    )
    assert named == {
        **made,
        "engine": {**made["engine"], "beam_size": 5, "context": None},
        "replicas": {"min": 0, "max": 2},
        "queue": {"max_wait_s": None, "max_live_sessions": 9},
        "limits": {**made["limits"], "concurrent_sessions": 3},
    }
    assert (await patch(replicas={"min": None}))["replicas"] == {"min": 1, "max": 2}
    assert (await patch(engine={"context": "adaptive"}))["engine"]["context"] == "adaptive"
    bare = await patch(**dict.fromkeys(FULL))
    assert bare == {**made, **{name: PLAIN[name] for name in FULL}}


BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "models"),
    ({"models": []}, "models"),
    ({"models": None}, "models"),
    ({"models": "whisper-1"}, "models"),
    ({"models": [""]}, "models.0"),
    ({"models": [5]}, "models.0"),
    ({"models": ["whisper-1"] * 17}, "models"),
    ({"models": ["whisper-1", "whisper-1"]}, "models"),
    ({"models": ["whisper-1", "fake/big"]}, "models"),
    ({"model": "whisper-1"}, "model"),
    ({"id": ""}, "id"),
    ({"id": "Fast"}, "id"),
    ({"id": "a.b"}, "id"),
    ({"id": "a\n"}, "id"),
    ({"id": "a" * 64}, "id"),
    ({"id": 5}, "id"),
    ({"project_id": 5}, "project_id"),
    ({"engine": []}, "engine"),
    ({"engine": {"device": "tpu"}}, "engine.device"),
    ({"engine": {"compute_type": "int4"}}, "engine.compute_type"),
    ({"engine": {"beam_size": 0}}, "engine.beam_size"),
    ({"engine": {"beam_size": 21}}, "engine.beam_size"),
    ({"engine": {"beam_size": True}}, "engine.beam_size"),
    ({"engine": {"best_of": 21}}, "engine.best_of"),
    ({"engine": {"n_threads": -1}}, "engine.n_threads"),
    ({"engine": {"max_batch": 65}}, "engine.max_batch"),
    ({"engine": {"context": "30s"}}, "engine.context"),
    ({"engine": {"exact": True}}, "engine.exact"),
    ({"replicas": {"min": -1}}, "replicas.min"),
    ({"replicas": {"min": 2}}, "replicas.min"),
    ({"replicas": {"min": 1.5}}, "replicas.min"),
    ({"replicas": {"max": 0}}, "replicas.max"),
    ({"replicas": {"max": 65}}, "replicas.max"),
    ({"replicas": 3}, "replicas"),
    ({"queue": {"max_wait_s": -1}}, "queue.max_wait_s"),
    ({"queue": {"max_wait_s": "1"}}, "queue.max_wait_s"),
    ({"queue": {"max_live_sessions": 0.5}}, "queue.max_live_sessions"),
    ({"idle_unload_s": -0.1}, "idle_unload_s"),
    ({"idle_unload_s": "5m"}, "idle_unload_s"),
    ({"limits": {"requests_per_minute": 0}}, "limits.requests_per_minute"),
    ({"limits": {"requests_per_hour": 1}}, "limits.requests_per_hour"),
    ({"region": 5}, "region"),
    ({"region": "a\nb"}, "region"),
    ({"region": "a" * 101}, "region"),
]


async def test_the_field_that_is_wrong_is_named(counter: Counter) -> None:
    for fields, param in BODIES:
        body = fields if param.startswith("models") else {"models": ["whisper-1"], **fields}
        error = await refused(counter, 400, body)
        assert error["param"] == param, body
        assert param.removesuffix(".0") in error["message"], body
    assert (await ask(counter, "GET"))["data"] == []


async def test_so_it_is_where_one_is_changed(counter: Counter) -> None:
    await create(counter, id="fast")
    for body, param in (
        ({"id": "slow"}, "id"),
        ({"project_id": None}, "project_id"),
        ({"models": []}, "models"),
        ({"models": None}, "models"),
        ({"replicas": {"min": 2}}, "replicas.min"),
        ({"engine": {"beam_size": 0}}, "engine.beam_size"),
    ):
        assert (await refused(counter, 400, body, "/fast"))["param"] == param


async def test_no_number_is_beyond_numbers(counter: Counter) -> None:
    for text, param in (("NaN", "idle_unload_s"), ("Infinity", "idle_unload_s")):
        content = f'{{"models": ["whisper-1"], "idle_unload_s": {text}}}'
        headers = {"content-type": "application/json"}
        response = await counter.http.post(PATH, content=content, headers=headers)
        assert assert_envelope(response, 400)["param"] == param


def test_bounds_are_those_of_the_settings() -> None:
    assert get_args(ComputeType) == get_args(SetComputeType)
    ours = EngineFields.model_json_schema()["properties"]
    theirs = Settings.model_json_schema()["properties"]
    for name in ("beam_size", "best_of", "max_batch", "n_threads"):
        (bounds,) = [each for each in ours[name]["anyOf"] if each["type"] == "integer"]
        for end in ("minimum", "maximum"):
            assert bounds.get(end) == theirs[name].get(end, bounds.get(end)), name
    (device,) = [each for each in ours["device"]["anyOf"] if "enum" in each]
    assert device["enum"] == theirs["device"]["enum"]
    queue = QueueFields.model_json_schema()["properties"]
    assert queue["max_wait_s"]["anyOf"][0]["minimum"] == theirs["max_queue_s"]["minimum"]


async def test_a_model_has_to_be_installed_here(counter: Counter) -> None:
    error = await refused(counter, 404, {"models": ["whisper-1", "whisper-2"]})
    assert (error["code"], error["param"]) == ("model_not_found", "models")
    assert "whisper-2" in error["message"]
    await create(counter, id="fast")
    assert (await refused(counter, 404, {"models": ["nothing"]}, "/fast"))["param"] == "models"


async def test_a_model_of_a_provider_is_not_run_here() -> None:
    def placed(status: ModelStatus, *providers: str) -> ModelStatus:
        card = status.card
        places = [Endpoint(name, card.id, card.id, card.capabilities) for name in providers]
        names = tuple(place.id for place in places)
        return replace(status, aliases=names, endpoints=tuple(places))

    directory = FakeDirectory([placed(BIG, "far"), placed(TINY, "local", "far")])
    async with opened_counter(directory=directory) as counter:
        for elsewhere in ("fake/big", "far/fake/tiny"):
            error = await refused(counter, 404, {"models": [elsewhere]})
            assert "loquent models pull" in error["message"]
            assert error["param"] == "models"
        for here in ("fake/tiny", "local/fake/tiny"):
            assert (await create(counter, models=[here]))["models"] == ["fake/tiny"]


async def test_an_id_is_taken_once(counter: Counter) -> None:
    await create(counter, id="fast")
    response = await counter.http.post(PATH, json={"models": ["whisper-1"], "id": "fast"})
    error = assert_envelope(response, 409)
    assert (error["code"], error["param"]) == ("already_exists", "id")
    assert response.headers["x-should-retry"] == "false"


async def test_where_a_deployment_answers_is_no_word_of_the_caller() -> None:
    async with opened_counter(public_url="https://speech.example.org/") as counter:
        made = await create(counter, id="fast")
        assert made["base_url"] == "https://speech.example.org/deployments/fast/v1"
        headers = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "gopher"}
        shown = await ask(counter, "GET", "/fast", headers=headers)
        assert shown["base_url"] == made["base_url"]
        assert shown["host"] == "fast.deployments.localhost"


async def test_the_board_is_asked_what_a_deployment_does(counter: Counter) -> None:
    activity = ModelActivity("fake/big", is_loaded=True, n_waiting={"short": 2})
    counter.deployments.statuses["fast"] = [
        DeploymentStatus(DeploymentState.READY, "All is well.", {"fake/big": 2}, (activity,))
    ]
    status = (await create(counter, id="fast"))["status"]
    (model,) = status.pop("models")
    assert status == {"state": "ready", "message": "All is well.", "replicas": {"fake/big": 2}}
    assert (model["model"], model["is_loaded"], model["n_waiting"]) == (
        "fake/big",
        True,
        {"short": 2},
    )
    counter.deployments.statuses["fast"] = [DeploymentStatus(DeploymentState.CLOSING)]
    await ask(counter, "DELETE", "/fast")
    assert (await ask(counter, "GET", "/fast"))["status"]["state"] == "closing"


def event(number: int, level: str = "info") -> DeploymentEvent:
    return DeploymentEvent(NOW + timedelta(seconds=number), number, level, f"event {number}")


def told_event(number: int, level: str = "info") -> dict[str, Any]:
    return {
        "object": "deployment.event",
        "number": number,
        "at": f"2026-11-01T12:00:0{number}Z",
        "level": level,
        "message": f"event {number}",
    }


async def test_what_happened_is_listed(counter: Counter) -> None:
    await create(counter, id="fast")
    await create(counter, id="quiet")
    counter.deployments.happened["fast"] = [event(1), event(2, "error"), event(3)]
    listed = await ask(counter, "GET", "/fast/events")
    assert listed == {
        "object": "list",
        "data": [told_event(1), told_event(2, "error"), told_event(3)],
    }
    later = await ask(counter, "GET", "/fast/events?after=2")
    assert later["data"] == [told_event(3)]
    assert (await ask(counter, "GET", "/quiet/events"))["data"] == []
    assert counter.deployments.n_open == 0


def events_of(response: httpx2.Response) -> list[Any]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


async def test_what_happens_is_followed_to_the_end(counter: Counter) -> None:
    await create(counter, id="fast")
    counter.deployments.happened["fast"] = [event(1), event(2)]
    found = await counter.http.get(f"{PATH}/fast/events?follow=true&after=1")
    assert events_of(found) == [told_event(2), "[DONE]"]
    counter.deployments.failure = EngineError("The board fell down.")
    found = await counter.http.get(f"{PATH}/fast/events?follow=true")
    assert events_of(found)[-1]["error"]["message"] == "The board fell down."
    assert counter.deployments.n_open == 0


async def test_a_wrong_question_is_named(counter: Counter) -> None:
    await create(counter, id="fast")
    for path, param in (
        ("?projct=x", "projct"),
        ("/fast/events?after=-1", "after"),
        ("/fast/events?after=x", "after"),
        ("/fast/events?folow=true", "folow"),
    ):
        response = await counter.http.get(PATH + path)
        assert assert_envelope(response, 400)["param"] == param


async def test_what_is_not_there_is_not_found(counter: Counter) -> None:
    for method, path in (
        ("GET", "/nothing"),
        ("PATCH", "/nothing"),
        ("DELETE", "/nothing"),
        ("GET", "/nothing/events"),
        ("GET", "/nothing/events?follow=true"),
    ):
        content = "{}" if method == "PATCH" else ""
        headers = {"content-type": "application/json"}
        response = await counter.http.request(method, PATH + path, content=content, headers=headers)
        error = assert_envelope(response, 404)
        assert (error["code"], error["param"]) == ("deployment_not_found", "deployment_id")
    response = await counter.http.get(f"{PATH}?project=proj_nowhere")
    assert assert_envelope(response, 404)["param"] == "project_id"


async def held_by(counter: Counter, **wishes: Any) -> tuple[Key, dict[str, str]]:
    """Have a key made in a project of its own; return it, and the header that presents it."""
    project = await counter.post("/projects", name="site")
    wish = KeyWish("k", project["id"], **wishes)
    minted = await counter.office.registry.create_key(OPERATOR, wish)
    return minted.key, {"Authorization": f"Bearer {minted.text}"}


async def test_a_project_sees_its_own_alone(counter: Counter) -> None:
    scopes = frozenset({Scope.ADMIN})
    key, header = await held_by(counter, scopes=scopes)
    other, _ = await held_by(counter, scopes=scopes)
    own = await ask(counter, "POST", json={"models": ["whisper-1"]}, headers=header)
    assert own["project_id"] == key.project_id
    foreign = await create(counter, project_id=other.project_id)
    common = await create(counter)
    seen = await ask(counter, "GET", headers=header)
    assert [each["id"] for each in seen["data"]] == [own["id"]]
    for hidden in (foreign, common):
        for path in (f"/{hidden['id']}", f"/{hidden['id']}/events"):
            await ask(counter, "GET", path, 404, headers=header)
        await ask(counter, "DELETE", f"/{hidden['id']}", 404, headers=header)
    body = {"models": ["whisper-1"], "project_id": other.project_id}
    response = await counter.http.post(PATH, json=body, headers=header)
    assert assert_envelope(response, 404)["param"] == "project_id"
    mine = await ask(counter, "GET", f"?project={other.project_id}")
    assert [each["id"] for each in mine["data"]] == [foreign["id"]]


async def test_the_scope_admin_is_needed(counter: Counter) -> None:
    scopes = frozenset({Scope.INFERENCE, Scope.USAGE})
    _, header = await held_by(counter, scopes=scopes, reach=Reach.SERVER)
    for method, path in (("GET", ""), ("POST", ""), ("GET", "/fast/events")):
        response = await counter.http.request(method, PATH + path, headers=header, json={})
        assert "scope 'admin'" in assert_envelope(response, 403)["message"]


async def test_a_key_that_is_bound_says_so_and_makes_no_freer_one(counter: Counter) -> None:
    await create(counter, id="fast")
    wishes: dict[str, Any] = {"scopes": ["inference", "admin"], "deployments": ["fast"]}
    made = await counter.post("/keys", name="bound", **wishes)
    assert made["deployments"] == ["fast"]
    headers = {"Authorization": f"Bearer {made['key']}"}
    for deployments in (["slow"], ["fast", "slow"]):
        body = {"name": "freer", "deployments": deployments}
        response = await counter.http.post("/v1/admin/keys", json=body, headers=headers)
        assert assert_envelope(response, 403)["param"] == "deployments"
    child = await counter.http.post("/v1/admin/keys", json={"name": "x"}, headers=headers)
    header = {"Authorization": f"Bearer {child.json()['key']}"}
    response = await counter.http.get("/v1/models", headers=header)
    assert "opens the deployment fast and nothing else" in assert_envelope(response, 403)["message"]


async def test_two_prefixes_have_them_and_the_bare_path_does_not(counter: Counter) -> None:
    assert (await counter.http.get("/v0/deployments/")).status_code == 200
    response = await counter.http.post("/v0/deployments", json={})
    assert_envelope(response, 422)
    assert (await counter.http.get("/deployments")).status_code == 404


async def test_without_a_ledger_the_routes_say_so() -> None:
    app = create_app(fake_services(), ApiOptions())
    async with serving(app) as url, httpx2.AsyncClient(base_url=url) as http:
        response = await http.get(PATH)
    # Nobody administers anything without a key of the book, and there is no book.
    assert response.status_code in {403, 404}


def test_bodies_and_events_are_described() -> None:
    paths = create_app(fake_services(), ApiOptions()).openapi()["paths"]
    schema = paths[PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["models"]
    assert "$ref" not in str(schema)
    answer = paths[f"{PATH}/{{deployment_id}}/events"]["get"]["responses"]["200"]["content"]
    assert "message" in answer["text/event-stream"]["schema"]["properties"]
    assert "DeploymentEventList" in str(answer["application/json"])
    assert "/deployments" not in paths
