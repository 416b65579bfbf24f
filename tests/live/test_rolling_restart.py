"""Two servers behind a real proxy, restarted in turn: no caller notices."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from websockets.exceptions import WebSocketException

from loquent.storage.opening import Database
from loquent.storage.tables import USAGE
from tests.assets import SAMPLE_TEXT
from tests.live.proxies import HAPROXY, KINDS, Kind, proxy
from tests.live.server import RunningServer, serving, wait_for
from tests.live.talking import DIALECTS, Ending, n_heard, plain, speech
from tests.unit.storage.databases import running_postgres

pytestmark = pytest.mark.timeout(600)

HERE = "127.0.0.1"
LIMIT_S = 60.0
ENDED_WITHIN_S = 35.0

N_CALLERS = 4
N_SOCKETS = 5
UPLOAD_S = 0.5
"""How long a slow caller takes for its request, so that many are cut by a restart."""

DELAY_S = {HAPROXY.name: 3.0}
"""What deploy/haproxy.cfg asks for; nginx goes elsewhere once it cannot connect."""

PEPPER = "a pepper that both of the servers have"
BODY = json.dumps({"model": "espeak", "input": "Good day.", "voice": "en"}).encode()
JSON = {"Content-Type": "application/json"}


@dataclass
class Gateway:
    """A server that is ended and started again at the same port."""

    port: int
    settings: dict[str, Any]
    _life: ExitStack = field(default_factory=ExitStack)

    @property
    def server(self) -> RunningServer:
        assert self._server
        return self._server

    def start(self) -> None:
        self._server = self._life.enter_context(serving("--port", self.port, **self.settings))

    def restart(self) -> None:
        self.server.process.send_signal(signal.SIGTERM)
        assert self.server.process.wait(ENDED_WITHIN_S) == 0, "".join(self.server.log)
        self.end()
        self.start()

    def is_asked(self) -> bool:
        """Tell whether the proxy has sent requests here since the start."""
        routes = ('"route": "/v1/models"', '"route": "/v1/audio/speech"')
        return any(route in line for line in self.server.log for route in routes)

    def end(self) -> None:
        self._life.close()


@dataclass
class Load:
    """Callers who go on calling, each on a connection that it keeps.

    Attributes:
        acknowledged: ids of requests that are in the book, if nothing was lost.
        failures: what any of them noticed.
    """

    port: int
    pause_s: float
    n_done: int = 0
    acknowledged: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self) -> None:
        """Ask for the models and for speech, by turns."""
        line = HTTPConnection(HERE, self.port, timeout=LIMIT_S)
        for method, path, body in cycle(
            [("GET", "/v1/models", None), ("POST", "/v1/audio/speech", BODY)]
        ):
            if self.enough.wait(self.pause_s):
                line.close()
                return
            with self._noticing(method):
                line.request(method, path, body, JSON if body else {})
                self._take(line, is_metered=bool(body))

    def upload(self) -> None:
        """Ask for speech in two halves, each time on a new connection."""
        while not self.enough.is_set():
            line = HTTPConnection(HERE, self.port, timeout=LIMIT_S)
            with self._noticing("slow POST"):
                line.putrequest("POST", "/v1/audio/speech")
                for name, value in {**JSON, "Content-Length": str(len(BODY))}.items():
                    line.putheader(name, value)
                line.endheaders(BODY[:10])
                self.enough.wait(UPLOAD_S)
                line.send(BODY[10:])
                self._take(line, is_metered=True)
            line.close()

    def talk(self, number: int) -> None:
        """Speak, and connect again whenever the server ends."""
        while not self.enough.is_set():
            try:
                with DIALECTS[number % 2].session(f"http://{HERE}:{self.port}") as session:
                    session.say(speech())
                    self.endings.append(session.ending())
            except (OSError, WebSocketException) as error:
                self.failures.append(f"socket: {error!r}")

    def _take(self, line: HTTPConnection, *, is_metered: bool) -> None:
        with line.getresponse() as answer:
            body = answer.read()
        if answer.status != 200:
            self.failures.append(f"{answer.status}: {body[:300]!r}")
        elif is_metered:
            self.acknowledged.append(answer.headers["x-request-id"])

    @contextmanager
    def _noticing(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException) as error:
            self.failures.append(f"{what}: {error!r}")
        with self._lock:
            self.n_done += 1


@contextmanager
def shared_ledger(folder: Path) -> Iterator[str]:
    """Yield where both servers keep their books: in PostgreSQL, if it is installed."""
    with ExitStack() as owned:
        try:
            url = owned.enter_context(running_postgres()).new_place().url
        except pytest.skip.Exception:
            url = f"sqlite+aiosqlite:///{folder}/shared.db"
        yield url


@contextmanager
def two_gateways(ledger: str, delay_s: float) -> Iterator[list[Gateway]]:
    settings = {
        "LOQUENT_DEFAULT_MODEL": "espeak",
        "LOQUENT_PRELOAD": '["whisper-tiny.en"]',
        "LOQUENT_LEDGER": ledger,
        "LOQUENT_KEY_PEPPER": PEPPER,
        "LOQUENT_DRAIN_DELAY_S": delay_s,
        "LOQUENT_LIVE_IDLE_S": 0,
        "LOQUENT_MAX_LIVE_SESSIONS": N_SOCKETS,
    }
    gateways = [Gateway(port, settings) for port in _free_ports(2)]
    with ThreadPoolExecutor() as starters, ExitStack() as ends:
        for gateway in gateways:
            ends.callback(gateway.end)
        list(starters.map(Gateway.start, gateways))
        yield gateways


def _free_ports(n: int) -> list[int]:
    with ExitStack() as held:
        servers = [held.enter_context(socket.create_server((HERE, 0))) for _ in range(n)]
        return [server.getsockname()[1] for server in servers]


def restarted_in_turn(gateways: list[Gateway], load: Load, is_enough: Callable[[int], bool]) -> int:
    """Restart one after the other until it is enough; return how often."""
    for n_restarts, gateway in enumerate(cycle(gateways)):
        wait_for(lambda: _n_waiting(gateways) == N_SOCKETS or bool(load.failures), LIMIT_S)
        if load.failures or is_enough(n_restarts):
            return n_restarts
        gateway.restart()
        wait_for(gateway.is_asked, LIMIT_S)
    raise AssertionError


def _n_waiting(gateways: list[Gateway]) -> int:
    """Return how many sockets have been heard to the end of what they say."""
    return sum(n_heard(gateway.server, len(speech())) for gateway in gateways)


def _rows(ledger: str) -> Counter[str]:
    async def rows() -> Counter[str]:
        database = Database.at(ledger)
        async with database.reading() as connection:
            found = (await connection.execute(select(USAGE.c.request_id))).scalars().all()
        await database.close()
        return Counter(found)

    return asyncio.run(rows())


def _campaign(
    kind: Kind, folder: Path, pause_s: float, is_enough: Callable[[Load, int], bool]
) -> dict[str, object]:
    """Restart both servers in turn under load; return the figures, once nobody noticed."""
    with (
        shared_ledger(folder) as ledger,
        two_gateways(ledger, DELAY_S.get(kind.name, 0.0)) as gateways,
        proxy(kind, [each.port for each in gateways], folder, name=HERE) as port,
        ThreadPoolExecutor() as callers,
    ):
        load, began_s = Load(port, pause_s), time.monotonic()
        talks: list[Future[None]] = [callers.submit(load.talk, i) for i in range(N_SOCKETS)]
        calls = [callers.submit(load.call) for _ in range(N_CALLERS)]
        calls.append(callers.submit(load.upload))
        try:
            n = restarted_in_turn(gateways, load, lambda n: is_enough(load, n))
        finally:
            load.enough.set()
            for call in calls:
                call.result()
            for gateway in gateways:
                gateway.end()  # so that the sockets end, too
            for talk in talks:
                talk.result()
        assert load.failures == []
        assert {ending.code for ending in load.endings} == {1012}
        assert {plain(ending.text) for ending in load.endings} == {plain(SAMPLE_TEXT)}
        rows = _rows(ledger)
    assert set(load.acknowledged) <= set(rows)
    assert max(rows.values()) == 1
    return {
        "requests": load.n_done,
        "restarts": n,
        "sockets closed with their text": len(load.endings),
        "duration, s": round(time.monotonic() - began_s, 1),
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_nobody_notices_that_both_servers_are_restarted(
    kind: Kind, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figures = _campaign(
        kind, tmp_path, pause_s=0.05, is_enough=lambda load, n: n >= 2 and load.n_done >= 300
    )
    record_property("figures", figures)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_ten_thousand_requests_do_not_notice_restarts(
    kind: Kind, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = _campaign(
        kind, tmp_path, pause_s=0.0, is_enough=lambda load, n: n >= 6 and load.n_done >= 10_000
    )
    with capsys.disabled():
        print("", kind.name, figures)  # noqa: T201 - what is measured is to be seen
