"""A deployment on one's own machine: no key is made, none is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.assets import data_dir, sample
from tests.cli import process
from tests.live.server import RunningServer, serving, wait_for

pytestmark = pytest.mark.engine
NOTICED_S = 10.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    (tmp_path / "models").symlink_to(data_dir() / "models")
    with serving("--data-dir", tmp_path, LOQUENT_DEFAULT_MODEL="espeak") as server:
        yield server


@pytest.mark.parametrize("least", [0, 1])
def test_whoever_has_the_machine_deploys_without_a_key(
    server: RunningServer, tmp_path: Path, least: int
) -> None:
    def loquent(*words: object) -> process.Outcome:
        port = server.url.rpartition(":")[2]
        return process.run(tmp_path, *words, LOQUENT_DATA_DIR=tmp_path, LOQUENT_PORT=port)

    options = ("--model", "whisper-base", "--id", "fast", "--min", least)
    made = loquent("deployments", "create", *options)
    assert (made.code, made.out) == (0, f"{server.url}/deployments/fast/v1\n"), made.err
    assert ("fast: ready" if least else "fast: asleep") in made.err
    answer = server.post(
        sample(), "/deployments/fast/v1/audio/transcriptions", model="whisper-base"
    )
    assert answer.status_code == 200, answer.text
    assert "nature" in answer.json()["text"]
    assert "ready" in loquent("deployments", "ls").out
    refused = loquent("deployments", "logs", "fast")
    assert refused.code == 1
    assert "LOQUENT_API_KEY" in refused.err
    assert loquent("deployments", "rm", "fast").code == 0
    wait_for(lambda: server.get("/deployments/fast/readyz").status_code == 404, NOTICED_S)
    assert server.get("/v1/models").status_code == 200
