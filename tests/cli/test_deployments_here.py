"""`loquent deployments` without a server that is named: on the database of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from loquent.cli import deployment_waiting
from tests.cli.conftest import Shell
from tests.cli.served import running

READY = (200, {"status": "ready"})
ASLEEP = (200, {"status": "asleep"})
LOADING = (503, {"error": {"code": "model_not_ready"}})
FAILED = (503, {"error": {"code": "deployment_failed"}})
UNKNOWN = (404, {"error": {"code": "deployment_not_found"}})

Answer = tuple[int, Any]


@dataclass
class Doors:
    """A server that tells nothing but how far deployments are.

    Attributes:
        answers: told one after the other, the last one for ever.
    """

    answers: list[Answer] = field(default_factory=lambda: [READY])
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(Request(scope).url.path)
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        await JSONResponse(body, status)(scope, receive, send)


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the settings, where no server runs."""
    monkeypatch.setenv("LOQUENT_PORT", "1")
    return "http://127.0.0.1:1"


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doors]:
    monkeypatch.setattr(deployment_waiting, "POLL_S", 0.001)
    doors = Doors()
    for url in running(doors):
        doors.url = url
        monkeypatch.setenv("LOQUENT_PORT", url.rpartition(":")[2])
        yield doors


CREATE = ("deployments", "create", "--model", "espeak", "--id", "fast")


def listed(shell: Shell, *words: str) -> list[dict[str, Any]]:
    told = shell("deployments", "ls", "--json", *words)
    assert told.code == 0, told.err
    return list(json.loads(told.out)["data"])


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_without_a_server_a_deployment_is_made_listed_scaled_and_ended(
    shell: Shell, nobody: str
) -> None:
    told = shell(*CREATE, "--device", "cpu", "--context", "exact", "--beam-size", "2")
    assert (told.code, told.out) == (0, f"{nobody}/deployments/fast/v1\n")
    later = f"no server answers at {nobody}; it will be served when `loquent serve` runs"
    assert f"fast: {later}" in told.err
    (found,) = listed(shell)
    assert (found["models"], found["status"]) == (["espeak"], None)
    assert (found["engine"]["device"], found["engine"]["context"]) == ("cpu", "exact")
    assert found["base_url"] == f"{nobody}/deployments/fast/v1"
    table = shell("deployments", "ls")
    assert cells(table.out.splitlines()[1]) == ["fast", "espeak", "all", "1", "no server"]
    assert later in table.err
    shown = dict(cells(line) for line in shell("deployments", "show", "fast").out.splitlines())
    assert (shown["state"], shown["beam size"]) == ("no server", "2")
    scaled = shell("deployments", "scale", "fast", "--min", "0", "--max", "2")
    assert scaled.code == 0
    assert "fast: 0 to 2 of each model" in scaled.err
    assert later in scaled.err
    assert "fast: ended" in shell("deployments", "rm", "fast").err
    assert listed(shell) == []
    (line,) = shell("deployments", "ls", "--all").out.splitlines()[1:]
    assert cells(line)[-1] == "ended"


def test_no_key_is_made_or_needed(shell: Shell, nobody: str) -> None:
    assert shell(*CREATE).code == 0
    assert json.loads(shell("keys", "ls", "--json").out)["data"] == []


def test_a_project_is_made_where_there_is_none(shell: Shell, nobody: str) -> None:
    assert shell(*CREATE, "--project", "site").code == 0
    (project,) = json.loads(shell("projects", "ls", "--json").out)["data"]
    (found,) = listed(shell)
    assert (project["name"], found["project_id"]) == ("site", project["id"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "--model", "whisper-9"), "the model 'whisper-9' does not exist here"),
        (("create", "--model", "espeak", "--id", "Fast"), "id: it becomes part of a host name"),
        (("create", "--model", "espeak", "--beam-size", "0"), "engine.beam_size"),
        (("show", "nothing"), "There is no such deployment"),
        (("scale", "nothing", "--max", "2"), "There is no such deployment"),
        (("rm", "nothing"), "There is no such deployment"),
    ],
)
def test_what_cannot_be_is_refused_as_the_api_does(
    shell: Shell, nobody: str, words: tuple[str, ...], said: str
) -> None:
    told = shell("deployments", *words)
    assert (told.code, told.out) == (1, "")
    assert said in told.err
    assert listed(shell, "--all") == []


def test_without_a_ledger_there_is_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_LEDGER", "off")
    told = shell("deployments", "ls")
    assert told.code == 2
    assert "kept in the ledger" in told.err


def test_what_happened_only_a_server_knows(shell: Shell, nobody: str) -> None:
    told = shell("deployments", "logs", "fast")
    assert told.code == 1
    assert f"{nobody} cannot be asked" in told.err


@pytest.mark.parametrize(
    ("answers", "state"),
    [([UNKNOWN, UNKNOWN, LOADING, LOADING, READY], "ready"), ([UNKNOWN, ASLEEP], "asleep")],
)
def test_create_waits_until_the_server_that_runs_here_serves_it(
    shell: Shell, doors: Doors, answers: list[Answer], state: str
) -> None:
    doors.answers = list(answers)
    told = shell(*CREATE)
    assert (told.code, told.out) == (0, f"{doors.url}/deployments/fast/v1\n")
    assert f"fast: {state}\n" in told.err
    assert doors.asked == ["/deployments/fast/readyz"] * len(answers)


def test_create_does_not_wait_where_nobody_wants_to(shell: Shell, doors: Doors) -> None:
    told = shell(*CREATE, "--no-wait")
    assert (told.code, doors.asked) == (0, [])
    assert "fast: made\n" in told.err


def test_what_fails_is_told_with_what_to_do(shell: Shell, doors: Doors) -> None:
    doors.answers = [LOADING, FAILED]
    told = shell(*CREATE)
    assert (told.code, told.out) == (1, "")
    assert "the log of the server says why" in told.err
    assert "loquent deployments rm fast" in told.err


@pytest.mark.parametrize("answer", [UNKNOWN, (200, []), (200, {"status": "fine"}), (503, {})])
def test_a_server_that_does_not_know_it_is_not_waited_for_long(
    shell: Shell, doors: Doors, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    monkeypatch.setattr(deployment_waiting, "NOTICE_S", 0.01)
    doors.answers = [answer]
    told = shell(*CREATE)
    assert (told.code, told.out) == (1, "")
    assert "what answers there does not know it" in told.err
    assert [each["id"] for each in listed(shell)] == ["fast"]


def test_ls_and_show_tell_what_the_server_tells(shell: Shell, doors: Doors) -> None:
    shell(*CREATE)
    for answer, state in (
        (READY, "ready"),
        (ASLEEP, "asleep"),
        (LOADING, "loading"),
        (FAILED, "failed"),
        (UNKNOWN, "not served"),
    ):
        doors.answers = [answer]
        assert cells(shell("deployments", "ls").out.splitlines()[1])[4] == state
        shown = shell("deployments", "show", "fast").out.splitlines()
        assert dict(cells(line) for line in shown)["state"] == state
