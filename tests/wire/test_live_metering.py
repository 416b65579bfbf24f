"""Every live session becomes one row, written before the socket is closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from loquent.api.app import ApiOptions
from loquent.api.auth import HOLDER
from loquent.api.live.issued_secrets import IssuedSecrets
from loquent.api.live.openai_session import SessionConfig
from loquent.domain.errors import EngineError, OverloadedError
from loquent.domain.live import LiveUpdate
from loquent.domain.model import Capability
from loquent.domain.usage import CLIENT_GONE, OK, UsageRow
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.fake_transcriber import Gate
from tests.fakes.scripted_live import ScriptedTranscriber, final, started, stopped
from tests.wire.conftest import KEY
from tests.wire.realtime import ADDRESS, RealtimeServer, Socket, realtime_server

A15T = "/v1/audio/transcriptions-realtime?model=whisper-1"
SILENT_S = 0.3
SAID: tuple[tuple[LiveUpdate, ...], ...] = (
    (started(1, 0.0), stopped(1, 1.0), final(1, "hello there")),
)


class Lines:
    """Starts servers with ledgers, and stops them at the end of a test."""

    def __init__(self, servers: ExitStack) -> None:
        self._servers = servers
        self.live = ScriptedTranscriber(
            SAID, {"busy": OverloadedError("The server is busy.", retry_after_s=5)}
        )

    def start(self, ledger: FakeLedger, **options: Any) -> RealtimeServer:
        secrets = options.pop("secrets", None)
        chosen = ApiOptions(api_key=KEY, default_model="whisper-1", **options)
        server = self._servers.enter_context(
            realtime_server(self.live, chosen, secrets, ledger=ledger)
        )
        self._servers.callback(ledger.release)
        return server


@pytest.fixture
def lines() -> Iterator[Lines]:
    with ExitStack() as servers:
        yield Lines(servers)


def dictate(caller: Socket, n_bytes: int = 48_000) -> None:
    """Speak A15T's dialect up to the end of the sound, at 24 kHz."""
    caller.send_raw('{"sample_rate": 24000}')
    caller.send_raw(bytes(n_bytes))
    caller.connection.recv(timeout=10)
    caller.send_raw('{"done": true}')
    caller.connection.recv(timeout=10)


def converse(caller: Socket, duration_s: float = 0.5) -> None:
    """Speak OpenAI's dialect until something was understood."""
    caller.append(duration_s)
    caller.until("conversation.item.input_audio_transcription.completed")


def check(row: UsageRow, audio_ms: int) -> None:
    assert (row.capability, row.asked_model) == (Capability.REALTIME, "whisper-1")
    assert (row.provider, row.model) == ("local", "fake/big")
    assert (row.endpoint, row.n_attempts) == ("local/fake/big", 1)
    assert row.request_id.startswith("req_")
    assert (row.audio_ms, row.key, row.price_micros) == (audio_ms, "static", 0)


def test_a_dictation_is_one_row(lines: Lines) -> None:
    server = lines.start(ledger := FakeLedger())
    with server.knock(A15T) as caller:
        dictate(caller)
        assert caller.closing()[0] == 1000
    row = ledger.only()
    check(row, 1_000)
    assert (row.outcome, row.status) == (OK, 1000)


def test_a_session_that_its_caller_leaves_is_one_row(lines: Lines) -> None:
    server = lines.start(ledger := FakeLedger())
    with server.open() as caller:
        converse(caller)
        caller.append(0.25)
        caller.send("input_audio_buffer.clear")
        caller.expect("input_audio_buffer.cleared")
        assert not ledger.rows_written
    row = ledger.awaited()
    check(row, 750)
    assert (row.outcome, row.status) == (OK, 1000)


def test_a_caller_that_is_cut_off_is_gone(lines: Lines) -> None:
    server = lines.start(ledger := FakeLedger())
    with server.open() as caller:
        converse(caller)
        caller.connection.socket.shutdown(2)
        row = ledger.awaited()
    check(row, 500)
    assert (row.outcome, row.status) == (CLIENT_GONE, 1006)


def test_the_row_is_written_before_the_socket_is_closed(lines: Lines) -> None:
    ledger = FakeLedger(gate := Gate())
    server = lines.start(ledger)
    with server.knock(A15T) as caller:
        dictate(caller)
        assert gate.reached.wait(10)
        with pytest.raises(TimeoutError):
            caller.connection.recv(timeout=SILENT_S)
        assert not ledger.rows_written
        gate.open()
        assert caller.closing()[0] == 1000
    check(ledger.only(), 1_000)


def test_a_session_that_is_drained_is_one_row(lines: Lines) -> None:
    server = lines.start(ledger := FakeLedger())
    with server.open() as caller:
        converse(caller)
        server.drain()
        row = ledger.only()
        assert caller.closing()[0] == 1012
    check(row, 500)
    assert (row.outcome, row.status) == ("shutting_down", 1012)


def test_a_session_that_fails_is_one_row(lines: Lines) -> None:
    server = lines.start(ledger := FakeLedger())
    with server.open() as caller:
        converse(caller)
        server.loop.call_soon_threadsafe(lines.live.scripted[-1].fail, EngineError("broken"))
        assert caller.closing()[0] == 1011
    row = ledger.only()
    check(row, 500)
    assert (row.outcome, row.status) == ("engine_error", 1011)


def test_an_idle_session_is_one_row(lines: Lines) -> None:
    server = lines.start(ledger := FakeLedger(), live_idle_s=0.2)
    with server.open() as caller:
        converse(caller)
        assert caller.closing()[0] == 3008
    row = ledger.only()
    check(row, 500)
    assert (row.outcome, row.status) == ("idle", 3008)


@pytest.mark.parametrize("address", [f"{ADDRESS}&model=busy", A15T.replace("whisper-1", "busy")])
def test_a_session_that_nobody_takes_is_one_row(lines: Lines, address: str) -> None:
    server = lines.start(ledger := FakeLedger())
    with server.knock(address) as caller:
        if address.startswith(A15T.partition("?")[0]):
            caller.send_raw('{"sample_rate": 24000}')
        assert caller.closing()[0] == 1013
    row = ledger.only()
    assert (row.outcome, row.status) == ("server_overloaded", 1013)
    assert (row.asked_model, row.endpoint, row.n_attempts) == ("busy", "", 0)


def test_a_socket_on_which_nothing_was_asked_is_no_row(lines: Lines) -> None:
    server = lines.start(ledger := FakeLedger())
    with server.open():
        pass
    with server.knock(A15T) as caller:
        caller.send_raw("rubbish")
        assert caller.closing()[0] == 1008
    server.drain()
    assert not ledger.rows_written


def test_a_client_secret_counts_to_the_key_that_gave_it_out(lines: Lines) -> None:
    secrets = IssuedSecrets()
    server = lines.start(ledger := FakeLedger(), secrets=secrets)
    secret = secrets.issue(SessionConfig("whisper-1"), 600, HOLDER)
    with server.open(key=secret.value) as caller:
        converse(caller)
    assert ledger.awaited().key == "static"


def test_while_nothing_can_be_written_no_session_begins(lines: Lines) -> None:
    ledger = FakeLedger(is_down=True)
    server = lines.start(ledger)
    with server.knock(A15T) as caller:
        dictate(caller)
        code, reason = caller.closing()
    assert (code, reason.partition(":")[0]) == (1013, "ledger_unavailable")
    for address in (A15T, f"{ADDRESS}&model=whisper-1"):
        with server.knock(address) as caller:
            if address == A15T:
                caller.send_raw('{"sample_rate": 24000}')
            assert caller.closing()[0] == 1013
    assert len(lines.live.opened) == 1, "once it is known, no session is opened"
    assert not ledger.rows_written
    ledger.is_down = False
    with server.knock(A15T) as caller:
        dictate(caller)
        assert caller.closing()[0] == 1000
    check(ledger.only(), 1_000)
