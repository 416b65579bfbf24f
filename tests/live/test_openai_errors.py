"""Errors as the official Python client raises them."""

from __future__ import annotations

import io
import math
import wave
from typing import Any

import openai
import pytest

from tests.assets import sample
from tests.live.conftest import KEY

MODEL = "whisper-1"


def _header_alone() -> bytes:
    """Write a wav file without samples."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    return target.getvalue()


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"file": ("notes.mp3", b"This is no recording. " * 99)}, None),
        ({"file": ("empty.wav", b"")}, "file"),
        ({"file": ("short.wav", _header_alone())}, None),
        ({"language": "xx"}, "language"),
        ({"language": "English"}, "language"),
        ({"temperature": 1.1}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"response_format": "xml"}, "response_format"),
        ({"timestamp_granularities": ["word"]}, "timestamp_granularities"),
        (
            {"timestamp_granularities": ["char"], "response_format": "verbose_json"},
            "timestamp_granularities",
        ),
        ({"include": ["logprobs"], "response_format": "verbose_json"}, "include"),
        ({"include": ["usage"]}, "include"),
        ({"chunking_strategy": "manual"}, "chunking_strategy"),
        ({"chunking_strategy": {"type": "semantic_vad"}}, "chunking_strategy"),
        (
            {"chunking_strategy": {"type": "server_vad", "threshold": 2}},
            "chunking_strategy[threshold]",
        ),
        ({"stream": True, "response_format": "srt"}, "stream"),
        ({"model": ""}, "model"),
        ({"prompt": "x" * 70_000}, "prompt"),
        ({"extra_body": {"num_speakers": 2}}, "num_speakers"),
        ({"extra_body": {"diarise": True, "min_speakers": 3, "max_speakers": 2}}, "min_speakers"),
        (
            {"response_format": "diarized_json", "known_speaker_names": ["Ann"]},
            "known_speaker_references",
        ),
    ],
    ids=lambda part: next(iter(part)) if isinstance(part, dict) else "",
)
def test_what_is_wrong_with_a_request_is_named(
    client: openai.OpenAI, wanted: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.audio.transcriptions.create(**{"model": MODEL, "file": sample(), **wanted})
    assert raised.value.param == param
    assert raised.value.type == "invalid_request_error"
    assert raised.value.request_id


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    for ask in (
        lambda: client.audio.transcriptions.create(model="no/such", file=sample()),
        lambda: client.models.retrieve("no/such"),
    ):
        with pytest.raises(openai.NotFoundError) as raised:
            ask()
        assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_a_wrong_key_and_none_are_authentication_errors(client: openai.OpenAI) -> None:
    for key in ("wrong", KEY + "x", "наш"):
        with pytest.raises(openai.AuthenticationError) as raised:
            client.with_options(api_key=key, default_headers=_bearer(key)).models.list()
        assert raised.value.code == "invalid_api_key"


def _bearer(key: str) -> dict[str, str]:
    """Write the header ourselves, percent-encoded where it has to be ASCII."""
    return {"Authorization": f"Bearer {key.encode('ascii', 'replace').decode()}"}


def test_a_file_above_the_limit_is_refused_with_its_status(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        client.audio.transcriptions.create(
            model=MODEL, file=("large.wav", bytes(26_214_401)), language="en"
        )
    assert raised.value.status_code == 413
    assert "26214400" in raised.value.message


def test_a_validation_error_under_v0_is_unprocessable(client: openai.OpenAI) -> None:
    base_url = str(client.base_url).replace("/v1", "/v0")
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        client.with_options(base_url=base_url).audio.transcriptions.create(
            model=MODEL, file=sample(), temperature=9
        )
    assert raised.value.response.json()["detail"][0]["loc"] == ["body", "temperature"]
