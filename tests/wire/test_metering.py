"""Every request that is worked on becomes one row, before the last byte of its answer."""

from __future__ import annotations

import io
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from loquent.api.app import ApiOptions
from loquent.domain.errors import EngineError, UpstreamUnavailableError
from loquent.domain.model import Capability
from loquent.domain.pricing import Price, PriceUnit
from loquent.domain.usage import CLIENT_GONE, OK
from tests.fakes.fake_diarizer import DURATION_S, FakeDiarizer
from tests.fakes.fake_directory import FakeDirectory
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.fake_speaker import RATE_HZ, WORD_S, FakeSpeaker
from tests.fakes.fake_transcriber import HELLO, FakeTranscriber, Gate
from tests.unit.routing.places import per_hour, place
from tests.wire.conftest import KEY, LiveServer, running
from tests.wire.envelopes import assert_envelope
from tests.wire.routed import Places, routed

TIMEOUT_S = 10.0
SILENT_S = 0.3
"""A server that has sent nothing for so long waits for something."""

TEXT = "one two three"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}

ENDED = b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Call:
    """A request, and what its row says.

    Attributes:
        end: what an answer in events ends with.
    """

    path: str
    fields: dict[str, Any]
    capability: Capability
    model: str
    audio_ms: int
    n_characters: int = 0
    n_output_tokens: int = 0
    end: str = ""

    def request(self, server: LiveServer, **headers: str) -> httpx2.Request:
        url = f"{server.url}/v1/audio/{self.path}"
        headers = AUTHORIZED | headers
        if self.capability is Capability.SPEECH:
            return httpx2.Request("POST", url, json=self.fields, headers=headers)
        files = {"file": ("a.wav", b"sound")}
        return httpx2.Request("POST", url, data=self.fields, files=files, headers=headers)


def heard(path: str, capability: Capability, **fields: str) -> Call:
    asked = {"model": "whisper-1"} | fields
    end = '"type":"transcript.text.done"' if "stream" in fields else ""
    return Call(path, asked, capability, "fake/tiny", 2_470, n_output_tokens=2, end=end)


def spoken(path: str, text: str, end: str = "", **fields: str) -> Call:
    asked = {"model": "tts-1", "input": text} | fields
    audio_ms = round(1_000 * WORD_S * len(text.split()))
    return Call(path, asked, Capability.SPEECH, "fake/hummer", audio_ms, len(text), end=end)


TRANSCRIBED = heard("transcriptions", Capability.TRANSCRIPTION)
STREAMED = heard("transcriptions", Capability.TRANSCRIPTION, stream="true")
SOUND = spoken("speech", TEXT, response_format="pcm")
SPEECH_EVENTS = spoken("speech", TEXT, "speech.audio.done", stream_format="sse")
CALLS = {
    "transcription": TRANSCRIBED,
    "transcription as text": heard(
        "transcriptions", Capability.TRANSCRIPTION, response_format="text"
    ),
    "transcription in events": STREAMED,
    "translation": heard("translations", Capability.TRANSLATION),
    "speech in one piece": spoken("speech", "word", response_format="wav"),
    "sound as it is made": SOUND,
    "a file as it is made": spoken("speech", TEXT, response_format="mp3"),
    "speech in events": SPEECH_EVENTS,
    "captions": spoken("speech/captions", TEXT),
    "diarization": Call(
        "diarization",
        {"model": "voices"},
        Capability.DIARIZATION,
        "fake/voices",
        round(1_000 * DURATION_S),
    ),
}

every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)

Start = Callable[..., LiveServer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server with the ledger and the fakes of a test."""
    with ExitStack() as servers:

        def begin(ledger: FakeLedger, **fakes: Any) -> LiveServer:
            options = ApiOptions(api_key=KEY, currency="EUR")
            transcriber = fakes.pop("transcriber", None) or FakeTranscriber()
            server = servers.enter_context(
                running(options, transcriber, FakeDirectory(), **fakes, ledger=ledger)
            )
            servers.callback(ledger.release)
            return server

        yield begin


def send(request: httpx2.Request) -> httpx2.Response:
    with httpx2.Client(timeout=TIMEOUT_S) as http:
        return http.send(request)


def test_an_id_that_a_caller_uses_again_hides_no_row(start: Start) -> None:
    server = start(ledger := FakeLedger())
    for _ in range(2):
        request = CALLS["captions"].request(server)
        request.headers["x-request-id"] = "again"
        assert send(request).headers["x-request-id"] == "again"
    first, second = (row.request_id for row in ledger.rows_written)
    assert first != second
    assert first.startswith("again.")
    assert second.startswith("again.")


@every_call
def test_every_request_is_one_row(start: Start, call: Call) -> None:
    server = start(ledger := FakeLedger())
    response = send(call.request(server))
    assert response.status_code == 200, response.text
    row = ledger.only()
    assert row.request_id == response.headers["x-request-id"]
    assert (row.outcome, row.status, row.key, row.currency) == (OK, 200, "static", "EUR")
    assert (row.capability, row.asked_model) == (call.capability, call.fields["model"])
    assert (row.provider, row.model) == ("local", call.model)
    assert (row.endpoint, row.n_attempts) == (f"local/{call.model}", 1)
    assert (row.audio_ms, row.n_characters) == (call.audio_ms, call.n_characters)
    assert (row.n_output_tokens, row.price_micros) == (call.n_output_tokens, 0)
    assert abs(time.time() - row.began_at.timestamp()) < TIMEOUT_S
    assert 0 <= row.took_ms < 1_000 * TIMEOUT_S


@every_call
def test_the_end_of_an_answer_comes_after_its_row(start: Start, call: Call) -> None:
    ledger = FakeLedger(gate := Gate())
    server = start(ledger)
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as line:
        line.sendall(written(call.request(server, Connection="close")))
        assert gate.reached.wait(TIMEOUT_S)
        before = until_silent(line)
        assert not ledger.rows_written
        gate.open()
        after = until_end(line)
    assert ledger.only().outcome == OK
    whole = before + after
    assert whole.startswith(b"HTTP/1.1 200")
    is_stream = b"transfer-encoding: chunked" in whole
    assert bool(before) is is_stream
    assert not before.endswith(ENDED)
    assert not is_stream or whole.endswith(ENDED)
    if call.end:
        assert call.end.encode() in after
        assert call.end.encode() not in before
        assert b"DONE" not in before
    elif is_stream:
        assert len(after) > len(ENDED), "some of the sound is kept back"


def written(request: httpx2.Request) -> bytes:
    """Return a request as it goes over the line."""
    target = request.url.raw_path.decode()
    lines = [f"POST {target} HTTP/1.1", *(f"{k}: {v}" for k, v in request.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + request.read()


def until_silent(line: socket.socket) -> bytes:
    received = b""
    line.settimeout(SILENT_S)
    try:
        while piece := line.recv(65_536):
            received += piece
    except TimeoutError:
        line.settimeout(TIMEOUT_S)
        return received
    raise AssertionError("the answer has ended")


def until_end(line: socket.socket) -> bytes:
    return b"".join(iter(lambda: line.recv(65_536), b""))


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_the_official_client_gets_its_answers_and_each_is_a_row(start: Start) -> None:
    server = start(ledger := FakeLedger())
    audio = server.client().audio
    answers: list[Any] = [
        audio.transcriptions.create(model="whisper-1", file=b"sound"),
        audio.translations.create(model="whisper-1", file=b"sound"),
    ]
    with audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT
    ) as speech:
        speech.read()
    stream = audio.transcriptions.create(model="whisper-1", file=b"sound", stream=True)
    assert [event.type for event in stream][-1] == "transcript.text.done"
    rows = ledger.rows_written
    assert [row.request_id for row in rows[:2]] == [answer._request_id for answer in answers]
    assert rows[2].request_id == speech.headers["x-request-id"]
    assert [row.capability.value for row in rows] == [
        "transcription",
        "translation",
        "speech",
        "transcription",
    ]


FAILURES = [
    (EngineError("broken"), "engine_error", 500),
    (UpstreamUnavailableError("down"), "upstream_unavailable", 503),
    (RuntimeError("canary"), "internal_error", 500),
]


@pytest.mark.parametrize(("error", "outcome", "status"), FAILURES)
@pytest.mark.parametrize(
    "name", ["transcription", "captions", "sound as it is made", "diarization"]
)
def test_an_error_is_a_row_that_costs_nothing(
    start: Start, name: str, error: Exception, outcome: str, status: int
) -> None:
    ledger = FakeLedger()
    server = start(
        ledger,
        transcriber=FakeTranscriber([error]),
        speaker=FakeSpeaker(error=error),
        diarizer=FakeDiarizer([error]),
    )
    response = send(CALLS[name].request(server))
    row = ledger.only()
    assert response.status_code == status
    assert row.request_id == response.headers["x-request-id"]
    assert (row.outcome, row.status) == (outcome, status)
    assert (row.price_micros, row.audio_ms, row.endpoint) == (0, 0, "")


@pytest.mark.parametrize("call", [STREAMED, SPEECH_EVENTS], ids=["text", "speech"])
@pytest.mark.parametrize(("error", "outcome", "_status"), FAILURES)
def test_a_stream_that_breaks_is_written_before_the_caller_is_told(
    start: Start, call: Call, error: Exception, outcome: str, _status: int
) -> None:
    ledger = FakeLedger(gate := Gate())
    server = start(
        ledger,
        transcriber=FakeTranscriber([HELLO[0], error]),
        speaker=FakeSpeaker(broken=error),
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as line:
        line.sendall(written(call.request(server, Connection="close")))
        assert gate.reached.wait(TIMEOUT_S)
        before = until_silent(line)
        gate.open()
        after = until_end(line)
    row = ledger.only()
    assert (row.outcome, row.status, row.price_micros) == (outcome, 200, 0)
    assert before.startswith(b"HTTP/1.1 200")
    assert b'"error"' not in before
    assert b'"error"' in after
    assert b".done" not in before + after


def test_sound_that_breaks_off_is_one_row(start: Start) -> None:
    ledger = FakeLedger()
    server = start(ledger, speaker=FakeSpeaker(broken=EngineError("broken")))
    with pytest.raises(httpx2.RemoteProtocolError):
        send(SOUND.request(server))
    row = ledger.awaited()
    assert (row.outcome, row.status, row.n_characters) == ("engine_error", 200, 0)


@pytest.mark.parametrize("call", [TRANSCRIBED, STREAMED, CALLS["diarization"]])
def test_a_caller_that_hangs_up_is_one_row(start: Start, call: Call) -> None:
    ledger, gate = FakeLedger(), Gate()
    server = start(
        ledger,
        transcriber=FakeTranscriber([HELLO[0], gate]),
        diarizer=FakeDiarizer([gate]),
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S) as line:
        line.sendall(written(call.request(server)))
        assert gate.reached.wait(TIMEOUT_S)
        assert not ledger.rows_written
    row = ledger.awaited()
    assert (row.outcome, row.status, row.price_micros) == (CLIENT_GONE, 499, 0)


@pytest.mark.parametrize(
    ("headers", "fields"), [({"Authorization": "Bearer wrong"}, {}), ({}, {"temperature": "hot"})]
)
def test_what_is_refused_before_it_is_understood_is_no_row(
    start: Start, headers: dict[str, str], fields: dict[str, str]
) -> None:
    server = start(ledger := FakeLedger())
    call = heard("transcriptions", Capability.TRANSCRIPTION, **fields)
    assert send(call.request(server, **headers)).status_code in {400, 401}
    assert not ledger.rows_written


def test_while_nothing_can_be_written_nothing_is_served(start: Start) -> None:
    ledger = FakeLedger(is_down=True)
    server = start(ledger)
    for _ in range(3):
        began_s = time.monotonic()
        response = send(TRANSCRIBED.request(server))
        assert time.monotonic() - began_s < 5.0
        assert response.headers["retry-after"] == "1"
        assert assert_envelope(response, 503)["code"] == "ledger_unavailable"
        assert "Hello" not in response.text
    assert len(server.transcriber.calls) == 1, "once it is known, no work is begun"
    for call in (SOUND, SPEECH_EVENTS, CALLS["diarization"], STREAMED):
        assert send(call.request(server)).status_code == 503
    assert not server.speaker.requests
    assert not server.diarizer.calls
    ledger.is_down = False
    assert send(TRANSCRIBED.request(server)).status_code == 200
    assert ledger.only().outcome == OK


@pytest.mark.parametrize("call", [STREAMED, SPEECH_EVENTS], ids=["text", "speech"])
def test_a_stream_that_cannot_be_written_down_ends_in_an_error(start: Start, call: Call) -> None:
    response = send(call.request(start(FakeLedger(is_down=True))))
    *_, last = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert json.loads(last)["error"]["code"] == "ledger_unavailable"
    assert ".done" not in response.text
    assert "DONE" not in response.text


def test_sound_that_cannot_be_written_down_never_ends(start: Start) -> None:
    server = start(FakeLedger(is_down=True))
    received = io.BytesIO()
    with httpx2.Client(timeout=TIMEOUT_S) as http:
        response = http.send(SOUND.request(server), stream=True)
        with pytest.raises(httpx2.RemoteProtocolError):
            received.writelines(response.iter_bytes())
    assert 0 < len(received.getvalue()) < 2 * RATE_HZ * SOUND.audio_ms / 1_000


async def test_the_row_costs_what_the_header_says() -> None:
    ledger = FakeLedger()
    near = place("near", prices=per_hour(360_000))
    places = Places((near,), {near.id: FakeTranscriber(HELLO, provider="near")})
    async with routed(places, ledger=ledger) as http:
        url, form = "/v1/audio/transcriptions", {"model": "large"}
        answer = await http.post(url, data=form, files={"file": b"sound"})
    row = ledger.only()
    assert answer.headers["x-loquent-price"] == f"0.{row.price_micros:06d} USD"
    assert (row.price_micros, row.endpoint, row.provider) == (247, near.id, "near")


async def test_speech_costs_what_the_header_says() -> None:
    ledger = FakeLedger()
    near = place("near", prices=(Price(PriceUnit.MILLION_CHARACTERS, 15_000_000),))
    places = Places((near,), speakers={near.id: FakeSpeaker()})
    async with routed(places, ledger=ledger) as http:
        body = {"model": "large", "input": TEXT, "voice": "hum"}
        answer = await http.post("/v1/audio/speech", json=body)
    row = ledger.only()
    assert answer.headers["x-loquent-price"] == f"0.{row.price_micros:06d} USD"
    assert (row.price_micros, row.endpoint) == (15 * len(TEXT), near.id)


async def test_all_attempts_are_counted() -> None:
    ledger = FakeLedger()
    near, far = place("near", prices=per_hour(1)), place("far", prices=per_hour(3_600_000))
    down = FakeTranscriber([UpstreamUnavailableError("near is down.")])
    places = Places((near, far), {near.id: down})
    async with routed(places, ledger=ledger) as http:
        form = {"model": "large", "preference": "cost"}
        await http.post("/v1/audio/transcriptions", data=form, files={"file": b"sound"})
    row = ledger.only()
    assert (row.endpoint, row.n_attempts, row.price_micros) == (far.id, 2, 2_470)


async def test_a_request_that_nobody_can_serve_is_a_row() -> None:
    ledger = FakeLedger()
    async with routed(Places(), ledger=ledger) as http:
        form = {"model": "nobody-has-it"}
        answer = await http.post("/v0/audio/transcriptions", data=form, files={"file": b"sound"})
    row = ledger.only()
    assert (row.outcome, row.status) == ("model_not_found", answer.status_code)
    assert (row.asked_model, row.endpoint) == ("nobody-has-it", "")
