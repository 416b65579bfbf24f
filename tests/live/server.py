"""Runs `loquent serve` as its users do: in a process of its own, on real weights."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.assets import data_dir

START_S = 60.0

_LISTENS = re.compile(r"Loquent listens on (\S+)\. ")


@dataclass(frozen=True)
class RunningServer:
    """A server that is ready, where it listens, and what it has written so far."""

    url: str
    process: subprocess.Popen[str]
    log: list[str]


@contextmanager
def serving(
    *options: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[RunningServer]:
    """Serve on a free port until the block ends; `options` go to `loquent serve`."""
    command = [sys.executable, "-m", "loquent", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(data_dir()), *options],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(environment) if environment else None,
        cwd=cwd,
    ) as process:
        server = _greeted(process)
        try:
            _wait_until_ready(server)
            yield server
        finally:
            process.terminate()


def _greeted(process: subprocess.Popen[str]) -> RunningServer:
    """Read until the server says where it listens; go on reading so that it never blocks."""
    assert process.stderr is not None
    log: list[str] = []
    for line in process.stderr:
        log.append(line)
        if found := _LISTENS.search(line):
            threading.Thread(target=log.extend, args=(process.stderr,), daemon=True).start()
            return RunningServer(found[1], process, log)
    raise AssertionError("the server ended: " + "".join(log))


def _wait_until_ready(server: RunningServer) -> None:
    give_up_s = time.monotonic() + START_S
    while requests.get(f"{server.url}/readyz", timeout=5, verify=False).status_code != 200:
        assert time.monotonic() < give_up_s, "".join(server.log)
        time.sleep(0.05)
