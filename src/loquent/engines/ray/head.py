"""Starts and ends the processes of Ray on this machine; knows no model and asks nobody."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from loquent.domain.errors import LoquentError

TOKEN_FILE: Final = "ray.token"  # noqa: S105 - where it is, not what it is
PID_FILE: Final = "ray.pid"
LOG_FILE: Final = "ray.log"

_TOKEN_BYTES: Final = 32
_START_S: Final = 120.0
_STOP_S: Final = 25.0
_LOOK_EVERY_S: Final = 0.2
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """How this machine becomes a node of a cluster.

    Attributes:
        host: interface of the node, an address.
        port: of the control store, where this machine is the head.
        join: host and port of a head elsewhere, "" to be the head.
        n_cpus: that models may take; None for all, 0 for a machine that only calls.
        n_gpus: None for all.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    join: str = ""
    n_cpus: int | None = None
    n_gpus: int | None = None

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine can connect."""
        return is_loopback(self.host)

    @property
    def address(self) -> str:
        """Where the control store of the cluster is."""
        return self.join or f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Tell whether an address is that of this machine for itself."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def start_command(choice: NodeChoice) -> list[str]:
    """Return the command that runs a node until it is told to end."""
    place = ["--address", choice.join] if choice.join else ["--head", "--port", str(choice.port)]
    amounts = {"--num-cpus": choice.n_cpus, "--num-gpus": choice.n_gpus}
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block"),
        *place,
        *("--node-ip-address", choice.host),
        "--disable-usage-stats",
        *(() if choice.join else ("--include-dashboard", "false")),
        *(word for name, n in amounts.items() if n is not None for word in (name, str(n))),
    ]


def ray_environment(token: str, host: str) -> dict[str, str]:
    """Return the variables of everything that speaks to a cluster.

    Ray takes an address of its own instead of 127.0.0.1, and listens on all interfaces, unless it
    is told that this system has no clusters, by a switch it has for other systems.
    """
    told = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_USAGE_STATS_ENABLED": "0"}
    if is_loopback(host):
        told["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    return told


def read_token(folder: Path) -> str | None:
    """Return the token that was written there, None where there is none."""
    try:
        return (folder / TOKEN_FILE).read_text().strip() or None
    except FileNotFoundError:
        return None


def write_token(folder: Path) -> str:
    """Write a new token where only its owner can read it, and return it.

    Raises: OSError; FileExistsError: if there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(_TOKEN_BYTES)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(folder / TOKEN_FILE, flags, _OWNER_ONLY), "w") as file:
        file.write(token)
    return token


def start_node(
    choice: NodeChoice, token: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start a node, and return once it answers; it goes on when we end.

    Args:
        folder: of its log, and where it is noted.
        environment: of this process, which the node gets beside what Ray needs.

    Raises: LoquentError: if it ends, or does not answer in time.
    """
    if running_node(folder) is not None:
        raise LoquentError("Ray runs already. `loquent ray down` ends it.")
    folder.mkdir(parents=True, exist_ok=True)
    told = {**environment, **ray_environment(token, choice.host), "PYTHONUNBUFFERED": "1"}
    with (folder / LOG_FILE).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - a command of our own
            start_command(choice),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=told,
            start_new_session=True,
        )
    (folder / PID_FILE).write_text(str(process.pid))
    give_up_s = time.monotonic() + _START_S
    while not _is_up(choice, folder):
        if process.poll() is not None or time.monotonic() > give_up_s:
            stop_node(folder)
            raise LoquentError(f"Ray does not start; {folder / LOG_FILE} says why.")
        time.sleep(_LOOK_EVERY_S)
    return process


def stop_node(folder: Path) -> bool:
    """End the node that was started from here; return whether there was one."""
    pid = running_node(folder)
    (folder / PID_FILE).unlink(missing_ok=True)
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    give_up_s = time.monotonic() + _STOP_S
    while any(_session(pid)) and time.monotonic() < give_up_s:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(_LOOK_EVERY_S)
    for left in _session(pid):
        with suppress(ProcessLookupError):
            os.kill(left, signal.SIGKILL)
    return True


def running_node(folder: Path) -> int | None:
    """Return the process of the node that was started from here, None if there is none."""
    try:
        pid = int((folder / PID_FILE).read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"ray.scripts.scripts" in command else None  # a zombie has no command


def answers(address: str, limit_s: float = 2.0) -> bool:
    """Tell whether anybody accepts connections there."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=limit_s):
            return True
    except OSError:
        return False


def _is_up(choice: NodeChoice, folder: Path) -> bool:
    is_told = b"Ray runtime started" in (folder / LOG_FILE).read_bytes()
    return is_told and answers(choice.address)


def _session(leader: int) -> Iterator[int]:
    """Yield the processes of a session that live, Ray's own way of hiding names notwithstanding."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _parent, _group, session = (
                (process / "stat").read_text().rpartition(")")[2].split()[:4]
            )
            if int(session) == leader and state != "Z":
                yield int(process.name)
