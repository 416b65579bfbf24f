"""`loquent deployments`, on a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from loquent.accounting.registry import KeyWish
from loquent.api.app import ApiOptions, create_app
from loquent.cli import deployment_waiting
from loquent.cli.deployment_addresses import base_url, host_url
from loquent.domain.accounts import OPERATOR, Reach
from loquent.domain.deployments import DeploymentEvent, DeploymentState, DeploymentStatus
from loquent.domain.errors import EngineError
from tests.cli.conftest import Shell
from tests.cli.process import Outcome
from tests.cli.served import running
from tests.fakes.fake_deployments import FakeDeployments
from tests.fakes.services import fake_services
from tests.unit.accounting.offices import ALL, NOW, Office

READY = DeploymentStatus(DeploymentState.READY, n_replicas={"fake/big": 2})
STARTING = DeploymentStatus(DeploymentState.STARTING, "loading fake/big")
FAILED = DeploymentStatus(DeploymentState.FAILED, "It does not fit.")
OPTIONS = (
    *("--model", "whisper-1", "--model", "fake/tiny", "--id", "fast", "--device", "cuda"),
    *("--compute-type", "float16", "--beam-size", "1", "--best-of", "2", "--threads", "3"),
    *("--max-batch", "4", "--context", "exact", "--min", "0", "--max", "3", "--max-wait", "2.5"),
    *("--max-live-sessions", "7", "--idle-unload", "60", "--requests-per-minute", "60"),
    *("--audio-seconds-per-minute", "600", "--characters-per-minute", "6000"),
    *("--concurrent-requests", "4", "--concurrent-sessions", "2", "--region", "eu [west]"),
)


@pytest.fixture
def board() -> FakeDeployments:
    board = FakeDeployments()
    board.statuses["*"] = [READY]
    return board


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def server(
    office: Office, board: FakeDeployments, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A server, and a key in the environment that administers all of it."""
    wish = KeyWish("me", scopes=ALL, reach=Reach.SERVER)
    minted = asyncio.run(office.registry.create_key(OPERATOR, wish))
    monkeypatch.setenv("LOQUENT_API_KEY", minted.text)
    monkeypatch.setattr(deployment_waiting, "POLL_S", 0.001)
    services = replace(
        fake_services(), keys=office.keyring, registry=office.registry, deployments=board
    )
    yield from running(create_app(services, ApiOptions()))


def own_lines(text: str) -> str:
    """Leave out the log of the server, which runs in this process."""
    return "".join(line for line in text.splitlines(keepends=True) if "] request " not in line)


def run(shell: Shell, server: str, *words: str) -> Outcome:
    told = shell("deployments", *words, "--server", server)
    return Outcome(told.code, own_lines(told.out), told.err)


def made(shell: Shell, server: str, *words: str) -> dict[str, Any]:
    told = run(shell, server, "create", "--model", "whisper-1", *words, "--json")
    assert told.code == 0, told.err
    return dict(json.loads(told.out))


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_create_writes_the_address_alone_to_standard_output(shell: Shell, server: str) -> None:
    told = run(shell, server, "create", "--model", "whisper-1", "--id", "fast")
    assert (told.code, told.out) == (0, f"{server}/deployments/fast/v1\n")
    port = server.rpartition(":")[2]
    assert "fast: ready\n" in told.err
    assert f"also at http://fast.deployments.localhost:{port}/v1 (curl and browsers" in told.err
    line = f"see what it serves: curl {server}/deployments/fast/v1/models -H "
    assert f'{line}"Authorization: Bearer $LOQUENT_API_KEY"\n' in told.err


def test_every_option_reaches_the_server(shell: Shell, server: str) -> None:
    told = run(shell, server, "create", *OPTIONS, "--json")
    assert told.code == 0, told.err
    found = json.loads(told.out)
    assert found["models"] == ["whisper-1", "fake/tiny"]
    assert found["engine"] == {
        "device": "cuda",
        "compute_type": "float16",
        "beam_size": 1,
        "best_of": 2,
        "n_threads": 3,
        "max_batch": 4,
        "context": "exact",
    }
    assert found["replicas"] == {"min": 0, "max": 3}
    assert found["queue"] == {"max_wait_s": 2.5, "max_live_sessions": 7}
    assert (found["idle_unload_s"], found["region"]) == (60.0, "eu [west]")
    assert found["limits"] == {
        "requests_per_minute": 60,
        "audio_seconds_per_minute": 600,
        "characters_per_minute": 6000,
        "concurrent_requests": 4,
        "concurrent_sessions": 2,
    }


def test_a_deployment_is_listed_and_shown(shell: Shell, server: str) -> None:
    run(shell, server, "create", *OPTIONS)
    head, line = run(shell, server, "ls").out.splitlines()
    assert cells(head) == ["id", "models", "project", "replicas", "state", "region"]
    assert cells(line) == ["fast", "whisper-1, fake/tiny", "all", "2 of 0-3", "ready", "eu [west]"]
    shown = run(shell, server, "show", "fast")
    told = dict(cells(each) for each in shown.out.splitlines())
    port = server.rpartition(":")[2]
    assert told == {
        "id": "fast",
        "base URL": f"{server}/deployments/fast/v1",
        "host name": f"http://fast.deployments.localhost:{port}/v1",
        "models": "whisper-1, fake/tiny",
        "project": "all",
        "state": "ready",
        "replicas": "0 to 3",
        "idle unload s": "60",
        "made": "2026-11-01T12:00:00Z",
        "copies of fake/big": "2",
        "device": "cuda",
        "compute type": "float16",
        "beam size": "1",
        "best of": "2",
        "n threads": "3",
        "max batch": "4",
        "context": "exact",
        "max wait s": "2.5",
        "max live sessions": "7",
        "requests per minute": "60",
        "audio seconds per minute": "600",
        "characters per minute": "6000",
        "concurrent requests": "4",
        "concurrent sessions": "2",
        "region": "eu [west]",
    }
    as_json = json.loads(run(shell, server, "show", "fast", "--json").out)
    assert as_json["object"] == "deployment"
    assert json.loads(run(shell, server, "ls", "--json").out)["data"] == [as_json]


def test_what_has_ended_is_listed_where_all_are_asked_for(
    shell: Shell, server: str, board: FakeDeployments
) -> None:
    for wanted in ("one", "two", "three"):
        made(shell, server, "--id", wanted)
    board.statuses["*"] = []
    ended = run(shell, server, "rm", "one", "two")
    assert ended.code == 0
    assert "one: ended" in ended.err
    assert "two: ended" in ended.err
    (line,) = run(shell, server, "ls").out.splitlines()[1:]
    assert line.split()[0] == "three"
    states = {cells(line)[0]: cells(line)[4] for line in
              run(shell, server, "ls", "--all").out.splitlines()[1:]}  # fmt: skip
    assert states == {"one": "ended", "two": "ended", "three": "starting"}
    told = json.loads(run(shell, server, "rm", "three", "--json").out)
    assert told == {"id": "three", "object": "deployment", "deleted": True}
    empty = run(shell, server, "ls")
    assert (empty.code, empty.out) == (0, "")
    assert "loquent deployments create" in empty.err


def test_copies_are_scaled(shell: Shell, server: str) -> None:
    made(shell, server, "--id", "fast")
    told = run(shell, server, "scale", "fast", "--max", "4")
    assert (told.code, told.out) == (0, "")
    assert "fast: 1 to 4 of each model" in told.err
    found = json.loads(run(shell, server, "scale", "fast", "--min", "0", "--json").out)
    assert found["replicas"] == {"min": 0, "max": 4}
    nothing = run(shell, server, "scale", "fast")
    assert nothing.code == 2
    assert "--min" in nothing.err
    beyond = run(shell, server, "scale", "fast", "--min", "5")
    assert beyond.code == 1
    assert "replicas.min" in beyond.err


def test_with_more_copies_at_least_there_are_as_many_at_most(shell: Shell, server: str) -> None:
    assert made(shell, server, "--min", "3")["replicas"] == {"min": 3, "max": 3}
    assert made(shell, server, "--min", "0")["replicas"] == {"min": 0, "max": 1}
    assert made(shell, server, "--max", "2")["replicas"] == {"min": 1, "max": 2}


def test_create_waits_until_it_is_ready(shell: Shell, server: str, board: FakeDeployments) -> None:
    board.statuses["*"] = [STARTING] * 4 + [READY]
    assert made(shell, server)["status"]["state"] == "ready"
    board.statuses["*"] = [STARTING, DeploymentStatus(DeploymentState.ASLEEP)]
    assert made(shell, server)["status"]["state"] == "asleep"


def test_create_does_not_wait_where_nobody_wants_to(
    shell: Shell, server: str, board: FakeDeployments
) -> None:
    board.statuses["*"] = [STARTING]
    told = run(shell, server, "create", "--model", "whisper-1", "--id", "fast", "--no-wait")
    assert (told.code, told.out) == (0, f"{server}/deployments/fast/v1\n")
    assert "fast: starting loading fake/big" in told.err


def test_what_fails_is_told_with_what_to_do(
    shell: Shell, server: str, board: FakeDeployments
) -> None:
    board.statuses["*"] = [STARTING, FAILED]
    told = run(shell, server, "create", "--model", "whisper-1", "--id", "fast")
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith("error: fast: It does not fit. The deployment is still there")
    assert "loquent deployments rm fast" in told.err


def test_what_somebody_ends_meanwhile_is_not_waited_for(
    shell: Shell,
    server: str,
    office: Office,
    board: FakeDeployments,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    board.statuses["*"] = [STARTING]

    def end(_seconds: float) -> None:
        asyncio.run(office.registry.close_deployment(OPERATOR, "fast"))
        board.statuses["*"] = []

    monkeypatch.setattr(deployment_waiting, "sleep", end)
    told = run(shell, server, "create", "--model", "whisper-1", "--id", "fast")
    assert told.code == 1
    assert "fast: somebody ended it" in told.err


def test_ctrl_c_leaves_it_starting_and_says_so(
    shell: Shell, server: str, board: FakeDeployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.statuses["*"] = [STARTING]

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(deployment_waiting, "sleep", interrupt)
    told = run(shell, server, "create", "--model", "whisper-1", "--id", "fast")
    assert (told.code, told.out) == (130, "")
    assert "fast: it goes on without us" in told.err
    assert "loquent deployments show fast" in told.err
    assert run(shell, server, "show", "fast").code == 0


def event(number: int, level: str = "info") -> DeploymentEvent:
    return DeploymentEvent(NOW, number, level, f"event {number}")


@pytest.mark.parametrize("more", [(), ("--follow",)])
def test_what_happened_is_told(
    shell: Shell, server: str, board: FakeDeployments, more: tuple[str, ...]
) -> None:
    made(shell, server, "--id", "fast")
    board.happened["fast"] = [event(1), event(2, "warning")]
    told = run(shell, server, "logs", "fast", *more)
    assert told.code == 0, told.err
    assert told.out.splitlines() == [
        "2026-11-01T12:00:00Z info    event 1",
        "2026-11-01T12:00:00Z warning event 2",
    ]
    assert ("there will be no more" in told.err) == bool(more)
    (line,) = run(shell, server, "logs", "fast", "--after", "1", "--json", *more).out.splitlines()
    assert json.loads(line)["message"] == "event 2"


def test_where_nothing_happened_it_is_told(shell: Shell, server: str) -> None:
    made(shell, server, "--id", "fast")
    told = run(shell, server, "logs", "fast")
    assert (told.code, told.out) == (0, "")
    assert "remembers nothing" in told.err


def test_a_failure_in_the_middle_of_events_is_told(
    shell: Shell, server: str, board: FakeDeployments
) -> None:
    made(shell, server, "--id", "fast")
    board.happened["fast"] = [event(1)]
    board.failure = EngineError("The board fell down.")
    told = run(shell, server, "logs", "fast", "--follow")
    assert told.code == 1
    assert "event 1" in told.out
    assert told.err.endswith("The board fell down.\n")


def test_a_project_is_found_by_its_name(shell: Shell, server: str) -> None:
    project = own_lines(shell("projects", "create", "site", "--server", server).out).strip()
    assert made(shell, server, "--project", "site")["project_id"] == project
    assert made(shell, server, "--project", project)["project_id"] == project
    missing = run(shell, server, "create", "--model", "whisper-1", "--project", "nowhere")
    assert missing.code == 1
    assert "loquent projects create" in missing.err


@pytest.mark.parametrize(
    "words",
    [
        ("show", "nothing"),
        ("show", "a/b"),
        ("show", ".."),
        ("rm", "nothing"),
        ("scale", "nothing", "--max", "2"),
        ("logs", "nothing"),
        ("logs", "nothing", "--follow"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_told(shell: Shell, server: str, words: tuple[str, ...]) -> None:
    told = run(shell, server, *words)
    assert (told.code, told.out) == (1, "")
    assert told.err.startswith(f"error: {server}: There is ")


def test_what_the_server_refuses_is_told(shell: Shell, server: str) -> None:
    for words, said in (
        (("--model", "whisper-9"), "whisper-9"),
        (("--model", "whisper-1", "--id", "Fast"), "id: it becomes part of a host name"),
        (("--model", "whisper-1", "--beam-size", "0"), "engine.beam_size"),
        (("--model", "whisper-1", "--min", "3", "--max", "2"), "replicas.min"),
    ):
        told = run(shell, server, "create", *words)
        assert (told.code, told.out) == (1, "")
        assert said in told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--model"),
        (("--model", "m", "--device", "tpu"), "--device"),
        (("--model", "m", "--compute-type", "int4"), "int8_float16"),
        (("--model", "m", "--max", "65"), "--max"),
    ],
)
def test_wrong_options_are_refused_at_once(shell: Shell, words: tuple[str, ...], said: str) -> None:
    told = shell("deployments", "create", *words)
    assert told.code == 2
    assert said in told.err


def test_who_may_not_is_told(shell: Shell, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_API_KEY", "rubbish")
    assert run(shell, server, "ls").code == 1
    assert run(shell, server, "logs", "fast", "--follow").code == 1


def test_what_happened_is_asked_of_the_server_of_the_settings_where_none_is_named(
    shell: Shell, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(shell, server, "--id", "fast")
    monkeypatch.setenv("LOQUENT_PORT", server.rpartition(":")[2])
    for more in ((), ("--follow",)):
        assert shell("deployments", "logs", "fast", *more).code == 0


def test_who_may_not_know_what_happened_is_told_where_it_stands(
    shell: Shell, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = own_lines(shell("keys", "create", "--name", "small", "--server", server).out).strip()
    monkeypatch.setenv("LOQUENT_API_KEY", small)
    for more in ((), ("--follow",)):
        told = run(shell, server, "logs", "fast", *more)
        assert (told.code, told.out) == (1, "")
        assert "the scope 'admin'" in told.err
        assert "read the log that `loquent serve` writes" in told.err


def test_where_no_server_runs_it_is_told(shell: Shell) -> None:
    for words in (("ls",), ("logs", "fast", "--follow")):
        told = run(shell, "http://127.0.0.1:1", *words)
        assert told.code == 1
        assert "http://127.0.0.1:1 cannot be asked" in told.err


def test_a_key_is_made_for_a_deployment_alone(shell: Shell, server: str) -> None:
    words = ("keys", "create", "--name", "k", "--deployment", "fast", "--deployment", "big-1")
    key = json.loads(own_lines(shell(*words, "--json", "--server", server).out))
    assert key["deployments"] == ["big-1", "fast"]
    shown = own_lines(shell("keys", "show", key["id"], "--server", server).out)
    assert dict(cells(each) for each in shown.splitlines())["deployments"] == "big-1, fast"


def test_addresses_go_by_how_the_server_was_reached() -> None:
    assert base_url("a", "https://x.example/speech/") == (
        "https://x.example/speech/deployments/a/v1"
    )
    assert host_url("a.deployments.x.example", "https://x.example") == (
        "https://a.deployments.x.example/v1"
    )
    assert host_url("a.deployments.localhost", "http://[::1]:8000") == (
        "http://a.deployments.localhost:8000/v1"
    )
