"""The real hub library against a small hub that listens on this machine only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loquent.models.entry import HubLocation, ModelFile, entry_of_repository
from loquent.models.hub import Hub, HubFile
from loquent.models.hugging_face import HuggingFaceHub
from loquent.models.source import SourceError
from tests.unit.models.builders import COMMIT, CONTENT, sha256

IN_FOLDER = b"weights of another" * 50
_LOCATION = HubLocation("owner/name", COMMIT)
_MODEL = ModelFile("model.bin", len(CONTENT["model.bin"]), sha256(CONTENT["model.bin"]))


class _Endpoint(BaseHTTPRequestHandler):
    """Answers the two routes that a download needs, as the hub's documentation has them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in {"/api/models/owner/name", "/api/models/owner/name/revision/main"}:
            self._send(200, json.dumps(self._model()).encode())
        elif path.startswith(f"/owner/name/resolve/{COMMIT}/"):
            self._send_file({**CONTENT, "sub/dir/model.bin": IN_FOLDER}[path.split("/", 5)[5]])
        else:
            self._send(404, b"{}")

    def _model(self) -> dict[str, object]:
        siblings: list[dict[str, object]] = [
            {"rfilename": path, "size": len(data), "blobId": "0" * 40}
            for path, data in CONTENT.items()
        ]
        siblings[1]["lfs"] = {"sha256": _MODEL.sha256, "size": _MODEL.n_bytes, "pointerSize": 9}
        return {"id": "owner/name", "sha": COMMIT, "siblings": siblings}

    def _send_file(self, data: bytes) -> None:
        wanted = self.headers.get("Range", "")
        if wanted:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            self._send(206, data[start:], f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self._send(200, data)

    def _send(self, status: int, body: bytes, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        del format, args


@pytest.fixture
def hub() -> Iterator[HuggingFaceHub]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield HuggingFaceHub(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("revision", [None, "main"])
def test_a_snapshot_names_the_commit_and_the_known_checksums(
    hub: HuggingFaceHub, revision: str | None
) -> None:
    snapshot = hub.snapshot(HubLocation("owner/name", revision))
    assert snapshot.revision == COMMIT
    assert HubFile("model.bin", _MODEL.n_bytes, _MODEL.sha256) in snapshot.files
    assert HubFile("config.json", 2, None) in snapshot.files


def test_an_unknown_repository_is_a_failure_of_the_source(hub: HuggingFaceHub) -> None:
    with pytest.raises(SourceError, match="does not deliver"):
        hub.snapshot(HubLocation("owner/other"))


def test_a_file_is_downloaded_with_progress(hub: HuggingFaceHub, tmp_path: Path) -> None:
    progress: list[int] = []
    hub.download(_LOCATION, _MODEL, tmp_path / "part", progress.append)
    assert (tmp_path / "part").read_bytes() == CONTENT["model.bin"]
    assert progress[-1] == _MODEL.n_bytes


def test_a_file_is_resumed_from_its_part(hub: HuggingFaceHub, tmp_path: Path) -> None:
    progress: list[int] = []
    part = tmp_path / "part"
    part.write_bytes(CONTENT["model.bin"][:300])
    hub.download(_LOCATION, _MODEL, part, progress.append)
    assert part.read_bytes() == CONTENT["model.bin"]
    assert min(progress) > 300


def test_a_missing_file_is_a_failure_of_the_source(hub: HuggingFaceHub, tmp_path: Path) -> None:
    elsewhere = HubLocation("owner/other", COMMIT)
    with pytest.raises(SourceError, match="does not deliver"):
        hub.download(elsewhere, _MODEL, tmp_path / "part", lambda _: None)


def test_nobody_listening_is_a_failure_of_the_source() -> None:
    with pytest.raises(SourceError, match="does not deliver"):
        HuggingFaceHub("http://127.0.0.1:1").snapshot(HubLocation("owner/name"))


def test_a_whole_repository_is_fetched(hub: HuggingFaceHub, tmp_path: Path) -> None:
    source, model = Hub(hub), entry_of_repository("owner/name@main", ("en",))
    source.fetch(model, source.plan(model), tmp_path, lambda _: None)
    assert {path: (tmp_path / path).read_bytes() for path in CONTENT} == CONTENT


def test_a_file_of_a_folder_is_asked_for_there(hub: HuggingFaceHub, tmp_path: Path) -> None:
    location = HubLocation("owner/name", COMMIT, "sub/dir")
    file = ModelFile("model.bin", len(IN_FOLDER))
    hub.download(location, file, tmp_path / "part", lambda _: None)
    assert (tmp_path / "part").read_bytes() == IN_FOLDER
