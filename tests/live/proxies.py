"""Runs HAProxy and nginx with the files of deploy/, in front of servers that tests started."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.assets import ROOT

DEPLOY = ROOT / "deploy"
NAME = "speech.example.org"
"""The name of the service in those files."""

UP_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One program.

    Attributes:
        command: that runs it in the foreground, from its file and a folder of its own.
        reusing: turns what the file says into a proxy that keeps connections to servers.
    """

    name: str
    file: str
    command: Callable[[Path], list[str]]
    reusing: Callable[[str], str]


def _haproxy(file: Path) -> list[str]:
    return ["haproxy", "-db", "-f", str(file)]


def _nginx(file: Path) -> list[str]:
    folder = file.parent
    places = f"pid {folder}/pid; error_log {folder}/error.log; daemon off; master_process off;"
    return ["nginx", "-p", str(folder), "-c", str(file), "-g", places]


def _haproxy_reusing(text: str) -> str:
    return text.replace("option http-server-close", "http-reuse always")


def _nginx_reusing(text: str) -> str:
    kept = text.replace("least_conn;", "least_conn; keepalive 8;")
    return re.sub(r"(map .*?'' +)close;", r'\1"";', kept, flags=re.DOTALL)


HAPROXY = Kind("haproxy", "haproxy.cfg", _haproxy, _haproxy_reusing)
NGINX = Kind("nginx", "nginx.conf", _nginx, _nginx_reusing)
KINDS = (HAPROXY, NGINX)


@contextmanager
def proxy(
    kind: Kind,
    ports: Sequence[int],
    folder: Path,
    *,
    name: str = NAME,
    reuses: bool = False,
) -> Iterator[int]:
    """Run a proxy; yield the port where it listens, without TLS.

    Args:
        ports: of the servers behind it.
        name: that replaces the service's.
    """
    if shutil.which(kind.name) is None:
        pytest.skip(f"{kind.name} is not installed: apt-get install {kind.name}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    text = _adapted((DEPLOY / kind.file).read_text(), port, ports).replace(NAME, name)
    # nginx keeps what it cannot pass on yet in folders of the system, unless it is told others.
    kept = "".join(f"{what}_temp_path {folder}/{what};" for what in ("client_body", "proxy"))
    text = text.replace("http {", f"http {{ {kept}", 1)
    file = folder / kind.file
    file.write_text(kind.reusing(text) if reuses else text)
    log = folder / f"{kind.name}.log"
    with log.open("w") as written:
        process = subprocess.Popen(kind.command(file), stdout=written, stderr=written)
    try:
        _wait_until_up(process, port, log)
        yield port
    finally:
        process.kill()
        process.wait()


def _adapted(text: str, port: int, ports: Sequence[int]) -> str:
    """Put our addresses in: the front without TLS, and as many servers as there are."""
    servers = iter(ports)
    lines = []
    for line in text.splitlines():
        if "ssl_certificate" in line:
            continue
        changed = re.sub(r"(bind|listen)\s+\S+ ssl( crt \S+)?", rf"\1 127.0.0.1:{port}", line)
        changed = re.sub(r"10\.0\.0\.\d+:8000", lambda _: f"127.0.0.1:{next(servers, 0)}", changed)
        if "127.0.0.1:0" not in changed:
            lines.append(changed)
    assert next(servers, None) is None
    return "\n".join(lines) + "\n"


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up_s = time.monotonic() + UP_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up_s, log.read_text()
            time.sleep(0.02)
        else:
            return
