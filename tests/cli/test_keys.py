"""`loquent keys`, on the database of this machine and on a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from loquent.accounting.keys import taken_apart
from loquent.accounting.registry import KeyWish
from loquent.api.app import ApiOptions, create_app
from loquent.domain.accounts import OPERATOR, Reach
from tests.cli.conftest import Shell
from tests.cli.served import running
from tests.fakes.services import fake_services
from tests.unit.accounting.offices import ALL, Office

BOUNDED = (
    *("--scope", "inference", "--scope", "usage", "--reach", "organisation"),
    *("--model", "whisper-1", "--model", "big", "--provider", "Local", "--eu-native"),
    *("--no-quantization", "--expires", "2099-01-01", "--requests-per-minute", "60"),
    *("--audio-seconds-per-minute", "600", "--characters-per-minute", "6000"),
    *("--concurrent-requests", "4", "--concurrent-sessions", "2"),
    *("--budget", "10.00/month", "--soft-budget", "8/month"),
)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def made(shell: Shell, *words: str) -> dict[str, Any]:
    told = shell("keys", "create", *words, "--json")
    assert told.code == 0, told.err
    return dict(json.loads(told.out))


def listed(shell: Shell, *words: str) -> list[dict[str, Any]]:
    told = shell("keys", "ls", "--json", *words)
    assert told.code == 0, told.err
    return list(json.loads(told.out)["data"])


def test_create_writes_the_key_alone_to_standard_output(shell: Shell) -> None:
    told = shell("keys", "create", "--name", "app")
    assert told.code == 0, told.err
    text = taken_apart(told.out.removesuffix("\n"))
    assert text
    assert f"{text.id}: made in proj_" in told.err
    assert "From now on a server on this database asks everybody for a key." in told.err
    assert text.secret not in told.err
    second = shell("keys", "create", "--name", "other")
    assert "From now on" not in second.err


def test_a_key_is_listed_and_shown_without_its_secret(shell: Shell) -> None:
    key = made(shell, "--name", "app", *BOUNDED)
    table = shell("keys", "ls")
    head, line = table.out.splitlines()
    assert cells(head) == ["id", "name", "project", "scopes", "state", "expires", "budget"]
    assert cells(line) == [
        key["id"],
        "app",
        "default",
        "inference, usage",
        "open",
        "2099-01-01T00:00:00Z",
        "10.00 USD, warning at 8.00 USD a month",
    ]
    shown = shell("keys", "show", key["id"])
    told = dict(cells(each) for each in shown.out.splitlines())
    assert told == {
        "id": key["id"],
        "name": "app",
        "project": key["project_id"],
        "scopes": "inference, usage",
        "reach": "organisation",
        "state": "open",
        "made": key["created_at"],
        "expires": "2099-01-01T00:00:00Z",
        "models": "big, whisper-1",
        "providers": "local",
        "EU only": "yes",
        "quantization": "no",
        "requests per minute": "60",
        "audio seconds per minute": "600",
        "characters per minute": "6000",
        "concurrent requests": "4",
        "concurrent sessions": "2",
        "budget": "10.00 USD, warning at 8.00 USD a month",
        "spent": "0.00 USD",
        "remaining": "10.00 USD",
    }
    for answer in (
        table,
        shown,
        shell("keys", "ls", "--json"),
        shell("keys", "show", key["id"], "--json"),
    ):
        assert key["key"].rpartition("_")[2] not in answer.out + answer.err


def test_projects_and_organisations_are_made_where_they_are_missing(shell: Shell) -> None:
    first = made(shell, "--name", "a", "--project", "site", "--organisation", "acme")
    again = made(shell, "--name", "b", "--project", "site", "--organisation", "acme")
    by_id = made(shell, "--name", "c", "--project", first["project_id"])
    assert {key["project_id"] for key in (first, again, by_id)} == {first["project_id"]}
    other = made(shell, "--name", "d", "--project", "site", "--organisation", "else")
    assert other["project_id"] != first["project_id"]
    ambiguous = shell("keys", "create", "--name", "e", "--project", "site")
    assert ambiguous.code == 1
    assert "several projects are called 'site'" in ambiguous.err
    assert first["project_id"] in ambiguous.err
    assert {key["name"] for key in listed(shell, "--project", first["project_id"])} == set("abc")
    assert {key["name"] for key in listed(shell, "--project", "site")} == set("abcd")


def test_a_key_is_rotated_and_revoked(shell: Shell) -> None:
    key = made(shell, "--name", "app")
    rotated = shell("keys", "rotate", key["id"])
    text = taken_apart(rotated.out.strip())
    assert text
    assert (text.id, str(text) == key["key"]) == (key["id"], False)
    assert "The one before opens until 2" in rotated.err
    assert listed(shell)[0]["state"] == "rotating"
    at_once = shell("keys", "rotate", key["id"], "--overlap", "0s")
    assert "The one before has ended." in at_once.err
    ended = shell("keys", "revoke", key["id"])
    assert (ended.code, ended.out) == (0, "")
    assert f"{key['id']}: revoked" in ended.err
    assert cells(shell("keys", "ls").out.splitlines()[1])[4] == "revoked"
    told = shell("keys", "revoke", key["id"], "--json")
    assert json.loads(told.out) == {"id": key["id"], "object": "key", "deleted": True}
    refused = shell("keys", "rotate", key["id"])
    assert refused.code == 1
    assert "ended for good" in refused.err


@pytest.mark.parametrize(("span", "days"), [("90d", 90.0), ("12h", 0.5), ("2w", 14.0)])
def test_a_time_from_now_is_an_end(shell: Shell, span: str, days: float) -> None:
    key = made(shell, "--name", "app", "--expires", span)
    lasts = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert abs(lasts - timedelta(days=days)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "words",
    [
        ("keys",),
        *(("keys", name) for name in ("create", "ls", "show", "rotate", "revoke")),
        *(("projects", name) for name in ("ls", "create", "close")),
        *(("organisations", name) for name in ("ls", "create", "close")),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(shell: Shell, words: tuple[str, ...]) -> None:
    told = shell(*words, "--help")
    assert told.code == 0
    assert told.out.split("Usage: ")[1].startswith(" ".join(("loquent", *words)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--name"),
        (("--budget", "10"), "'10' is not AMOUNT/PERIOD, with one of day, week, month, total"),
        (("--budget", "10/year"), "day, week, month, total"),
        (("--budget", "10/month", "--soft-budget", "1/day"), "for the same period"),
        (("--organisation", "acme"), "--project"),
        (("--expires", "999999w"), "--expires"),
        (("--scope", "root"), "inference"),
        (("--requests-per-minute", "0"), "requests-per-minute"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(shell: Shell, words: tuple[str, ...], said: str) -> None:
    told = shell("keys", "create", *(("--name", "app") if words else ()), *words)
    assert (told.code, told.out) == (2, "")
    assert said in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--expires", "soon"), "expires_at: write a day as 2026-11-30"),
        (("--expires", "2001-01-01"), "expires_at: this lies in the past"),
        (("--budget", "ten/month"), "budget.hard: write an amount"),
        (("--soft-budget", "2/month", "--budget", "1/month"), "budget.soft: it lies above"),
    ],
    ids=str,
)
def test_what_no_key_can_be_is_refused_as_the_api_does(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    told = shell("keys", "create", "--name", "app", *words)
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"error: {said}")


@pytest.mark.parametrize("overlap", ["31d", "1", "-1s", "1y"])
def test_a_wrong_overlap_is_refused(shell: Shell, overlap: str) -> None:
    told = shell("keys", "rotate", "any", "--overlap", overlap)
    assert told.code == 2
    assert "--overlap" in told.err


def test_a_name_disturbs_no_terminal(shell: Shell) -> None:
    made(shell, "--name", "[bold]app[/]")
    assert cells(shell("keys", "ls").out.splitlines()[1])[1] == "[bold]app[/]"
    refused = shell("keys", "create", "--name", "\x1b[31mred")
    assert refused.code == 1


def test_where_there_is_no_key_it_is_told_how_to_make_one(shell: Shell) -> None:
    told = shell("keys", "ls")
    assert (told.code, told.out) == (0, "")
    assert "loquent keys create" in told.err
    assert shell("keys", "show", "nothing").code == 1


def test_without_a_ledger_there_are_no_keys(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_LEDGER", "off")
    told = shell("keys", "ls")
    assert told.code == 2
    assert "kept in the ledger" in told.err


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def server(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server, and a key in the environment that administers all of it."""
    wish = KeyWish("me", scopes=ALL, reach=Reach.SERVER)
    minted = asyncio.run(office.registry.create_key(OPERATOR, wish))
    monkeypatch.setenv("LOQUENT_API_KEY", minted.text)
    services = replace(fake_services(), keys=office.keyring, registry=office.registry)
    yield from running(create_app(services, ApiOptions()))


def own_lines(text: str) -> str:
    """Leave out the log of the server, which runs in this process."""
    return "".join(line for line in text.splitlines(keepends=True) if "] request " not in line)


def test_a_server_is_asked_for_the_same(shell: Shell, server: str) -> None:
    there = ("--server", server)
    told = shell("keys", "create", "--name", "app", *BOUNDED, *there)
    assert told.code == 0, told.err
    text = taken_apart(own_lines(told.out).strip())
    assert text
    lines = own_lines(shell("keys", "ls", *there).out).splitlines()
    (line,) = [line for line in lines if text.id in line]
    assert cells(line)[1:3] == ["app", "default"]
    shown = own_lines(shell("keys", "show", text.id, *there).out)
    assert "10.00 USD, warning at 8.00 USD a month" in shown
    rotated = own_lines(shell("keys", "rotate", text.id, "--overlap", "1h", *there).out)
    assert taken_apart(rotated.strip())
    ended = shell("keys", "revoke", text.id, "--keep-children", *there)
    assert f"{text.id}: revoked" in ended.err
    assert '"state": "revoked"' in own_lines(shell("keys", "show", text.id, "--json", *there).out)


def test_a_server_says_what_it_does_not_do(
    shell: Shell, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = shell("keys", "create", "--name", "a", "--project", "nowhere", "--server", server)
    assert missing.code == 1
    assert "loquent projects create" in missing.err
    for odd in ("no/such key", "..", "?x=1"):
        refused = shell("keys", "show", odd, "--server", server)
        assert refused.code == 1
        assert "There is " in refused.err
    small = shell("keys", "create", "--name", "small", "--server", server)
    monkeypatch.setenv("LOQUENT_API_KEY", own_lines(small.out).strip())
    refused = shell("keys", "ls", "--server", server)
    assert refused.code == 1
    assert "admin" in refused.err


def test_projects_and_organisations_are_made_listed_and_closed(shell: Shell) -> None:
    home = shell("organisations", "create", "acme").out.strip()
    project = shell(
        "projects", "create", "site", "--organisation", "acme", "--retention-days", "30"
    ).out.strip()
    assert cells(shell("organisations", "ls").out.splitlines()[1]) == [home, "acme", "open"]
    assert cells(shell("projects", "ls").out.splitlines()[1]) == [project, "site", "acme", "open"]
    (told,) = json.loads(shell("projects", "ls", "--json").out)["data"]
    assert (told["retention_days"], told["organisation_id"]) == (30, home)
    missing = shell("projects", "create", "site", "--organisation", "nobody")
    assert missing.code == 1
    assert "loquent organisations ls" in missing.err
    assert shell("projects", "close", project).err.endswith(f"{project}: closed\n")
    closed = shell("organisations", "close", home, "--json")
    assert json.loads(closed.out)["deleted"] is True
    assert cells(shell("projects", "ls").out.splitlines()[1])[-1] == "closed"
    assert json.loads(shell("organisations", "create", "new", "--json").out)["name"] == "new"
    assert json.loads(shell("organisations", "ls", "--json").out)["object"] == "list"


def test_projects_and_organisations_of_a_server_too(shell: Shell, server: str) -> None:
    there = ("--server", server)
    home = own_lines(shell("organisations", "create", "acme", *there).out).strip()
    words = ("projects", "create", "site", "--organisation", home, *there)
    project = own_lines(shell(*words).out).strip()
    assert project in shell("projects", "ls", *there).out
    key = shell("keys", "create", "--name", "k", "--project", "site", *there)
    assert key.code == 0, key.err
    assert shell("projects", "close", project, *there).code == 0
    assert shell("organisations", "close", home, *there).code == 0
    assert "closed" in own_lines(shell("organisations", "ls", *there).out)
