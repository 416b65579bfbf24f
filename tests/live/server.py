"""Runs `loquent serve` as its users do: in a process of its own, on real weights."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.assets import data_dir
from tests.cli.process import command, environment

START_S = 60.0

_LISTENS = re.compile(r"Loquent listens on (\S+)\. ")


@dataclass(frozen=True)
class RunningServer:
    """A server that is ready, where it listens, and what it has written so far.

    Attributes:
        key: what callers must present; None where anybody may call.
        authority: certificate that https callers trust.
    """

    url: str
    process: subprocess.Popen[str]
    log: list[str]
    key: str | None = None
    authority: Path | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What a request must carry."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def get(self, path: str) -> requests.Response:
        """Ask for what is at `path`, such as /v1/models."""
        return requests.get(
            self.url + path, headers=self.headers, verify=self._trusted(), timeout=START_S
        )

    def post(
        self, recording: Path, path: str = "/v1/audio/transcriptions", /, **fields: Any
    ) -> requests.Response:
        """Upload a recording; `fields` go beside it, a model is named where they name none."""
        with recording.open("rb") as file:
            return requests.post(
                self.url + path,
                headers=self.headers,
                files={"file": (recording.name, file)},
                data={"model": "whisper-1", **fields},
                verify=self._trusted(),
                timeout=START_S,
            )

    def n_in_flight(self) -> int:
        """Return how many recordings are being worked on."""
        metrics = self.get("/metrics").text
        gauge = re.search(r"^loquent_transcriptions_in_flight (\S+)$", metrics, re.MULTILINE)
        assert gauge
        return int(float(gauge[1]))

    def children(self) -> list[psutil.Process]:
        """Return the processes that the server has started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def press_ctrl_c(self) -> None:
        """Interrupt every process of the server, as a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def _trusted(self) -> str | bool:
        return str(self.authority) if self.authority else True


@contextmanager
def serving(
    *options: object, authority: Path | None = None, **settings: object
) -> Iterator[RunningServer]:
    """Serve on a free port until the block ends.

    Args:
        options: go to `loquent serve`.
        authority: certificate that answers for the server, where it speaks https.
        settings: variables such as LOQUENT_API_KEY; no other setting reaches the server.
    """
    with subprocess.Popen(
        command("serve", "--port", 0, "--data-dir", data_dir(), *options),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**settings),
        start_new_session=True,
    ) as process:
        log: list[str] = []
        reader = threading.Thread(target=_read, args=(process, log), daemon=True)
        try:
            url = _greeted(process, log)
            reader.start()
            key = settings.get("LOQUENT_API_KEY")
            server = RunningServer(url, process, log, str(key) if key else None, authority)
            _wait_until_ready(server)
            yield server
        finally:
            process.terminate()
            process.wait()
            if reader.is_alive():
                reader.join()


def _greeted(process: subprocess.Popen[str], log: list[str]) -> str:
    """Read until the server says where it listens."""
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line)
        if found := _LISTENS.search(line):
            return found[1]
    raise AssertionError("the server ended: " + "".join(log))


def _read(process: subprocess.Popen[str], log: list[str]) -> None:
    """Go on reading to the end, so that the server never waits for a reader."""
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line)  # noqa: PERF402 - line by line, so that others see it grow


def _wait_until_ready(server: RunningServer) -> None:
    give_up_s = time.monotonic() + START_S
    while server.get("/readyz").status_code != 200:
        assert time.monotonic() < give_up_s, "".join(server.log)
        time.sleep(0.05)


def wait_for(condition: Callable[[], bool], limit_s: float) -> None:
    """Wait until `condition()` is true."""
    give_up_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < give_up_s, f"not within {limit_s} s"
        time.sleep(0.02)
