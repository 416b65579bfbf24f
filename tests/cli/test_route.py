"""`loquent route explain`, worked out here and asked of a server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from loquent.api.app import ApiOptions, create_app
from tests.cli.conftest import Shell
from tests.cli.served import running
from tests.fakes.services import fake_services
from tests.unit.routing.models import BASE, names
from tests.unit.routing.places import per_hour, place, planner


@pytest.fixture(autouse=True)
def providers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GROQ", "OVH"):
        monkeypatch.setenv(f"LOQUENT_PROVIDERS__{name}__API_KEY", "secret")


@pytest.fixture
def server() -> Iterator[str]:
    """A server with one model here and one elsewhere, in a thread of its own."""
    chooser = planner(names(BASE), place("far", BASE.id, prices=per_hour(360_000)))
    app = create_app(fake_services(chooser=chooser), ApiOptions(api_key="lq-key"))
    yield from running(app)


@pytest.fixture
def stranger() -> Iterator[str]:
    async def answer(_request: Request) -> Response:
        return JSONResponse({"hello": "world"})

    yield from running(Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])]))


def test_candidates_are_listed_the_one_that_serves_first(shell: Shell) -> None:
    told = shell("route", "explain", "whisper-large-v3", "--preference", "cost")
    assert (told.code, told.err) == (0, "")
    head, first, second = told.out.splitlines()
    assert head.split()[:3] == ["endpoint", "state", "score"]
    assert first.split()[:2] == ["groq/whisper-large-v3", "serves"]
    assert second.split()[:2] == ["ovh/whisper-large-v3", "next"]


def test_who_falls_out_is_told_with_the_reason(shell: Shell) -> None:
    told = shell("route", "explain", "whisper-large-v3", "--eu-native")
    cannot = next(line for line in told.out.splitlines() if "groq" in line)
    assert cannot.split()[:2] == ["groq/whisper-large-v3", "cannot"]
    assert "it is not known to be based in the EU" in cannot


def test_if_nobody_can_serve_that_is_said(shell: Shell) -> None:
    told = shell("route", "explain", "whisper-large-v3", "--provider", "local")
    assert told.code == 0
    assert told.out.count("allowed_providers does not hold") == 2
    assert told.err == "nobody can serve this request now\n"


def test_the_same_as_json(shell: Shell) -> None:
    told = shell("route", "explain", "whisper-large-v3", "--detail", "words", "--json")
    answer = json.loads(told.out)
    assert answer["object"] == "route"
    assert answer["choice"] == answer["candidates"][0]["endpoint"]
    assert all(candidate["is_able"] for candidate in answer["candidates"])


def test_an_unknown_model_is_told_with_what_would_bring_it(shell: Shell) -> None:
    told = shell("route", "explain", "openai/whisper-1")
    assert told.code == 1
    assert "LOQUENT_PROVIDERS__OPENAI__API_KEY" in told.err


def test_wrong_tables_of_providers_are_told_by_field(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOQUENT_PROVIDERS__GROQ__REGOIN", "us")
    told = shell("route", "explain", "whisper-large-v3")
    assert told.code == 2
    assert "providers.groq.regoin" in told.err
    assert "region" in told.err
    assert "secret" not in told.err


def test_a_running_server_is_asked(
    shell: Shell, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOQUENT_API_KEY", "lq-key")
    told = shell("route", "explain", BASE.id, "--server", server)
    assert (told.code, told.err) == (0, "")
    rows = [line.split()[0] for line in told.out.splitlines() if "/whisper-base" in line]
    assert rows == ["local/whisper-base", "far/whisper-base"]


def test_what_a_server_says_no_to_is_told(shell: Shell, server: str) -> None:
    told = shell("route", "explain", BASE.id, "--server", server)
    assert told.code == 1
    assert "No API key was sent" in told.err


def test_a_server_that_is_not_there_or_another_one_is_told(shell: Shell, stranger: str) -> None:
    for url, reason in (
        ("http://127.0.0.1:9", "cannot be asked"),
        ("nonsense", "cannot be asked"),
        (stranger, "does not answer as Loquent does"),
    ):
        told = shell("route", "explain", BASE.id, "--server", url)
        assert told.code == 1
        assert reason in told.err
        assert told.err.count("\n") == 1
