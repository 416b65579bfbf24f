"""What a cluster answers is what children of the gateway answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import requests

from tests.assets import clip, sample
from tests.live.server import RunningServer, serving, wait_for
from tests.ray.clusters import RunningCluster

SENTENCE = "A cluster has spoken this."
SETTINGS: dict[str, Any] = {
    "LOQUENT_N_THREADS": 1,
    "LOQUENT_LEDGER": "off",
    "LOQUENT_MAX_LOADED": 3,
}


@pytest.fixture(scope="module")
def here() -> Iterator[RunningServer]:
    with serving(**SETTINGS) as server:
        yield server


@pytest.fixture(scope="module")
def there(cluster: RunningCluster) -> Iterator[RunningServer]:
    with serving(**SETTINGS, **cluster.settings, LOQUENT_RAY_FALLBACK="none") as server:
        yield server


@pytest.mark.parametrize("name", ["sample", "two-cities"])
def test_recordings_are_understood_alike(
    name: str, here: RunningServer, there: RunningServer
) -> None:
    recording = sample() if name == "sample" else clip(name)
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
    expected, answer = (server.post(recording, **fields) for server in (here, there))
    assert answer.status_code == expected.status_code == 200
    assert answer.json()["text"]
    assert _told(answer) == _told(expected)


def test_voices_are_told_apart_alike(here: RunningServer, there: RunningServer) -> None:
    fields = {"response_format": "diarized_json"}
    expected, answer = (server.post(sample(), **fields) for server in (here, there))
    assert answer.status_code == 200
    assert answer.json()["segments"] == expected.json()["segments"]


def test_a_text_is_spoken_alike(here: RunningServer, there: RunningServer) -> None:
    expected, answer = (_speech(server) for server in (here, there))
    assert answer.status_code == 200
    assert answer.content == expected.content


def test_no_model_is_loaded_by_the_gateway(there: RunningServer) -> None:
    commands = [" ".join(child.cmdline()) for child in there.children()]
    assert any("loquent.engines.ray.bridge" in command for command in commands)
    assert not any("loquent.engines.host.child" in command for command in commands)


def test_callers_who_leave_take_their_work_out_of_the_queue(there: RunningServer) -> None:
    before = _n_recognised(there)
    asyncio.run(_leave_early(there, n_callers=24))
    wait_for(lambda: there.n_in_flight() == 0, 20.0)
    wait_for(lambda: _n_waiting(there) == 0, 20.0)
    assert _n_recognised(there) - before < 16


async def _leave_early(server: RunningServer, n_callers: int) -> None:
    """Send a recording many times, and hang up on all but the first answer."""
    recording = sample().read_bytes()
    async with httpx2.AsyncClient(base_url=server.url, timeout=60.0) as client:
        calls = [
            asyncio.create_task(
                client.post(
                    "/v1/audio/transcriptions",
                    files={"file": ("sample.wav", recording)},
                    data={"model": "whisper-1"},
                )
            )
            for _ in range(n_callers)
        ]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)


def _n_recognised(server: RunningServer) -> int:
    return _sum(server, "loquent_utterances_total")


def _n_waiting(server: RunningServer) -> int:
    return _sum(server, "loquent_queue_length") + _sum(server, "loquent_batches_running")


def _sum(server: RunningServer, metric: str) -> int:
    values = re.findall(rf"^{metric}{{.*}} (\S+)$", server.get("/metrics").text, re.MULTILINE)
    assert values, metric
    return round(sum(map(float, values)))


def _speech(server: RunningServer) -> requests.Response:
    body = {"model": "tts-1", "input": SENTENCE, "voice": "alloy", "response_format": "wav"}
    return requests.post(f"{server.url}/v1/audio/speech", json=body, timeout=120)


def _told(answer: requests.Response) -> dict[str, object]:
    """Return what an answer says, without what is new each time."""
    return {key: value for key, value in answer.json().items() if key not in {"id", "created"}}
