"""The official Node client over real weights; `node/client.mjs` asks, this judges the answers."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pysubs2
import pytest
import webvtt

from tests.assets import SAMPLE_TEXT, sample
from tests.live.conftest import KEY
from tests.live.node_client import FOLDER, run_node
from tests.live.server import RunningServer

DURATION_S = 5.333


@pytest.fixture(scope="module")
def answers(loquent: RunningServer) -> dict[str, Any]:
    """Return every answer under the name of its question."""
    told = run_node(
        FOLDER / "client.mjs",
        f"{loquent.url}/v1",
        sample(),
        OPENAI_API_KEY=KEY,
    )
    return dict(json.loads(told))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


@pytest.mark.parametrize("resource", ["transcriptions", "translations"])
def test_every_format_says_the_same(answers: dict[str, Any], resource: str) -> None:
    forms = answers[resource]
    assert forms["json"]["text"] == SAMPLE_TEXT
    assert forms.get("text", f"{SAMPLE_TEXT}\n") == f"{SAMPLE_TEXT}\n"
    assert forms["verbose_json"]["text"] == SAMPLE_TEXT
    assert forms["verbose_json"]["segments"][0]["tokens"]
    for form in {"srt", "vtt"} & set(forms):
        cues = pysubs2.SSAFile.from_string(forms[form], format_=form)
        captions = webvtt.from_buffer(io.BytesIO(forms[form].encode()), format=form)
        assert _words(" ".join(cue.plaintext for cue in cues)) == _words(SAMPLE_TEXT)
        assert [caption.text for caption in captions] == [cue.plaintext for cue in cues]


def test_words_carry_their_times(answers: dict[str, Any]) -> None:
    words = answers["words"]["words"]
    assert [_words(timed["word"]) for timed in words] == [[word] for word in _words(SAMPLE_TEXT)]
    borders = [border for word in words for border in (word["start"], word["end"])]
    assert borders == sorted(borders)
    assert 0 <= borders[0] < borders[-1] <= DURATION_S
    assert answers["words"]["segments"]


def test_parameters_arrive(answers: dict[str, Any]) -> None:
    answer = answers["parameters"]
    assert _words(answer["text"]) == _words(SAMPLE_TEXT)
    assert answer["usage"]["type"] == "tokens"
    scored = bytes(byte for score in answer["logprobs"] for byte in score["bytes"])
    assert scored.decode().strip() == answer["text"]


@pytest.mark.parametrize("name", ["stream", "scored"])
def test_a_stream_ends_with_all_that_it_has_told(answers: dict[str, Any], name: str) -> None:
    *deltas, done = answers[name]
    assert {event["type"] for event in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert "".join(event["delta"] for event in deltas) == done["text"] == SAMPLE_TEXT
    assert ("logprobs" in done) is (name == "scored")


def test_headers_say_who_served(answers: dict[str, Any]) -> None:
    headers = answers["headers"]
    assert headers["x-loquent-model"] == "whisper-base"
    assert headers["x-request-id"] == headers["request_id"]


def test_models_are_listed_and_shown(answers: dict[str, Any]) -> None:
    assert {"whisper-base", "whisper-1"} <= set(answers["models"])
    assert answers["model"]["id"] == "whisper-1"


@pytest.mark.parametrize(
    ("name", "kind", "status", "code", "param"),
    [
        ("hot", "BadRequestError", 400, None, "temperature"),
        ("unknown", "NotFoundError", 404, "model_not_found", "model"),
        ("text", "BadRequestError", 400, "unsupported_format", None),
        ("stranger", "AuthenticationError", 401, "invalid_api_key", None),
        ("large", "APIError", 413, "payload_too_large", "file"),
    ],
)
def test_refusals_are_read_whole(
    answers: dict[str, Any],
    name: str,
    kind: str,
    status: int,
    code: str | None,
    param: str | None,
) -> None:
    told = answers[name]
    assert (told["kind"], told["status"]) == (kind, status)
    assert (told["code"], told["param"]) == (code, param)
    assert told["requestID"].startswith("req_")
