"""`loquent wyoming` as its users run it."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Shell, shell
from tests.cli.process import LIMIT_S, command, environment

__all__ = ["shell"]

NEEDED = "needs the extra: pip install 'loquent[wyoming]'"


@contextmanager
def _running(folder: Path, *words: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the command on a free port, and wait until it listens there."""
    with subprocess.Popen(
        command("wyoming", "--port", 0, *words),
        cwd=folder,
        env=environment(LOQUENT_DATA_DIR=folder),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            told = process.stderr.readline()
            port = re.search(r"port (\d+)", told)
            assert port is not None, told
            yield process, int(port[1])
        finally:
            process.kill()


def test_it_serves_even_before_the_server_does_and_ends_when_it_is_told(tmp_path: Path) -> None:
    client = pytest.importorskip("wyoming.client", reason=NEEDED)
    pytest.importorskip("zeroconf", reason=NEEDED)
    info = pytest.importorskip("wyoming.info", reason=NEEDED)

    async def asked(port: int) -> str:
        async with client.AsyncClient.from_uri(f"tcp://127.0.0.1:{port}") as service:
            await service.write_event(info.Describe().event())
            return str((await service.read_event()).data["code"])

    words = ("--server", "http://127.0.0.1:9", "--no-zeroconf")
    with _running(tmp_path, *words) as (process, port):
        assert asyncio.run(asked(port)) == "upstream_unavailable"
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        told = process.stderr.read()
        assert process.wait(LIMIT_S) == 0
    assert told.startswith("warning: Loquent cannot be asked at http://127.0.0.1:9")
    assert "Traceback" not in told


@pytest.mark.parametrize("missing", ["wyoming", "zeroconf"])
def test_a_package_that_is_missing_is_told(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in ("wyoming", "zeroconf"):
        monkeypatch.setitem(sys.modules, name, sys.modules["sys"])
    monkeypatch.setitem(sys.modules, missing, None)
    outcome = shell("wyoming")
    assert outcome.code == 1
    assert "pip install 'loquent[wyoming]'" in outcome.err
