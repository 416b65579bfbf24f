"""The lists of voices and models over the wire, open and closed."""

from __future__ import annotations

import httpx2
import pytest

from tests.fakes.fake_speaker import FakeSpeaker
from tests.wire.conftest import LiveServer
from tests.wire.envelopes import assert_envelope
from tests.wire.speech import (
    Speak,
    connection,
)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["hum", "buzz"]),
        ({"language": "en"}, ["hum", "buzz"]),
        ({"language": "EN-gb"}, ["buzz"]),
        ({"language": "fr"}, []),
        ({"language": ""}, []),
        ({"model": "fake/hummer"}, ["hum", "buzz"]),
        ({"model": "tts-1", "language": "en-US"}, ["hum"]),
        ({"model": "whisper-1"}, []),
    ],
)
@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
def test_voices_are_listed_by_model_and_language(
    http: httpx2.Client, prefix: str, query: dict[str, str], found: list[str]
) -> None:
    listed = http.get(f"{prefix}/audio/voices", params=query).json()
    assert [voice["id"] for voice in listed["voices"]] == found
    assert listed["aliases"] == {"alloy": "hum"}


def test_a_voice_says_whose_it_is_and_how_it_sounds(http: httpx2.Client) -> None:
    listed = http.get("/v1/audio/voices", params={"language": "en-GB"}).json()
    assert listed["voices"] == [
        {
            "id": "buzz",
            "name": "buzz (en-GB, fake/hummer)",
            "model": "fake/hummer",
            "language": "en-GB",
            "gender": "male",
            "sample_text": "Good morning, how can I help you today?",
        }
    ]


LISTS = [f"{prefix}/audio/{name}" for prefix in ("/v1", "/v0", "") for name in ("voices", "models")]


@pytest.mark.parametrize("path", LISTS)
def test_the_lists_under_audio_are_open(server: LiveServer, path: str) -> None:
    with connection(server, key=None) as stranger:
        assert stranger.get(path).status_code == 200


def test_the_lists_under_audio_are_closed_where_the_operator_wants_it(speak: Speak) -> None:
    server = speak(FakeSpeaker(), open_lists=False)
    with connection(server, key=None) as stranger, connection(server) as friend:
        for path in LISTS:
            assert_envelope(stranger.get(path), 401)
            assert friend.get(path).status_code == 200
