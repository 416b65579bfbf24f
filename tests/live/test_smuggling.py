"""Requests that two programs may cut differently, through real proxies: none slips in behind them.

Source of the cases: RFC 9112, sections 6 and 11.2, and the classes of published attacks (CL.TE,
TE.CL, TE.TE).
"""

from __future__ import annotations

import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import count
from pathlib import Path
from typing import Final

import pytest

from tests.live.proxies import KINDS, Kind, proxy
from tests.live.server import RunningServer, serving, wait_for

NAME: Final = "localhost"
KEY: Final = "lq_smuggling"
QUIET_S: Final = 0.25
"""When nothing more has come for so long, nothing will."""

LIMIT_S: Final = 10.0

CHUNKED: Final = (
    "Transfer-Encoding: chunked",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunkedx",
    "Transfer-Encoding: Chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding\r\n : chunked",
    " Transfer-Encoding: chunked",
    "X: y\nTransfer-Encoding: chunked",
    "X: y\rTransfer-Encoding: chunked",
    "Transfer-Encoding: 'chunked'",
    "Transfer-Encoding: chunked;q=1",
    "Transfer_Encoding: chunked",
    "Transfer-Encoding: chunked\x00",
)

LENGTHS: Final = (
    "Content-Length: 0\r\nContent-Length: {n}",
    "Content-Length: {n}\r\nContent-Length: 0",
    "Content-Length: {n}, 0",
    "Content-Length: 0, {n}",
    "Content-Length: +{n}",
    "Content-Length: -1",
    "Content-Length: 0x{n:x}",
    "Content-Length: {n} 0",
    "Content-Length : {n}",
    "Content-Length: 0\r\n ,{n}",
    "Content_Length: {n}",
)

CHUNKS: Final = (
    "0;x={inner}\r\n\r\n",
    "0\n\r\n{inner}",
    "0\r\n\n{inner}",
    "0\n\n{inner}",
    "00000000000000000\r\n\r\n{inner}",
    "10000000000000000\r\n\r\n{inner}",
    "-1\r\n{inner}",
    "0x0\r\n\r\n{inner}",
    "1;a\nb\r\nz\r\n0\r\n\r\n{inner}",
    '1;a="\r\n"\r\nz\r\n0\r\n\r\n{inner}',
    "0\r\nX: y\r\n\r\n{inner}",
)

HEAD: Final = "POST /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: outer-{number}\r\n"


@dataclass(frozen=True, slots=True)
class Case:
    """A request that holds another one.

    Attributes:
        head: ends before the empty line.
        body: has `{inner}` where the other one stands.
    """

    name: str
    head: str
    body: str

    def written(self, number: int) -> bytes:
        inner = (
            "GET /v1/models/smuggled HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {KEY}\r\nX-Request-Id: smuggled-{number}\r\n\r\n"
        )
        body = self.body.replace("{inner}", inner).replace("{inner_hex}", f"{len(inner):x}")
        head = self.head.replace("{number}", str(number))
        for form, value in (("{n}", f"{len(body)}"), ("{n:x}", f"{len(body):x}")):
            head = head.replace(form, value)
        return f"{head}\r\n\r\n{body}".encode("latin-1")


def _cases() -> Iterator[Case]:
    for chunked in CHUNKED:
        head = f"{HEAD}Content-Length: {{n}}\r\n{chunked}"
        yield Case(f"CL.TE {chunked!r}", head, "0\r\n\r\n{inner}")
        head = f"{HEAD}Content-Length: 4\r\n{chunked}"
        yield Case(f"TE.CL {chunked!r}", head, "{inner_hex}\r\n{inner}\r\n0\r\n\r\n")
    for length in LENGTHS:
        yield Case(f"CL {length!r}", HEAD + length, "{inner}")
    for body in CHUNKS:
        yield Case(f"chunks {body!r}", f"{HEAD}Transfer-Encoding: chunked", body)
    old = HEAD.replace("HTTP/1.1", "HTTP/1.0")
    yield Case("1.0 with chunks", f"{old}Transfer-Encoding: chunked", "0\r\n\r\n{inner}")
    yield Case(
        "upgrade", f"{HEAD}Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0", "{inner}"
    )
    yield Case(
        "hop by hop", f"{HEAD}Connection: Content-Length\r\nContent-Length: {{n}}", "{inner}"
    )


CASES: Final = tuple(_cases())


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving(
        LOQUENT_DEFAULT_MODEL="espeak", LOQUENT_LEDGER="off", LOQUENT_API_KEY=KEY
    ) as server:
        yield server


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize("reuses", [False, True], ids=["as shipped", "reusing connections"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nothing_slips_in_behind_a_proxy(
    server: RunningServer, kind: Kind, tmp_path: Path, *, reuses: bool
) -> None:
    with proxy(kind, [_port(server)], tmp_path, name=NAME, reuses=reuses) as port:
        wait_for(lambda: _asked(port, "first") == "first", LIMIT_S)
        assert _desyncs(server, port, CASES) == []


def test_a_proxy_that_cuts_differently_is_caught(server: RunningServer) -> None:
    underscored = [case for case in CASES if "Content_Length" in case.name]
    with _naive(_port(server)) as port:
        assert _desyncs(server, port, underscored) == [case.name for case in underscored] != []


def _port(server: RunningServer) -> int:
    return int(server.url.rpartition(":")[2])


def _desyncs(server: RunningServer, port: int, cases: Sequence[Case]) -> list[str]:
    """Send cases, each followed by honest callers; return those that went wrong."""
    found = []
    for case in cases:
        number = next(_NUMBERS)
        answers = _sent(port, case.written(number))
        victims = (f"victim-{number}", f"other-{number}")
        are_served = [_asked(port, victim) == victim for victim in victims]
        was_run = _was_run(server, f"smuggled-{number}", after=victims[-1])
        # Where the proxy saw it as a request of its own, it has passed the answer on.
        if not all(are_served) or (was_run and f"smuggled-{number}" not in answers):
            found.append(case.name)
    return found


@contextmanager
def _naive(behind: int) -> Iterator[int]:
    """Run a proxy that takes an underscore for a hyphen, and has one line to the server for all."""
    with socket.create_connection(("127.0.0.1", behind), timeout=LIMIT_S) as back:

        class Caller(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                back.sendall(_one_message(self.rfile).replace(b"Connection: close\r\n", b""))
                with back.makefile("rb") as answers:
                    self.wfile.write(_one_message(answers))

        with socketserver.TCPServer(("127.0.0.1", 0), Caller) as front:
            thread = threading.Thread(target=front.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield front.server_address[1]
            finally:
                front.shutdown()
                thread.join()


def _one_message(lines: BufferedIOBase) -> bytes:
    head = b"".join(iter(lines.readline, b"\r\n")) + b"\r\n"
    length = re.search(rb"content.length: *(\d+)", head, re.IGNORECASE)
    return head + lines.read(int(length[1]) if length else 0)


_NUMBERS = count()


def _sent(port: int, request: bytes) -> list[str]:
    """Send bytes; return the ids of all that is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=QUIET_S) as line:
        line.sendall(request)
        raw = b""
        try:
            while piece := line.recv(65536):
                raw += piece
        except (TimeoutError, ConnectionResetError):
            pass
    assert not re.search(rb"^HTTP/1.1 50[04]", raw, re.MULTILINE), raw
    return re.findall(r"x-request-id: (\S+)", raw.decode("latin-1"), re.IGNORECASE)


def _asked(port: int, request_id: str) -> str:
    """Ask as an honest caller; return whose answer that is."""
    path, headers = f"/v1/models/{request_id}", f"Host: {NAME}\r\nX-Request-Id: {request_id}"
    request = f"GET {path} HTTP/1.1\r\n{headers}\r\nAuthorization: Bearer {KEY}\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as line:
        line.sendall(f"{request}Connection: close\r\n\r\n".encode())
        raw = b"".join(iter(lambda: line.recv(65536), b"")).decode("latin-1")
    found = re.search(r"^x-request-id: (\S+)", raw, re.IGNORECASE | re.MULTILINE)
    return found[1] if found and " 404 " in raw[:20] and f"'{request_id}'" in raw else raw


def _was_run(server: RunningServer, request_id: str, *, after: str) -> bool:
    """Tell whether the server has worked on a request, once it has told of a later one."""
    give_up_s = time.monotonic() + LIMIT_S
    while not any(f'"{after}"' in line for line in server.log):
        assert time.monotonic() < give_up_s
        time.sleep(0.005)
    return any(f'"{request_id}"' in line for line in server.log)
