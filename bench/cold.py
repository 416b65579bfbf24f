"""How long the first transcript of a deployment takes whose models are not in memory."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
from rich.table import Table

from loquent.accounting.registry import KeyWish
from loquent.domain.accounts import Reach, Scope
from loquent.settings import load_settings
from loquent.wiring import sample_recording
from tests.assets import data_dir
from tests.live.books import Home
from tests.live.server import RunningServer, serving, wait_for

DEPLOYMENT: Final = "cold"
IDLE_S: Final = 1.0
TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class First:
    """One first transcript.

    Attributes:
        comment_s: until the first word of what the caller waits for.
        cold_s: until the text, the model being loaded meanwhile.
        warm_s: the same again, the model being there.
    """

    comment_s: float | None
    cold_s: float
    warm_s: float


def cold_starts(model: str, n_runs: int) -> Table:
    """Ask a deployment that has fallen asleep, `n_runs` times."""
    with tempfile.TemporaryDirectory(prefix="loquent-bench-") as folder:
        home = Home.of(Path(folder))
        (home.folder / "models").symlink_to(data_dir() / "models")
        wish = KeyWish("operator", scopes=frozenset(Scope), reach=Reach.SERVER)
        key = asyncio.run(home.new_key(wish))
        with serving("--data-dir", home.folder, LOQUENT_DEFAULT_MODEL="espeak") as server:
            visitor = _Visitor(server, {"Authorization": f"Bearer {key}"}, model)
            visitor.deploy()
            firsts = [visitor.first() for _ in range(n_runs)]
    return _table(model, firsts)


@dataclass(frozen=True, slots=True)
class _Visitor:
    server: RunningServer
    headers: dict[str, str]
    model: str

    def deploy(self) -> None:
        body = {
            "id": DEPLOYMENT,
            "models": [self.model],
            "replicas": {"min": 0, "max": 1},
            "idle_unload_s": IDLE_S,
        }
        answer = requests.post(
            f"{self.server.url}/v1/deployments", json=body, headers=self.headers, timeout=TIMEOUT_S
        )
        answer.raise_for_status()

    def first(self) -> First:
        wait_for(lambda: self._state() == "asleep", TIMEOUT_S)
        comment_s, cold_s = self._asked()
        _, warm_s = self._asked()
        return First(comment_s, cold_s, warm_s)

    def _state(self) -> str:
        url = f"{self.server.url}/v1/deployments/{DEPLOYMENT}"
        answer = requests.get(url, headers=self.headers, timeout=TIMEOUT_S)
        state: str = answer.json()["status"]["state"]
        return state

    def _asked(self) -> tuple[float | None, float]:
        """Return when the first comment and the first text came."""
        recording = sample_recording(load_settings(data_dir=data_dir()))
        assert recording is not None, "a sample is pulled with the default models"
        began_s = time.monotonic()
        comment_s: float | None = None
        with requests.post(
            f"{self.server.url}/deployments/{DEPLOYMENT}/v1/audio/transcriptions",
            files={"file": (recording.name, recording.read_bytes())},
            data={"model": self.model, "stream": "true"},
            headers=self.headers,
            stream=True,
            timeout=TIMEOUT_S,
        ) as answer:
            for line in answer.iter_lines(chunk_size=1):
                now_s = time.monotonic() - began_s
                if line.startswith(b": ") and comment_s is None:
                    comment_s = now_s
                if line.startswith(b"data: "):
                    return comment_s, now_s
        raise SystemExit("The stream ended without a text.")


def _table(model: str, firsts: list[First]) -> Table:
    table = Table("", "median", "least", "most", box=None, title=f"Cold deployment of {model}")
    rows: dict[str, Callable[[First], float | None]] = {
        "first comment": lambda first: first.comment_s,
        "first text, cold": lambda first: first.cold_s,
        "first text, warm": lambda first: first.warm_s,
    }
    for name, figure in rows.items():
        values = [value for first in firsts if (value := figure(first)) is not None]
        if values:
            shown = (statistics.median(values), min(values), max(values))
            table.add_row(name, *(f"{value:.2f} s" for value in shown))
        else:
            table.add_row(name, "none was needed", "", "")
    table.caption = f"{len(firsts)} runs; load of this machine {os.getloadavg()[0]:.1f}"
    return table
