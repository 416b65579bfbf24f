"""Who may open a transcription session: those with the key, and those with a secret made by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest

from loquent.api.app import ApiOptions
from loquent.api.live.issued_secrets import IssuedSecrets
from tests.fakes.scripted_live import ScriptedTranscriber
from tests.wire.conftest import KEY
from tests.wire.envelopes import assert_envelope
from tests.wire.realtime import ADDRESS, RealtimeServer, realtime_server

SECRETS = "/realtime/client_secrets"
NOW_S = 1_800_000_000
TOKEN = "openai-insecure-api-key."


@dataclass
class Clock:
    now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def server(clock: Clock) -> Iterator[RealtimeServer]:
    options = ApiOptions(api_key=KEY, default_model="whisper-base")
    with realtime_server(ScriptedTranscriber(), options, IssuedSecrets(clock)) as server:
        yield server


@pytest.fixture
def client(server: RealtimeServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.base_url, api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture
def http(server: RealtimeServer) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx2.Client(base_url=server.base_url, headers=headers) as client:
        yield client


WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "bearer": (ADDRESS, {"headers": {"Authorization": "Bearer {}"}}),
    "bare": (ADDRESS, {"headers": {"Authorization": "{}"}}),
    "header": (ADDRESS, {"headers": {"X-API-Key": "{}"}}),
    "query": (ADDRESS + "&api_key={}", {"headers": {}}),
    "subprotocol": (ADDRESS, {"headers": {}, "subprotocols": ["realtime", TOKEN + "{}"]}),
}


def knocking(way: str, key: str) -> tuple[str, dict[str, Any]]:
    """Return the address and the options with which `key` is presented in that way."""
    path, options = WAYS[way]
    headers = {name: text.format(key) for name, text in options["headers"].items()}
    offered = [text.format(key) for text in options.get("subprotocols", ())]
    return path.format(key), {"headers": headers, "subprotocols": offered or None}


@pytest.mark.parametrize("way", WAYS)
def test_the_key_opens_a_session_however_it_is_sent(server: RealtimeServer, way: str) -> None:
    path, options = knocking(way, KEY)
    with server.open(path, **options) as caller:
        chosen = "realtime" if way == "subprotocol" else None
        assert caller.connection.subprotocol == chosen


@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_key_is_refused_with_a_reason(server: RealtimeServer, way: str) -> None:
    path, options = knocking(way, "ek_wrong")
    with server.knock(path, **options) as caller:
        code, reason = caller.closing()
        assert (caller.connection.subprotocol is None) is (way != "subprotocol")
    assert code == 3000
    assert reason.startswith("invalid_api_key: The API key is not valid")


def test_without_a_key_a_caller_is_told_how_to_send_one(server: RealtimeServer) -> None:
    with server.knock(key=None) as caller:
        code, reason = caller.closing()
    assert code == 3000
    assert reason.startswith("invalid_api_key: No API key was sent. Send it as")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
def test_a_secret_opens_sessions_that_begin_as_it_says(
    server: RealtimeServer, client: openai.OpenAI, way: str, prefix: str
) -> None:
    made = client.realtime.client_secrets.create(
        session={
            "type": "transcription",
            "audio": {"input": {"transcription": {"model": "whisper-1", "language": "de"}}},
        }
    )
    path, options = knocking(way, made.value)
    for _ in range(2):
        with server.knock(path.replace("/v1", prefix), **options) as caller:
            session = caller.expect("session.created")["session"]
            assert session["audio"]["input"]["transcription"]["language"] == "de"
    assert server.live.request.model == "whisper-1"


def test_a_secret_is_shown_with_its_session(client: openai.OpenAI) -> None:
    made = client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60},
        session={
            "type": "transcription",
            "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}},
            "include": ["item.input_audio_transcription.logprobs"],
        },
    )
    assert made.value.startswith("ek_")
    assert made.expires_at == NOW_S + 60
    session = made.session
    assert session.type == "transcription"
    assert session.object == "realtime.transcription_session"
    assert session.id.startswith("sess_")
    assert session.expires_at == NOW_S + 60
    assert session.include == ["item.input_audio_transcription.logprobs"]
    assert session.audio is not None
    assert session.audio.input is not None
    assert session.audio.input.turn_detection is not None
    assert session.audio.input.turn_detection.threshold == 0.7
    assert session.audio.input.transcription is not None
    assert session.audio.input.transcription.model == "whisper-base"


def test_a_secret_without_wishes_lasts_ten_minutes(
    server: RealtimeServer, client: openai.OpenAI, clock: Clock
) -> None:
    made = client.realtime.client_secrets.create()
    assert made.expires_at == NOW_S + 600
    try:
        clock.now_s = NOW_S + 599.9
        with server.open(key=made.value) as caller:
            clock.now_s = NOW_S + 600
            caller.update()  # a session that is open stays so
        with server.knock(key=made.value) as caller:
            assert caller.closing()[0] == 3000
    finally:
        clock.now_s = NOW_S


def test_a_secret_opens_nothing_else(server: RealtimeServer, client: openai.OpenAI) -> None:
    value = client.realtime.client_secrets.create().value
    with server.knock("/v1/audio/transcriptions-realtime?model=m", key=value) as caller:
        assert caller.closing()[0] == 3000
    headers = {"Authorization": f"Bearer {value}"}
    with httpx2.Client(base_url=server.base_url, headers=headers) as guest:
        assert_envelope(guest.get("/models"), 401)
        assert_envelope(guest.get("/realtime"), 401)
        assert_envelope(guest.post(SECRETS, json={}), 401)


def test_the_address_may_name_another_model_than_the_secret(
    server: RealtimeServer, client: openai.OpenAI
) -> None:
    value = client.realtime.client_secrets.create().value
    with server.open(f"{ADDRESS}&model=whisper-large-v3", key=value):
        assert server.live.request.model == "whisper-large-v3"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds", "invalid_value"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds", "invalid_value"),
        ({"expires_after": {"seconds": "60"}}, "expires_after.seconds", "invalid_value"),
        ({"expires_after": {"anchor": "now"}}, "expires_after.anchor", "unsupported_value"),
        ({"session": []}, "session", "invalid_value"),
        ({"session": {"type": "realtime"}}, "session.type", "unsupported_value"),
        ({"session": {"audio": {"x": 1}}}, "session.audio.x", "unknown_parameter"),
        ({"model": "whisper-1"}, "model", "unknown_parameter"),
    ],
)
def test_a_wish_that_cannot_be_had_is_refused(
    http: httpx2.Client, body: dict[str, object], param: str, code: str
) -> None:
    error = assert_envelope(http.post(SECRETS, json=body), 400)
    assert (error["param"], error["code"]) == (param, code)


def test_a_body_that_cannot_be_read_is_refused(http: httpx2.Client) -> None:
    json_type = {"Content-Type": "application/json"}
    assert_envelope(http.post(SECRETS, content=b"{", headers=json_type), 400)
    assert_envelope(http.post(SECRETS, content=b"x"), 415)
    assert_envelope(http.post(SECRETS, content=b" " * 70_000, headers=json_type), 413)


def test_secrets_are_made_under_every_prefix(http: httpx2.Client, server: RealtimeServer) -> None:
    for prefix, status in (("/v1", 400), ("/v0", 422), ("", 400)):
        url = server.base_url.removesuffix("/v1") + prefix + SECRETS
        assert http.post(url, json={}).json()["value"].startswith("ek_")
        assert_envelope(http.post(url, json={"x": 1}), status)


def test_without_a_key_anybody_may_come_and_secrets_still_configure() -> None:
    with realtime_server(ScriptedTranscriber(), ApiOptions()) as server:
        with server.open(key=None), server.open(key="ek_unknown"):
            pass
        wishes = {"session": {"audio": {"input": {"turn_detection": None}}}}
        value = httpx2.post(server.base_url + SECRETS, json=wishes).json()["value"]
        with server.knock(key=value) as caller:
            session = caller.expect("session.created")["session"]
            assert session["audio"]["input"]["turn_detection"] is None
