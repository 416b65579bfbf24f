"""`loquent serve` as a process: how it greets, what it refuses, what it survives, how it ends."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import openai
import psutil
import pytest
import requests

from tests.assets import SAMPLE_TEXT, SPEECH_DATA, clip, data_dir, sample
from tests.cli.process import Outcome, environment, run
from tests.live.conftest import KEY
from tests.live.server import RunningServer, serving, wait_for

ENDED_WITHIN_S = 5.0
BROKEN_WITHIN_S = 5.0
LIMIT_S = 60.0

KEY_OF_BOOK = re.compile(r"lq_[a-z2-7]{16}_[a-z2-7]{52}")


# Greeting and end


def test_the_command_of_the_greeting_works_in_a_shell(
    loquent: RunningServer, tmp_path: Path
) -> None:
    assert KEY not in "".join(loquent.log[:2])
    _check_greeting(loquent, tmp_path)


def test_ctrl_c_ends_an_idle_server_quietly(tmp_path: Path) -> None:
    with serving() as server:
        _check_greeting(server, tmp_path)
        children = server.children()
        assert children
        server.press_ctrl_c()
        code = server.process.wait(ENDED_WITHIN_S)
    assert code in {0, 130}
    assert "Traceback" not in "".join(server.log)
    assert not any(child.is_running() for child in children)


def _check_greeting(server: RunningServer, folder: Path) -> None:
    """Run the command that the server has printed."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    greeting, command = server.log[:2]
    assert greeting == f"Loquent listens on {server.url}. Try:\n"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment(LOQUENT_API_KEY=KEY),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    assert json.loads(done.stdout)["text"] == SAMPLE_TEXT


def test_ctrl_c_lets_a_running_request_end() -> None:
    with serving() as server, ThreadPoolExecutor() as callers:
        answered = callers.submit(server.post, clip("beckett"))
        wait_for(lambda: server.n_in_flight() == 1, limit_s=5)
        server.press_ctrl_c()
        code = server.process.wait(LIMIT_S)
    assert "Fail better." in answered.result().json()["text"]
    assert code in {0, 130}
    assert "Traceback" not in "".join(server.log)


def test_a_second_ctrl_c_ends_a_busy_server_with_an_answer(five_minutes: Path) -> None:
    with serving() as server, ThreadPoolExecutor() as callers:
        answered = callers.submit(server.post, five_minutes)
        wait_for(lambda: server.n_in_flight() == 1, limit_s=5)
        server.press_ctrl_c()
        time.sleep(0.5)  # a second press within a moment is the first one, bouncing
        server.press_ctrl_c()
        code = server.process.wait(2 * ENDED_WITHIN_S)
    assert code in {0, 130}
    assert "Traceback" not in "".join(server.log)
    assert answered.result().status_code >= 500
    assert answered.result().json()["error"]["message"]


# What keeps it from starting


def _served(folder: Path, *words: object, **settings: object) -> Outcome:
    return run(folder, "serve", "--port", 0, *words, LOQUENT_DATA_DIR=data_dir(), **settings)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("LOQUENT_BEAM_SIZE", "many"),
        ("LOQUENT_DEVICE", "toaster"),
        ("LOQUENT_ALIASES", "whisper-1"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, setting: str, value: str) -> None:
    outcome = _served(tmp_path, **{setting: value})
    assert (outcome.code, outcome.out) == (2, "")
    assert setting in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_others_are_not_let_in_without_a_key(tmp_path: Path) -> None:
    outcome = _served(tmp_path, "--host", "0.0.0.0", LOQUENT_LEDGER="off")
    assert outcome.code == 2
    assert "LOQUENT_API_KEY" in outcome.err


def test_keys_that_were_made_with_another_pepper_are_told_of(tmp_path: Path) -> None:
    ledger = f"sqlite+aiosqlite:///{tmp_path}/usage.db"
    peppers = ("one salt for all the keys there are", "other salt for all the keys there are")
    with serving(LOQUENT_LEDGER=ledger, LOQUENT_KEY_PEPPER=peppers[0]):
        pass
    outcome = _served(tmp_path, LOQUENT_LEDGER=ledger, LOQUENT_KEY_PEPPER=peppers[1])
    assert (outcome.code, outcome.out) == (2, "")
    assert "another pepper" in outcome.err


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = _served(tmp_path, "--port", port)
    assert outcome.code == 1
    assert str(port) in outcome.err
    assert "in use" in outcome.err
    assert "uvicorn" not in outcome.err


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate of our own for this machine, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run(
        [*command, "-subj", "/CN=localhost", "-addext", names, "-keyout", key, "-out", cert],
        capture_output=True,
        check=True,
    )
    return cert, key


def test_https_serves_those_who_trust_the_certificate(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    with serving("--tls-cert", cert, "--tls-key", key, authority=cert) as server:
        assert server.url.startswith("https://")
        assert server.post(sample()).json()["text"] == SAMPLE_TEXT
        trust = ssl.create_default_context(cafile=str(cert))
        with (
            httpx2.Client(verify=trust) as http,
            openai.OpenAI(base_url=f"{server.url}/v1", api_key="any", http_client=http) as client,
        ):
            assert client.models.retrieve("whisper-1").id == "whisper-1"
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{server.url}/healthz", timeout=LIMIT_S)


# Key


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"Authorization": f"bearer  {KEY}"},
        {"Authorization": KEY},
        {"X-API-Key": KEY},
    ],
    ids=str,
)
def test_the_key_lets_in(loquent: RunningServer, headers: dict[str, str]) -> None:
    answered = requests.get(f"{loquent.url}/v1/models", headers=headers, timeout=LIMIT_S)
    assert answered.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {KEY} {KEY}"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"X-API-Key": "wrong"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/nowhere", "/v1/audio/transcriptions"])
def test_nothing_else_lets_in(loquent: RunningServer, headers: dict[str, str], path: str) -> None:
    answered = requests.get(loquent.url + path, headers=headers, timeout=LIMIT_S)
    assert answered.status_code == 401
    assert answered.headers["www-authenticate"] == "Bearer"
    error = answered.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "invalid_api_key"
    assert KEY not in answered.text


def test_an_upload_without_the_key_is_refused(loquent: RunningServer) -> None:
    with sample().open("rb") as file:
        answered = requests.post(
            f"{loquent.url}/v1/audio/transcriptions",
            files={"file": file},
            data={"model": "whisper-1"},
            timeout=LIMIT_S,
        )
    assert answered.status_code == 401


def test_health_needs_no_key(loquent: RunningServer) -> None:
    for path in ("/healthz", "/readyz"):
        assert requests.get(loquent.url + path, timeout=LIMIT_S).status_code == 200


# The first key


def test_who_serves_others_gets_a_key_at_the_first_start_and_never_again(tmp_path: Path) -> None:
    ledger = f"sqlite+aiosqlite:///{tmp_path}/usage.db"
    with serving("--host", "0.0.0.0", LOQUENT_LEDGER=ledger) as server:
        (key,) = KEY_OF_BOOK.findall("".join(server.log))
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        for headers, status in (({}, 401), ({"Authorization": f"Bearer {key}"}, 200)):
            answered = requests.get(f"{url}/v1/models", headers=headers, timeout=LIMIT_S)
            assert answered.status_code == status
        assert '-H "Authorization: Bearer $LOQUENT_API_KEY"' in "".join(server.log)
    assert "".join(server.log).count(key) == 1
    with serving("--host", "0.0.0.0", LOQUENT_LEDGER=ledger) as server:
        pass
    assert not KEY_OF_BOOK.findall("".join(server.log))


# Files of every kind


def _files(name: str) -> list[Path]:
    """List the recordings of a set, none where there is no such set."""
    return sorted(path for path in (SPEECH_DATA / name).glob("*") if path.suffix != ".jsonl")


@pytest.mark.parametrize("path", _files("broken"), ids=lambda path: path.name)
def test_a_broken_file_is_answered_soon(loquent: RunningServer, path: Path) -> None:
    began_s = time.monotonic()
    answered = loquent.post(path)
    assert time.monotonic() - began_s < BROKEN_WITHIN_S
    if answered.status_code == 200:
        assert isinstance(answered.json()["text"], str)
        return
    assert answered.status_code == 400
    error = answered.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] in {"invalid_audio", "unsupported_format"}
    assert error["message"]
    assert str(path.parent) not in answered.text


@pytest.mark.parametrize("path", _files("codecs"), ids=lambda path: path.name)
def test_every_codec_is_heard(loquent: RunningServer, path: Path) -> None:
    answered = loquent.post(path)
    assert answered.status_code == 200, answered.text
    if path.stem == "sonnet_p001":
        assert "fairest creatures" in answered.json()["text"]


# What happens to a decoder


def test_a_decoder_that_is_killed_costs_nothing(loquent: RunningServer) -> None:
    with ThreadPoolExecutor() as callers:
        answered = callers.submit(loquent.post, clip("two-cities"), language="en")
        wait_for(lambda: loquent.n_in_flight() == 1, limit_s=5)
        _kill_decoders(loquent)
        answer = answered.result()
    assert answer.status_code == 200, answer.text
    text = answer.json()["text"].lower()
    assert "best of times" in text
    assert "comparison only" in text
    assert loquent.post(sample()).json()["text"] == SAMPLE_TEXT


def test_idle_decoders_that_are_killed_are_replaced(loquent: RunningServer) -> None:
    _kill_decoders(loquent)
    assert loquent.post(sample()).json()["text"] == SAMPLE_TEXT


def _kill_decoders(server: RunningServer) -> None:
    decoders = [child for child in server.children() if "loquent.codec.child" in _command(child)]
    assert decoders
    for decoder in decoders:
        decoder.kill()


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
