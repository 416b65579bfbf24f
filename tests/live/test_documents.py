"""What five API documents print, run as printed; only host, key and path are ours.

Each file in `examples/` is one example; its ending says what runs it. Where a document has fields
and no example, the requests here are built from its fields.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.assets import DATA_DIR, SAMPLE_TEXT, clip, sample
from tests.cli.process import environment
from tests.live.conftest import HERE, KEY
from tests.live.node_client import run_node
from tests.live.server import RunningServer, serving

EXAMPLES = HERE / "examples"
LIMIT_S = 60.0

AIBRARY_PORT = 8000
"""Where the `aibrary` package looks for a server under development; it cannot be told another."""

HOSTS = re.compile(
    r"https://(?:\{deployment-id\}\.deployments\.api\.ektos\.ai|audio\.onerouter\.pro)"
)
KEYS = re.compile(r"YOUR_EKTOS_API_KEY_HERE|<API_KEY>|(?<=apiKey: \")\$EKTOS_API_KEY")
FOLDER = "/path/to/file/"


def _examples(ending: str) -> list[str]:
    """List the examples, AiBrary's aside: its package reaches one port only."""
    names = sorted(path.name for path in EXAMPLES.glob(f"[13]-*.{ending}"))
    assert names
    return names


def _printed(name: str, server: RunningServer, folder: Path) -> str:
    """Read an example, with our host, key and folder in it."""
    text = (EXAMPLES / name).read_text()
    text, n_hosts = HOSTS.subn(server.url, text)
    assert n_hosts == 1
    return KEYS.sub(KEY, text).replace(FOLDER, f"{folder}/")


def _check_heard(text: str, wanted: str = SAMPLE_TEXT) -> None:
    """Check that most words are there: some examples ask for a high temperature."""
    words, heard = (re.findall(r"[a-z]+", part.lower()) for part in (wanted, text))
    missing = set(words) - set(heard)
    assert len(missing) <= len(set(words)) / 2, text


@pytest.mark.parametrize("name", _examples("curl"))
def test_printed_curls_run(loquent: RunningServer, recordings: Path, name: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    told = _told(["sh", "-c", _printed(name, loquent, recordings)], recordings)
    _check_heard(json.loads(told)["text"])


@pytest.mark.parametrize("name", _examples("python"))
def test_printed_python_runs(loquent: RunningServer, recordings: Path, name: str) -> None:
    program = recordings / f"{name}.py"
    program.write_text(_printed(name, loquent, recordings))
    told = _told([sys.executable, program], recordings)
    if name.endswith("-requests.python"):
        told = ast.literal_eval(told)["text"]
    _check_heard(told)


@pytest.mark.parametrize("name", _examples("node"))
def test_printed_javascript_runs(loquent: RunningServer, recordings: Path, name: str) -> None:
    program = recordings / f"{name}.mjs"
    program.write_text(_printed(name, loquent, recordings))
    _check_heard(run_node(program))


def _told(command: list[Any], folder: Path, **variables: object) -> str:
    """Run a command in the folder of the recordings, and return what it prints."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(EKTOS_API_KEY=KEY, ONEROUTER_API_KEY=KEY, **variables),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_answer_to_gpt_4o_holds_what_onerouter_prints(loquent: RunningServer) -> None:
    answer = loquent.post(sample(), model="gpt-4o-transcribe").json()
    usage = answer["usage"]
    assert list(usage) == [
        "type",
        "input_tokens",
        "input_token_details",
        "output_tokens",
        "total_tokens",
    ]
    assert usage["type"] == "tokens"
    details = usage["input_token_details"]
    assert details["text_tokens"] + details["audio_tokens"] == usage["input_tokens"]
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"]


# The fourth document: a router in the EU

EU_FIELDS: dict[str, str] = {
    "model": "whisper-large-v3",
    "language": "en",
    "prompt": "A riddle.",
    "response_format": "json",
    "temperature": "0",
    "preference": "balanced",
    "allowed_providers": "null",
    "eu_native": "false",
    "allow_quantization": "true",
}


def _check_eu_answer(answer: dict[str, Any]) -> None:
    assert answer["object"] == "audio.transcription"
    assert isinstance(answer["id"], str)
    assert isinstance(answer["created"], int)
    assert (answer["provider"], answer["model"]) == ("local", "whisper-base")
    assert answer["language"] == "en"
    assert isinstance(answer["segments"], list)
    _check_heard(answer["text"])


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_every_field_of_the_eu_router_is_known(loquent: RunningServer, prefix: str) -> None:
    answered = loquent.post(sample(), f"{prefix}/audio/transcriptions", **EU_FIELDS)
    assert answered.status_code == 200, answered.text
    assert "x-loquent-ignored" not in answered.headers
    _check_eu_answer(answered.json())


def test_what_the_eu_router_calls_nullable_may_be_null(loquent: RunningServer) -> None:
    nullable = dict.fromkeys(EU_FIELDS, "null") | {"model": "whisper-large-v3"}
    _check_eu_answer(loquent.post(sample(), "/audio/transcriptions", **nullable).json())


def test_providers_of_the_eu_router_that_are_not_here_are_refused(loquent: RunningServer) -> None:
    for providers in ({"allowed_providers": ["ovh", "scaleway"]}, {"allowed_providers[]": "ovh"}):
        answered = loquent.post(clip("chime"), "/audio/transcriptions", **providers)
        assert answered.status_code == 400
        error = answered.json()["error"]
        assert error["param"] == "allowed_providers"
        assert "local" in error["message"]


# The fifth document: AiBrary

AIBRARY_FIELDS = {
    "model": "whisper-1",
    "language": "en",
    "prompt": "",
    "response_format": "verbose_json",
    "temperature": "0",
    "timestamp_granularities": ["word"],
}
AIBRARY_PATH = "/v0/audio/transcriptions"


def test_the_answer_under_v0_holds_what_aibrary_prints(loquent: RunningServer) -> None:
    answer = loquent.post(sample(), AIBRARY_PATH, **AIBRARY_FIELDS).json()
    assert (answer["text"], answer["task"]) == (SAMPLE_TEXT, "transcribe")
    assert (answer["language"], round(answer["duration"], 1)) == ("english", 5.3)
    assert {tuple(word) for word in answer["words"]} == {("word", "start", "end")}
    (segment,) = answer["segments"]
    assert list(segment) == [
        "id",
        "seek",
        "start",
        "end",
        "text",
        "tokens",
        "temperature",
        "avg_logprob",
        "compression_ratio",
        "no_speech_prob",
    ]


@pytest.mark.parametrize("form", ["text", "json", "srt", "vtt", None])
def test_aibrary_answers_in_every_format(loquent: RunningServer, form: str | None) -> None:
    nulls = {"language": "null", "prompt": "null", "timestamp_granularities": "null"}
    answered = loquent.post(sample(), AIBRARY_PATH, **nulls, response_format=form)
    assert answered.status_code == 200
    _check_heard(answered.text)
    if form is None:
        assert answered.json()["task"] == "transcribe"


def test_a_validation_error_of_aibrary_has_details(loquent: RunningServer) -> None:
    answered = loquent.post(clip("chime"), AIBRARY_PATH, response_format="xml")
    assert answered.status_code == 422
    (detail,) = answered.json()["detail"]
    assert detail["loc"] == ["body", "response_format"]
    assert {"msg", "type"} < set(detail)
    assert set(answered.json()["error"]) == {"message", "type", "param", "code"}


def test_the_request_that_aibrary_prints_is_told_how_to_be_one(loquent: RunningServer) -> None:
    headers = {**loquent.headers, "Content-Type": "multipart/form-data", "Accept": "*/*"}
    body = json.dumps({**AIBRARY_FIELDS, "file": "binary"}, indent=2)
    for path, status in ((AIBRARY_PATH, 422), ("/v1/audio/transcriptions", 400)):
        answered = requests.post(loquent.url + path, body, headers=headers, timeout=LIMIT_S)
        assert answered.status_code == status
        message = answered.json()["error"]["message"]
        assert "multipart/form-data" in message
        assert "boundary" in message
        assert "curl " in message


@pytest.fixture(scope="module")
def aibrary() -> Path:
    """Install the package in a folder of its own, once: it wants an openai of long ago."""
    lock = HERE / "aibrary.txt"
    folder = DATA_DIR / "aibrary"
    mark = folder / "installed.txt"
    if mark.exists() and mark.read_bytes() == lock.read_bytes():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    strictly = ["--require-hashes", "--only-binary=:all:", "--retries=1", "--timeout=10"]
    done = subprocess.run(
        [*pip, *strictly, "--target", folder, "-r", lock],
        capture_output=True,
        text=True,
        check=False,
    )
    if "No matching distribution found" in done.stderr:
        pytest.skip("the package index cannot be reached, or does not have aibrary")
    assert done.returncode == 0, done.stderr
    mark.write_bytes(lock.read_bytes())
    return folder


def test_the_aibrary_package_runs_as_printed(aibrary: Path, recordings: Path) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", AIBRARY_PORT)) == 0:
            pytest.skip(f"port {AIBRARY_PORT} is taken, and aibrary knows no other")
    name = "5-aibrary-transcriptions.python"
    snippet = (EXAMPLES / name).read_text().replace("path/to/audio", "audio.mp3")
    with serving("--port", AIBRARY_PORT) as server:
        variables = {"DEV_AIBRARY": "true", "AIBRARY_API_KEY": "any", "PYTHONPATH": aibrary}
        answer = json.loads(
            _told([sys.executable, "-c", snippet + _PRINTED], recordings, **variables)
        )
        assert (answer["text"], answer["task"]) == (SAMPLE_TEXT, "transcribe")
        assert answer["segments"]
    exchanges = [line for line in server.log if AIBRARY_PATH in line]
    assert len(exchanges) == 2
    assert all('"status": 200' in line for line in exchanges)


_PRINTED = """
answer = aibrary.audio.transcriptions.create(model="whisper-1", file=open("audio.mp3", "rb"))
print(answer.model_dump_json())
"""
"""More lines behind the snippet, which itself prints nothing."""
