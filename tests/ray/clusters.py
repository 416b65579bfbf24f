"""Real clusters on this machine, and ways to hurt them."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from loquent.engines.ray.head import ray_environment
from tests.assets import data_dir
from tests.cli.process import environment

HERE = Path(__file__).parent


@dataclass(frozen=True)
class RunningCluster:
    """A cluster that can be asked to run models."""

    port: int
    token: str
    process: subprocess.Popen[str]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What a gateway must be told."""
        return {
            "LOQUENT_ENGINE": "ray",
            "LOQUENT_RAY_ADDRESS": self.address,
            "LOQUENT_RAY_TOKEN": self.token,
        }

    def processes(self) -> list[psutil.Process]:
        """Return everything that belongs to the cluster."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def replicas(self) -> list[psutil.Process]:
        """Return the processes in which copies of models live."""
        return _named(self.processes(), "ServeReplica")

    def engines(self) -> list[psutil.Process]:
        """Return the children of copies that hold the weights."""
        return [each for each in self.processes() if "loquent.engines.host.child" in _words(each)]

    def kill(self) -> None:
        """End all of it at once, head first."""
        everything = self.processes()
        self.process.kill()
        for each in sorted(everything, key=lambda p: "gcs_server" not in _words(p)):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()


@contextmanager
def running_cluster(
    n_nodes: int = 1, *, port: int | None = None, token: str | None = None
) -> Iterator[RunningCluster]:
    """Run a cluster of nodes with one core each until the block ends."""
    port, token = port or free_port(), token or secrets.token_hex(32)
    told = {**ray_environment(token, "127.0.0.1"), "LOQUENT_DATA_DIR": data_dir()}
    process = subprocess.Popen(
        [sys.executable, HERE / "two_nodes.py", str(port), str(n_nodes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(**told),
        start_new_session=True,
    )
    cluster = RunningCluster(port, token, process)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n", "the cluster did not start"
        yield cluster
    finally:
        with process, contextlib.suppress(psutil.NoSuchProcess):
            cluster.kill()


def kill_hard(process: psutil.Process) -> None:
    """End a process as a machine does that loses its power."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _named(processes: list[psutil.Process], name: str) -> list[psutil.Process]:
    return [each for each in processes if name in _words(each)]


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
