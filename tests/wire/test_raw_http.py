"""What no client library would send, byte by byte, and what clients do when they are refused."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import pytest

from loquent.api.app import ApiOptions
from loquent.api.parts import UploadLimits
from loquent.domain.transcript import Segment
from tests.fakes.fake_transcriber import HELLO, FakeTranscriber, Gate
from tests.wire.conftest import KEY, LiveServer, Serve

TIMEOUT_S = 10
STOPPED_WITHIN_S = 1.0
"""How long work may go on for a caller who has gone."""

BOUNDARY = "frontier"
LARGE_BYTES = 8 * 1024 * 1024


def form(more: Mapping[str, str] = MappingProxyType({}), *, file: bytes = b"RIFF") -> bytes:
    """Write a multipart form, the file first, as Node does."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    parts = [head.encode() + file + b"\r\n"]
    for name, value in {"model": "whisper-1", **more}.items():
        disposition = f'Content-Disposition: form-data; name="{name}"'
        parts.append(f"--{BOUNDARY}\r\n{disposition}\r\n\r\n{value}\r\n".encode())
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def head(start: str, *headers: str, key: str | None = KEY) -> bytes:
    """Write the head of a request."""
    lines = [f"{start} HTTP/1.1", "Host: loquent.test", *headers]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, "", ""]).encode()


def upload(body: bytes, path: str = "/v1/audio/transcriptions") -> bytes:
    """Write a whole upload."""
    content_type = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    return head(f"POST {path}", content_type, f"Content-Length: {len(body)}") + body


class Answer:
    """The parts of an HTTP answer."""

    def __init__(self, raw: bytes) -> None:
        head_bytes, _, self.body = raw.partition(b"\r\n\r\n")
        status_line, *lines = head_bytes.decode("latin-1").split("\r\n")
        self.status = int(status_line.split()[1])
        self.headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }


def connect(server: LiveServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_S)


def exchange(server: LiveServer, request: bytes) -> Answer:
    """Send a request, close our side of the line, and read to the end."""
    with connect(server) as line:
        line.sendall(request.replace(b"Host:", b"Connection: close\r\nHost:", 1))
        return Answer(read_all(line))


def read_all(line: socket.socket) -> bytes:
    return b"".join(iter(lambda: line.recv(65536), b""))


def read_until(line: socket.socket, mark: bytes) -> bytes:
    seen = b""
    while mark not in seen:
        piece = line.recv(65536)
        assert piece, f"the connection ended before {mark!r}: {seen!r}"
        seen += piece
    return seen


def pieces(n_bytes: int) -> Iterator[bytes]:
    piece = bytes(64 * 1024)
    for _ in range(n_bytes // len(piece)):
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/speech/transcriptions",
        "/speech/transcriptions",
        "/v0/speech/transcriptions",
        "/v1/audio/transcriptions/",
        "/audio/transcriptions//",
        "/v1/audio/transcriptions?api-version=1&x=%00",
    ],
)
def test_aliases_trailing_slashes_and_queries_reach_the_endpoint(
    server: LiveServer, path: str
) -> None:
    answer = exchange(server, upload(form(), path))
    assert answer.status == 200
    assert json.loads(answer.body)["text"] == "Hello there. General speech."


def test_a_slash_in_a_models_id_may_be_escaped(server: LiveServer) -> None:
    for path in ("/v1/models/fake%2Fbig", "/v1/models/fake/big", "/models/fake%2fbig/"):
        assert json.loads(exchange(server, head(f"GET {path}")).body)["id"] == "fake/big"


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 401), ("evil.test", 401), ("", 401), ("evil.test/healthz?", 400), ("a b", 400)],
)
def test_the_host_header_opens_nothing(server: LiveServer, host: str, status: int) -> None:
    start = b"GET /v1/models HTTP/1.1\r\n"
    stranger = start + f"Connection: close\r\nHost: {host}\r\n\r\n".encode()
    with connect(server) as line:
        line.sendall(stranger)
        assert Answer(read_all(line)).status == status


def test_head_answers_as_get_without_a_body(server: LiveServer) -> None:
    for path, status in (("/healthz", 200), ("/v1/models", 200), ("/v1/models/none", 404)):
        whole = exchange(server, head(f"GET {path}"))
        bare = exchange(server, head(f"HEAD {path}"))
        assert (bare.status, bare.body) == (status, b"")
        assert bare.headers["content-length"] == whole.headers["content-length"]


def test_options_names_the_methods(server: LiveServer) -> None:
    answer = exchange(server, head("OPTIONS /v1/audio/transcriptions"))
    assert (answer.status, answer.headers["allow"], answer.body) == (204, "POST", b"")


@pytest.mark.parametrize("header", [KEY, f"bearer {KEY}", f"Bearer  {KEY} "])
def test_the_key_may_come_with_or_without_its_scheme(server: LiveServer, header: str) -> None:
    request = head("GET /v1/models", f"Authorization: {header}", key=None)
    assert exchange(server, request).status == 200


def test_the_key_may_come_in_a_header_of_its_own(server: LiveServer) -> None:
    assert exchange(server, head("GET /v1/models", f"X-API-Key: {KEY}", key=None)).status == 200
    assert exchange(server, head("GET /v1/models", "X-API-Key: no", key=None)).status == 401


@pytest.mark.parametrize(
    ("offered", "is_kept"),
    [("trace-1_2.3", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("", False)],
)
def test_a_well_formed_request_id_is_kept(server: LiveServer, offered: str, is_kept: bool) -> None:
    answer = exchange(server, head("GET /healthz", f"X-Request-ID: {offered}"))
    given = answer.headers["x-request-id"]
    assert (given == offered) if is_kept else given.startswith("req_")


def test_ignored_fields_and_the_serving_model_stand_in_headers(server: LiveServer) -> None:
    answer = exchange(server, upload(form({"mystery": "1", "bad\x01nåme": "2"})))
    assert answer.status == 200
    assert answer.headers["x-loquent-ignored"].startswith("mystery, bad?n")
    assert answer.headers["x-loquent-model"] == "fake/tiny"


def test_a_stream_is_framed_as_events_and_ends_with_done(server: LiveServer) -> None:
    with connect(server) as line:
        line.sendall(upload(form({"stream": "true", "mystery": "1"})))
        answer = Answer(read_until(line, b"0\r\n\r\n"))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-loquent-ignored"] == "mystery"
    assert b'data: {"type":"transcript.text.delta"' in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_a_caller_who_still_uploads_sees_the_413(serve: Serve) -> None:
    limits = UploadLimits(max_file_bytes=100_000)
    server = serve(options=ApiOptions(limits=limits))
    opening = form(file=b"")[:-50].split(b"\r\n\r\n")[0] + b"\r\n\r\n"
    content_type = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"
    start = head("POST /v1/audio/transcriptions", content_type, "Transfer-Encoding: chunked")
    with connect(server) as line:
        line.sendall(start + b"%x\r\n%s\r\n" % (len(opening), opening))
        for piece in pieces(LARGE_BYTES):
            line.sendall(piece)  # a reset connection would raise here
        answer = Answer(read_all(line))
    assert answer.status == 413
    assert json.loads(answer.body)["error"]["code"] == "payload_too_large"
    assert answer.headers["connection"] == "close"


def test_a_caller_without_a_key_who_still_uploads_sees_the_401(server: LiveServer) -> None:
    start = head("POST /v1/audio/transcriptions", "Transfer-Encoding: chunked", key=None)
    with connect(server) as line:
        line.sendall(start)
        for piece in pieces(LARGE_BYTES):
            line.sendall(piece)
        assert Answer(read_all(line)).status == 401


def test_a_short_refused_body_leaves_the_connection_usable(server: LiveServer) -> None:
    body = form()
    request = head("POST /nowhere", f"Content-Length: {len(body)}") + body
    with connect(server) as line:
        for _ in range(3):
            line.sendall(request)
            answer = Answer(read_until(line, b"}}"))
            assert answer.status == 404
            assert "connection" not in answer.headers


def test_a_caller_who_waits_for_permission_is_refused_at_once(server: LiveServer) -> None:
    large = f"Content-Length: {LARGE_BYTES}"
    request = head("POST /v1/audio/transcriptions", large, "Expect: 100-continue", key="wrong")
    with connect(server) as line:
        line.settimeout(2)  # less than the server drains
        line.sendall(request)
        assert Answer(read_all(line)).status == 401


@pytest.mark.parametrize("stream", ["false", "true"])
@pytest.mark.parametrize("said", [(), HELLO[:1]])
def test_work_stops_when_the_caller_hangs_up(
    serve: Serve, stream: str, said: tuple[Segment, ...]
) -> None:
    gate = Gate()
    server = serve(FakeTranscriber([*said, gate]))
    with connect(server) as line:
        line.sendall(upload(form({"stream": stream})))
        assert gate.reached.wait(TIMEOUT_S)
        (call,) = server.transcriber.calls
        assert call.path.exists()
    assert server.transcriber.was_cut_short.wait(STOPPED_WITHIN_S)


def test_a_caller_who_hangs_up_during_the_upload_starts_no_work(server: LiveServer) -> None:
    n_calls = len(server.transcriber.calls)
    with connect(server) as line:
        line.sendall(upload(form())[:-100])
    assert exchange(server, head("GET /healthz")).status == 200
    assert len(server.transcriber.calls) == n_calls


def test_a_late_first_event_is_preceded_by_nothing(serve: Serve) -> None:
    gate = Gate()
    server = serve(FakeTranscriber([gate, *HELLO]))
    with connect(server) as line:
        line.sendall(upload(form({"stream": "true"})))
        assert gate.reached.wait(TIMEOUT_S)
        gate.open()
        assert b"200 OK" in read_until(line, b"[DONE]")


D5_BODY = b'{"model": "text", "file": "binary", "timestamp_granularities": ["word"]}'

MALFORMED = [
    (b"", "multipart/form-data"),
    (D5_BODY, "multipart/form-data"),
    (form(), "multipart/form-data; boundary="),
    (form(), "multipart/form-data; boundary=other"),
    (form(), 'multipart/form-data; boundary="'),
    (form()[:-30], f"multipart/form-data; boundary={BOUNDARY}"),
    (b"--frontier\r\n\r\n\r\n--frontier--", f"multipart/form-data; boundary={BOUNDARY}"),
    (b"\x00\xff" * 500, f"multipart/form-data; boundary={BOUNDARY}"),
    (form({"temperature": "NaN"}), f"multipart/form-data; boundary={BOUNDARY}"),
    (form({"stream": "maybe"}), f"multipart/form-data; boundary={BOUNDARY}"),
    (form({"response_format": "pdf"}), f"multipart/form-data; boundary={BOUNDARY}"),
    (
        form({"chunking_strategy": '{"type": "\\ud800"}'}),
        f"multipart/form-data; boundary={BOUNDARY}",
    ),
    (form({"timestamp_granularities": "letter"}), f"multipart/form-data; boundary={BOUNDARY}"),
]


@pytest.mark.parametrize(("path", "status"), [("/v1", 400), ("/v0", 422), ("", 400)])
@pytest.mark.parametrize(("body", "content_type"), MALFORMED)
def test_malformed_uploads_are_answered_in_the_envelope(
    server: LiveServer, path: str, status: int, body: bytes, content_type: str
) -> None:
    headers = (f"Content-Type: {content_type}", f"Content-Length: {len(body)}")
    answer = exchange(server, head(f"POST {path}/audio/transcriptions", *headers) + body)
    assert answer.status == status
    assert set(json.loads(answer.body)["error"]) == {"message", "type", "param", "code"}
