"""A server that is told to end: what it still does, for how long, and what it says meanwhile."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed

from tests.assets import SAMPLE_TEXT
from tests.live.server import RunningServer, serving, wait_for
from tests.live.talking import DIALECTS, Dialect, Ending, n_heard, plain, speech

LEAST_MODEL = "espeak"
LISTENER = "whisper-tiny.en"

TOLD_WITHIN_S = 0.1
ENDED_WITHIN_S = 5.0
LIMIT_S = 60.0

SPEECH = json.dumps({"model": LEAST_MODEL, "input": "Good day.", "voice": "en"}).encode()
HEADERS = {"Content-Type": "application/json"}


def started(model: str, **settings: Any) -> AbstractContextManager[RunningServer]:
    return serving(LOQUENT_DEFAULT_MODEL=model, LOQUENT_LEDGER="off", **settings)


class Line(HTTPConnection):
    """A connection that is kept alive; nobody connects again behind our back."""

    auto_open = 0

    def __init__(self, server: RunningServer) -> None:
        super().__init__(urlsplit(server.url).netloc, timeout=LIMIT_S)
        self.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, path: str = "/v1/models") -> Answer:
        """Ask for what is at `path`."""
        self.request("GET", path)
        return self.answer()

    def begin(self) -> None:
        """Send half of a request."""
        self.putrequest("POST", "/v1/audio/speech")
        for name, value in {**HEADERS, "Content-Length": str(len(SPEECH))}.items():
            self.putheader(name, value)
        self.endheaders(SPEECH[:10])

    def finish(self) -> Answer:
        """Send the other half."""
        self.send(SPEECH[10:])
        return self.answer()

    def answer(self) -> Answer:
        """Read an answer to its end."""
        with self.getresponse() as response:
            return Answer(response.status, dict(response.headers), response.read())


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_last(self) -> bool:
        """Whether its line ends with it."""
        return self.headers.get("connection") == "close"

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["error"]["code"])


def ask(server: RunningServer, path: str = "/v1/models") -> Answer:
    """Ask on a connection of its own."""
    with Line(server) as line:
        return line.ask(path)


def has_closed(server: RunningServer) -> bool:
    """Tell whether nobody takes connections any more."""
    try:
        Line(server).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_server_says_that_it_leaves_serves_on_refuses_and_ends() -> None:
    with (
        started(LEAST_MODEL, LOQUENT_DRAIN_DELAY_S=1) as server,
        Line(server) as running,
        Line(server) as used,
        Line(server) as kept,
        Line(server) as alive,
        Line(server) as idle,
    ):
        running.begin()
        assert not any(line.ask().is_last for line in (used, kept, alive, idle))
        server.process.send_signal(signal.SIGTERM)
        told_s = time.monotonic()
        wait_for(lambda: ask(server, "/readyz").status == 503, limit_s=TOLD_WITHIN_S)

        for served in (used.ask(), ask(server)):
            assert (served.status, served.is_last) == (200, True)
        assert ask(server, "/healthz").status == 200
        assert time.monotonic() - told_s < 1

        wait_for(lambda: has_closed(server), limit_s=2)
        assert time.monotonic() - told_s >= 1
        assert (alive.ask("/healthz").status, alive.sock) == (200, None)
        refused = kept.ask()
        assert (refused.status, refused.is_last) == (503, True)
        assert (refused.headers["retry-after"], refused.code) == ("5", "shutting_down")

        done = running.finish()
        assert (done.status, done.is_last) == (200, True)
        assert server.process.wait(ENDED_WITHIN_S) == 0
        assert idle.sock.recv(1) == b""  # an idle line is closed, not broken


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_idle_ends_at_once(number: signal.Signals) -> None:
    with started(LEAST_MODEL) as server, Line(server) as idle:
        assert idle.ask().status == 200
        server.process.send_signal(number)
        assert server.process.wait(ENDED_WITHIN_S) == 0


def test_what_does_not_end_in_time_is_told_so() -> None:
    with (
        started(LEAST_MODEL, LOQUENT_DRAIN_S=1) as server,
        Line(server) as running,
    ):
        running.begin()
        began_s = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        cut = running.answer()
        assert (cut.status, cut.code) == (503, "shutting_down")
        assert server.process.wait(ENDED_WITHIN_S) == 0
        assert time.monotonic() - began_s >= 1


def test_a_second_ctrl_c_ends_the_farewell() -> None:
    with started(LEAST_MODEL, LOQUENT_DRAIN_DELAY_S=60) as server:
        server.press_ctrl_c()
        wait_for(lambda: ask(server, "/readyz").status == 503, limit_s=1)
        time.sleep(0.5)  # a second press within a moment is the first one, bouncing
        server.press_ctrl_c()
        assert server.process.wait(ENDED_WITHIN_S) == 130
    assert "Traceback" not in "".join(server.log)


# Live sockets


@pytest.fixture(scope="module")
def sound() -> bytes:
    return speech()


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_who_goes_on_speaking_gets_the_final_text_and_is_told_to_come_again(
    dialect: Dialect, sound: bytes
) -> None:
    with started(LISTENER) as server, dialect.session(server.url) as session:
        session.say(sound)
        wait_for(lambda: n_heard(server, len(sound)) == 1, LIMIT_S)
        speaking = threading.Event()
        speaker = threading.Thread(target=_go_on, args=(session.say, speaking))
        server.process.send_signal(signal.SIGTERM)
        speaker.start()
        told = session.ending()
        speaking.set()
        speaker.join()
        assert told.code == 1012
        assert plain(told.text).startswith(plain(SAMPLE_TEXT))
        assert server.process.wait(ENDED_WITHIN_S) == 0


def _go_on(say: Callable[[bytes], None], enough: threading.Event) -> None:
    try:
        while not enough.is_set():
            say(bytes(3_200))
            time.sleep(0.01)
    except (ConnectionClosed, OSError):
        return


def test_a_socket_that_is_opened_while_the_server_leaves_is_served(sound: bytes) -> None:
    dialect = DIALECTS[0]
    with started(LISTENER, LOQUENT_DRAIN_DELAY_S=1) as server:
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: ask(server, "/readyz").status == 503, limit_s=1)
        with dialect.session(server.url) as session:
            session.say(sound)
            told = session.ending()
        assert (told.code, plain(told.text)) == (1012, plain(SAMPLE_TEXT))
        assert server.process.wait(ENDED_WITHIN_S) == 0


def test_who_has_just_connected_is_served() -> None:
    with started(LEAST_MODEL) as server, ExitStack() as lines:
        server.process.send_signal(signal.SIGSTOP)  # what connects now waits to be accepted
        waiting = [lines.enter_context(Line(server)) for _ in range(20)]
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGCONT)
        wait_for(lambda: has_closed(server), limit_s=1)
        for line in waiting:
            answer = line.ask()
            assert (answer.status, answer.is_last) == (200, True)
        assert server.process.wait(ENDED_WITHIN_S) == 0


# Under load


N_SOCKETS = 20
EVERY_S = 0.02
DELAY_S = 2.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_nobody_is_cut_off_at_fifty_requests_a_second_and_twenty_sockets(
    sound: bytes, record_property: Callable[[str, object], None]
) -> None:
    with started(
        LISTENER,
        LOQUENT_DRAIN_DELAY_S=DELAY_S,
        LOQUENT_MAX_LIVE_SESSIONS=N_SOCKETS,
    ) as server:
        with ThreadPoolExecutor(N_SOCKETS) as speakers:
            talks = [speakers.submit(_talk, server, sound, i) for i in range(N_SOCKETS)]
            wait_for(lambda: n_heard(server, len(sound)) == N_SOCKETS, LIMIT_S)
            outcomes, told_after_s = _ask_until_it_ends(server)
            endings = [talk.result() for talk in talks]
        assert server.process.wait(LIMIT_S) == 0
    record_property("told after, ms", round(1000 * told_after_s))
    record_property("answers", outcomes)
    assert told_after_s < TOLD_WITHIN_S
    assert {told.code for told in endings} == {1012}
    assert {plain(told.text) for told in endings} == {plain(SAMPLE_TEXT)}
    assert set(outcomes) <= {"200", "503"}
    assert outcomes["200"] > DELAY_S / EVERY_S / 2


def _talk(server: RunningServer, sound: bytes, number: int) -> Ending:
    with DIALECTS[number % 2].session(server.url) as session:
        session.say(sound)
        return session.ending()


def _ask_until_it_ends(server: RunningServer) -> tuple[Counter[str], float]:
    """Ask at a steady rate, each time anew, until nobody takes connections any more."""
    outcomes: Counter[str] = Counter()
    for _ in range(50):
        outcomes[str(ask(server).status)] += 1
        time.sleep(EVERY_S)
    server.process.send_signal(signal.SIGTERM)
    began_s = time.monotonic()
    while ask(server, "/readyz").status == 200:
        assert time.monotonic() < began_s + LIMIT_S
    told_after_s = time.monotonic() - began_s
    while not has_closed(server):
        outcomes[_outcome(server)] += 1
        time.sleep(EVERY_S)
    return outcomes, told_after_s


def _outcome(server: RunningServer) -> str:
    try:
        return str(ask(server).status)
    except (HTTPException, OSError):
        return "cut off" if not has_closed(server) else "503"
