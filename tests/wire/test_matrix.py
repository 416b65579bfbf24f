"""Every route against every way to fail; the routes come from the application itself."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from fastapi.routing import APIRoute

from loquent.api.app import ApiOptions, create_app
from loquent.api.parts import UploadLimits
from loquent.domain.errors import ModelNotFoundError
from tests.fakes.fake_directory import FakeDirectory
from tests.fakes.fake_transcriber import FakeTranscriber
from tests.fakes.services import fake_services
from tests.wire.conftest import KEY, LiveServer, running
from tests.wire.envelopes import assert_envelope

LIMITS = UploadLimits(max_file_bytes=1000, max_form_bytes=5000, max_reference_bytes=1000)
CANARY = RuntimeError("canary at /root/models/secret")


def _routes() -> list[APIRoute]:
    """Return all routes but those of administrators, whom the one key does not make."""
    app = create_app(fake_services(), ApiOptions())
    return [
        route
        for route in app.routes
        if isinstance(route, APIRoute)
        and not _is_for_administrators(route)
        and not route.path.startswith("/console")
        and route.path != "/"
    ]


def _is_for_administrators(route: APIRoute) -> bool:
    is_act = route.path.endswith(("/pull", "/unload")) or "DELETE" in (route.methods or ())
    return "/admin/" in route.path or "/deployments" in route.path or is_act


def _path(route: APIRoute) -> str:
    return route.path.replace("{id:model}", "whisper-1")


def _reads(route: APIRoute) -> str:
    """Return the type of body that a route declares, "" for none."""
    content = (route.openapi_extra or {}).get("requestBody", {}).get("content", {})
    return next(iter(content), "")


def _reading(content_type: str) -> list[str]:
    return sorted(_path(route) for route in _routes() if _reads(route) == content_type)


PATHS = sorted(_path(route) for route in _routes())
LISTS = {
    prefix + path for prefix in ("/v1", "/v0", "") for path in ("/audio/models", "/audio/voices")
}
PUBLIC = {"/healthz", "/readyz"} | LISTS
PRIVATE = sorted(set(PATHS) - PUBLIC)
POSTS = sorted(_path(route) for route in _routes() if "POST" in (route.methods or ()))
UPLOADS = _reading("multipart/form-data")
OBJECTS = _reading("application/json")
TEXTS = [path for path in OBJECTS if "/audio/speech" in path]
TRANSCRIPTIONS = [path for path in UPLOADS if "/diarization" not in path]
DIRECTORY = [path for path in PATHS if "models" in path]


@pytest.fixture(scope="module")
def strict() -> Iterator[LiveServer]:
    options = ApiOptions(api_key=KEY, limits=LIMITS)
    with running(options, FakeTranscriber(), FakeDirectory()) as live:
        yield live


@pytest.fixture(scope="module")
def http(strict: LiveServer) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=strict.url, headers=headers) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(strict: LiveServer) -> Iterator[httpx2.Client]:
    """A caller without a key."""
    with httpx2.Client(base_url=strict.url) as client:
        yield client


def _method(path: str) -> str:
    return "POST" if path in POSTS else "GET"


def _validation_status(path: str) -> int:
    return 422 if path.startswith("/v0/") else 400


def test_every_route_that_is_posted_to_says_what_it_reads() -> None:
    assert sorted([*UPLOADS, *OBJECTS]) == POSTS


def test_the_table_of_routes_is_the_promised_one() -> None:
    shared = {
        "/audio/transcriptions",
        "/speech/transcriptions",
        "/audio/translations",
        "/audio/diarization",
        "/models",
        "/models/whisper-1",
        "/route",
        "/pricing",
        "/audio/models",
        "/audio/voices",
        "/audio/speech",
        "/catalog",
        "/audio/speech/captions",
        "/subtitles",
        "/realtime/client_secrets",
        "/status",
        "/usage",
        "/usage/rows",
    }
    under_prefixes = {prefix + path for prefix in ("/v1", "/v0", "") for path in shared}
    assert set(PATHS) == under_prefixes | {"/healthz", "/readyz", "/metrics"}


@pytest.mark.parametrize("path", PRIVATE)
def test_without_a_key_every_private_route_refuses(stranger: httpx2.Client, path: str) -> None:
    response = stranger.request(_method(path), path)
    assert assert_envelope(response, 401)["code"] == "invalid_api_key"
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", PRIVATE)
def test_with_a_wrong_key_every_private_route_refuses(http: httpx2.Client, path: str) -> None:
    response = http.request(_method(path), path, headers={"Authorization": "Bearer wrong"})
    assert_envelope(response, 401)


@pytest.mark.parametrize("path", sorted(PUBLIC))
def test_public_routes_need_no_key(stranger: httpx2.Client, path: str) -> None:
    assert stranger.get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_wrong_method_is_405_and_names_the_right_one(http: httpx2.Client, path: str) -> None:
    allowed = "DELETE, GET" if path.endswith("/models/whisper-1") else _method(path)
    for method in ("PATCH", "PUT", "POST" if _method(path) == "GET" else "GET"):
        response = http.request(method, path)
        assert_envelope(response, 405)
        assert response.headers["allow"] == allowed


@pytest.mark.parametrize("path", UPLOADS)
def test_a_body_that_is_no_form_is_refused(http: httpx2.Client, path: str) -> None:
    assert_envelope(http.post(path, json={"model": "m"}), 415)
    assert_envelope(http.post(path), 415)
    bare = {"Content-Type": "multipart/form-data"}
    error = assert_envelope(
        http.post(path, content=b'{"model": "m"}', headers=bare), _validation_status(path)
    )
    assert "curl" in error["message"]


@pytest.mark.parametrize("path", TRANSCRIPTIONS)
def test_a_form_without_a_model_is_refused(http: httpx2.Client, path: str) -> None:
    response = http.post(path, files={"file": b"x"})
    assert assert_envelope(response, _validation_status(path))["param"] == "model"


@pytest.mark.parametrize("path", UPLOADS)
def test_a_form_without_a_file_is_refused(http: httpx2.Client, path: str) -> None:
    no_file = http.post(path, data={"model": "m"}, files={"other": (None, b"x")})
    assert assert_envelope(no_file, _validation_status(path))["param"] == "file"


@pytest.mark.parametrize("path", UPLOADS)
def test_the_limit_counts_the_file_alone_and_to_the_byte(http: httpx2.Client, path: str) -> None:
    for n_bytes, status in ((LIMITS.max_file_bytes, 200), (LIMITS.max_file_bytes + 1, 413)):
        response = http.post(path, data={"model": "m"}, files={"file": bytes(n_bytes)})
        assert response.status_code == status
    assert_envelope(response, 413)


@pytest.mark.parametrize("path", UPLOADS)
def test_a_declared_length_beyond_any_form_is_refused_unread(
    http: httpx2.Client, path: str
) -> None:
    response = http.post(path, data={"model": "m"}, files={"file": bytes(100_000)})
    assert "announces" in assert_envelope(response, 413)["message"]


@pytest.mark.parametrize("path", UPLOADS)
def test_an_unknown_model_is_404(
    strict: LiveServer, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    error = ModelNotFoundError("No model 'x'.", param="model")
    for engine in (strict.transcriber, strict.diarizer):
        monkeypatch.setattr(engine, "script", [error])
    response = http.post(path, data={"model": "x"}, files={"file": b"x"})
    assert assert_envelope(response, 404)["code"] == "model_not_found"


@pytest.mark.parametrize("path", UPLOADS)
def test_an_unforeseen_failure_is_a_silent_500(
    strict: LiveServer, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for engine in (strict.transcriber, strict.diarizer):
        monkeypatch.setattr(engine, "script", [CANARY])
    response = http.post(path, data={"model": "x"}, files={"file": b"x"})
    assert assert_envelope(response, 500)["code"] == "internal_error"
    assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", OBJECTS)
def test_a_body_that_is_no_json_is_refused(http: httpx2.Client, path: str) -> None:
    assert_envelope(http.post(path, data={"model": "m"}), 415)
    json = {"Content-Type": "application/json"}
    for body in (b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 50_000):
        assert_envelope(http.post(path, content=body, headers=json), _validation_status(path))


@pytest.mark.parametrize("path", TEXTS)
def test_a_text_that_lacks_a_field_is_refused(http: httpx2.Client, path: str) -> None:
    for body, param in (({"input": "x"}, "model"), ({"model": "m"}, "input")):
        error = assert_envelope(http.post(path, json=body), _validation_status(path))
        assert error["param"] == param


@pytest.mark.parametrize("path", TEXTS)
def test_a_text_beyond_any_limit_is_refused(http: httpx2.Client, path: str) -> None:
    too_long = http.post(path, json={"model": "m", "input": "x" * 5000})
    assert assert_envelope(too_long, _validation_status(path))["code"] == "input_too_long"
    too_large = http.post(path, json={"model": "m", "input": "x", "y": "x" * 400_000})
    assert_envelope(too_large, 413)


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize(
    ("failure", "status"),
    [(ModelNotFoundError("No such model.", param="model"), 404), (CANARY, 500)],
)
def test_a_failure_before_the_first_sound_is_a_plain_error(
    strict: LiveServer,
    http: httpx2.Client,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    failure: Exception,
    status: int,
) -> None:
    monkeypatch.setattr(strict.speaker, "error", failure)
    assert_envelope(http.post(path, json={"model": "m", "input": "hello"}), status)


@pytest.mark.parametrize("path", [*DIRECTORY, "/readyz"])
def test_an_unforeseen_failure_of_the_directory_is_a_silent_500(
    strict: LiveServer, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(strict.directory, "failure", CANARY)
    assert_envelope(http.get(path), 500)


@pytest.mark.parametrize("path", ["/nowhere", "/v1", "/v0/nowhere", "//v1/models", "/docs"])
def test_an_unknown_path_is_404_for_those_with_a_key(
    strict: LiveServer, http: httpx2.Client, stranger: httpx2.Client, path: str
) -> None:
    assert_envelope(http.get(strict.url + path), 404)
    assert_envelope(stranger.get(strict.url + path), 401)


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
def test_an_unknown_model_or_capability_is_refused(http: httpx2.Client, prefix: str) -> None:
    assert_envelope(http.get(f"{prefix}/models/no/such"), 404)
    response = http.get(f"{prefix}/models", params={"capability": "flying"})
    error = assert_envelope(response, _validation_status(f"{prefix}/"))
    assert error["param"] == "capability"
    assert "'transcription'" in error["message"]
