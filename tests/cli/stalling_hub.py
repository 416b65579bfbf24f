"""A hub that stops in the middle of a download, until it is told to go on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WRITTEN_AT_ONCE_BYTES = 10 * 1024**2
"""The hub library hands on a download in pieces of this size."""

CONTENT = {
    "config.json": b"{}",
    "model.bin": bytes(2 * WRITTEN_AT_ONCE_BYTES + 1000),
    "tokenizer.json": b"{}",
}
COMMIT = "c" * 40


class StallingHub(ThreadingHTTPServer):
    """A hub with one model, owner/name; the first download of its weights stops halfway.

    Attributes:
        starts: from which byte each download of the weights was wanted.
        go_on: lets the first one send its other half.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.starts: list[int] = []
        self.go_on = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StallingHub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            siblings = [{"rfilename": name, "size": len(body)} for name, body in CONTENT.items()]
            listing = {"id": "owner/name", "sha": COMMIT, "siblings": siblings}
            self._begin(200, json.dumps(listing).encode())
        elif "/resolve/" in path:
            self._send_file(path.rpartition("/")[2])
        else:
            self._begin(404, b"{}")

    def _send_file(self, name: str) -> None:
        wanted = self.headers.get("Range", "bytes=0-")
        start = int(wanted.removeprefix("bytes=").partition("-")[0])
        content = CONTENT[name]
        if name == "model.bin":
            self.server.starts.append(start)
        if name == "model.bin" and len(self.server.starts) == 1:
            n_sent = WRITTEN_AT_ONCE_BYTES + 1
            self._begin(200, content, n_sent=n_sent)
            self.server.go_on.wait()
            with suppress(ConnectionError):  # whoever asked may have hung up
                self.wfile.write(content[n_sent:])
        elif start:
            rest = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._begin(206, content[start:], content_range=rest)
        else:
            self._begin(200, content)

    def _begin(
        self, status: int, body: bytes, *, n_sent: int | None = None, content_range: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body[:n_sent])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        del format, args


@contextmanager
def stalling_hub() -> Iterator[StallingHub]:
    """Serve until the block ends."""
    with StallingHub() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.go_on.set()
            server.shutdown()
            thread.join()
