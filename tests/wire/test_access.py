"""Every route against every kind of caller; both come from the application itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import NamedTuple

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIWebSocketRoute
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from loquent.accounting.keyring import KeyRing
from loquent.accounting.keys import KeyHasher, KeyText, new_key
from loquent.accounting.registry import Registry
from loquent.api.access import ANY_KEY, PUBLIC, Access, Entrances, declared
from loquent.api.app import ApiOptions, create_app
from loquent.domain.accounts import AccountChange, AuditEntry, Key, Project, Reach, Scope
from tests.fakes.fake_accounts import FakeAccounts
from tests.fakes.key_books import HASHER, NOW, PROJECT, book_of, key_for, new_key_for
from tests.fakes.listed_ledger import ListedLedger
from tests.fakes.services import fake_services
from tests.vendors.server import serving
from tests.wire.conftest import KEY
from tests.wire.envelopes import assert_envelope

PASS, UNKNOWN, DENIED = "pass", "401", "403"
BY_STATUS = {401: UNKNOWN, 403: DENIED}
BY_CLOSE_CODE = {3000: UNKNOWN, 3003: DENIED}
PREFIXES = ("/v1", "/v0", "")
UPGRADE = [
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
]
ALL = frozenset(Scope)
OVER = Project("proj_over", "org_acme", "Over", NOW, closed_at=NOW)


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


class Rights(NamedTuple):
    """What a caller ought to have."""

    scopes: frozenset[Scope]
    reach: Reach = Reach.PROJECT


@dataclass
class Callers:
    """One of each kind: what it presents, and what it ought to have; None for nobody known."""

    keys: list[Key] = field(default_factory=list)
    texts: dict[str, str | None] = field(default_factory=dict)
    rights: dict[str, Rights | None] = field(default_factory=dict)

    def add(self, name: str, text: str | None, rights: Rights | None = None) -> None:
        self.texts[name], self.rights[name] = text, rights

    def add_key(self, name: str, rights: Rights | None, **fields: object) -> Key:
        key, text = new_key_for(**fields)
        self.keys.append(key)
        self.add(name, text, rights)
        return key


def _callers() -> Callers:
    found = Callers()
    found.add("no key", None)
    found.add("garbage", "rubbish")
    found.add("an unknown id", str(new_key()))
    text = new_key()
    found.keys.append(key_for(text, reach=Reach.SERVER))
    found.add("a wrong secret", str(KeyText(text.id, new_key().secret)))
    text = new_key()
    found.keys.append(key_for(text, digest=KeyHasher(bytes(32)).digest(text)))
    found.add("a key of another pepper", str(text))
    found.add_key("revoked", None, revoked_at=NOW)
    found.add_key("expired", None, expires_at=NOW)
    found.add_key("of a closed project", None, project_id=OVER.id)
    maker = found.add_key("a revoked maker", None, revoked_at=NOW)
    found.add_key("made by it", None, parent_id=maker.id)
    for scope in Scope:
        alone = frozenset({scope})
        found.add_key(f"{scope} alone", Rights(alone), scopes=alone)
        others = ALL - alone
        found.add_key(f"all but {scope}", Rights(others), scopes=others)
        every = Rights(alone, Reach.SERVER)
        found.add_key(f"{scope} of all", every, scopes=alone, reach=Reach.SERVER)
    found.add_key("no scope", Rights(frozenset()), scopes=frozenset())
    found.add_key("admin", Rights(ALL, Reach.SERVER), reach=Reach.SERVER)
    found.add("static", KEY, Rights(frozenset({Scope.INFERENCE, Scope.USAGE}), Reach.SERVER))
    return found


CALLERS = _callers()


def _app(
    options: ApiOptions, store: FakeAccounts | None = None, clock: Clock | None = None
) -> FastAPI:
    ring = None
    services = fake_services(ledger=ListedLedger())
    if store is not None:
        ring = KeyRing(store, HASHER, clock or Clock(), lambda: NOW)
        services = replace(services, keys=ring, registry=Registry(store, ring, HASHER))
    return create_app(services, options)


def _store(*keys: Key) -> FakeAccounts:
    return FakeAccounts(book_of(*keys, projects=[PROJECT, OVER]))


@cache
def _matrix_app(*, open_lists: bool) -> FastAPI:
    """Return the application that all kinds of callers knock at."""
    return _app(ApiOptions(api_key=KEY, open_lists=open_lists), _store(*CALLERS.keys))


@asynccontextmanager
async def _served(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(app) as url, httpx2.AsyncClient(base_url=url, timeout=30) as client:
        yield client


class Door(NamedTuple):
    """One method of one address; "WS" for a socket."""

    method: str
    path: str
    template: str


def _doors() -> list[Door]:
    doors = []
    for route in _app(ApiOptions(api_key=KEY), FakeAccounts()).routes:
        assert isinstance(route, Route | APIWebSocketRoute)
        template = re.sub(r"^/v[01]/", "/", route.path)
        path = re.sub(r"\{[^}]*\}", "whisper-1", route.path)
        methods = {"WS"} if isinstance(route, APIWebSocketRoute) else set(route.methods or ())
        doors += [Door(method, path, template) for method in sorted(methods)]
    return doors


DOORS = _doors()


def _needed(door: Door, table: Mapping[str, Access]) -> Access:
    """Return what the table declares for one method of an address."""
    return table.get(f"{door.method} {door.template}") or table[door.template]


def _due(access: Access, rights: Rights | None) -> str:
    """Say what ought to come of knocking."""
    if access.is_public:
        return PASS
    if rights is None:
        return UNKNOWN
    is_allowed = access.scope in rights.scopes or access.scope is None
    return PASS if is_allowed and rights.reach.covers(access.reach) else DENIED


async def _knock(client: httpx2.AsyncClient, door: Door, text: str | None) -> str:
    headers = {"Authorization": f"Bearer {text}"} if text else {}
    if door.method == "WS":
        return await _knock_at_socket(str(client.base_url), door.path, headers)
    response = await client.request(door.method, door.path, headers=headers)
    return BY_STATUS.get(response.status_code, PASS)


async def _knock_at_socket(url: str, path: str, headers: Mapping[str, str]) -> str:
    address = url.replace("http", "ws", 1).rstrip("/") + path + "?model=whisper-1"
    async with connect(address, additional_headers=headers, proxy=None) as socket:
        try:
            await socket.send("rubbish")
            await socket.recv()
        except ConnectionClosed as closed:
            return BY_CLOSE_CODE.get(closed.rcvd.code if closed.rcvd else 0, PASS)
    return PASS


@pytest.mark.parametrize(
    ("name", "open_lists"),
    [*((name, True) for name in CALLERS.texts), ("no key", False), ("no scope", False)],
)
async def test_every_door_opens_for_whom_it_should(name: str, *, open_lists: bool) -> None:
    table = declared(open_lists=open_lists)
    async with _served(_matrix_app(open_lists=open_lists)) as client:
        found = {door: await _knock(client, door, CALLERS.texts[name]) for door in DOORS}
    rights = CALLERS.rights[name]
    assert found == {door: _due(_needed(door, table), rights) for door in DOORS}


@pytest.mark.parametrize(
    ("scope", "path", "outcome"),
    [
        (Scope.INFERENCE, "/v1/audio/transcriptions", PASS),
        (Scope.INFERENCE, "/audio/speech", PASS),
        (Scope.INFERENCE, "/v1/usage", DENIED),
        (Scope.INFERENCE, "/v0/usage/rows", DENIED),
        (Scope.INFERENCE, "/metrics", DENIED),
        (Scope.USAGE, "/v1/usage", PASS),
        (Scope.USAGE, "/metrics", DENIED),
        (Scope.USAGE, "/v1/audio/transcriptions", DENIED),
        (Scope.USAGE, "/v1/realtime/client_secrets", DENIED),
        (Scope.USAGE, "/v1/models", PASS),
        (Scope.ADMIN, "/v1/usage", DENIED),
        (Scope.ADMIN, "/v1/audio/speech", DENIED),
        (Scope.ADMIN, "/v1/models/whisper-1/pull", DENIED),
    ],
)
async def test_what_each_scope_is_for(scope: Scope, path: str, outcome: str) -> None:
    door = next(door for door in DOORS if door.path == path)
    async with _served(_matrix_app(open_lists=True)) as client:
        assert await _knock(client, door, CALLERS.texts[f"{scope} alone"]) == outcome


def test_the_routes_have_sockets_and_parameters_among_them() -> None:
    assert {door.method for door in DOORS} >= {"GET", "POST", "WS", "HEAD"}
    assert {prefix + "/usage" for prefix in PREFIXES} <= {door.path for door in DOORS}
    assert any("{" in door.template for door in DOORS)


def test_nothing_is_declared_that_is_not_there() -> None:
    there = {door.template for door in DOORS} | {f"{door.method} {door.template}" for door in DOORS}
    table = declared(open_lists=True)
    assert set(table) <= there
    assert {door.template for door in DOORS} <= set(table)


def test_a_route_that_nothing_is_declared_for_stops_the_server() -> None:
    entrances = Entrances({"/usage": ANY_KEY})
    entrances.add([Route("/v1/usage", _nothing)])
    for path in ("/v1/secrets", "/v2/usage", "/usages", "/v1/v1/usage"):
        with pytest.raises(RuntimeError, match=path):
            entrances.add([Route(path, _nothing)])


async def _nothing() -> None: ...


def test_the_server_looks_at_all_its_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(*, open_lists: bool) -> Mapping[str, Access]:
        return {path: need for path, need in table.items() if path != "/usage/rows"}

    table = declared(open_lists=True)
    monkeypatch.setattr("loquent.api.app.declared", forgetful)
    with pytest.raises(RuntimeError, match=r"/v1/usage/rows: say in api/access\.py"):
        _app(ApiOptions())


def test_what_needs_no_key_is_described_so() -> None:
    app = _app(ApiOptions())
    open_ones = {
        path
        for path, item in app.openapi()["paths"].items()
        if any(operation.get("security") == [] for operation in item.values())
    }
    lists = {prefix + path for prefix in PREFIXES for path in ("/audio/models", "/audio/voices")}
    assert open_ones == {"/healthz", "/readyz"} | lists


@pytest.mark.parametrize(
    "path", ["/v1/usage%0A", "/v1/usage/", "/v1/usage%2F", "/v0/usage/rows%0A", "/%76%31/usage"]
)
async def test_no_spelling_of_an_address_leads_around_its_door(path: str) -> None:
    headers = {"Authorization": f"Bearer {CALLERS.texts['inference alone']}"}
    async with _served(_matrix_app(open_lists=True)) as client:
        response = await client.get(path, headers=headers)
    assert_envelope(response, 403)


async def test_where_nothing_is_every_key_is_told_so_and_nobody_else() -> None:
    async with _served(_matrix_app(open_lists=True)) as client:
        for name, status in (("no scope", 404), ("garbage", 401), ("no key", 401)):
            text = CALLERS.texts[name]
            headers = {"Authorization": f"Bearer {text}"} if text else {}
            for path in ("/nowhere", "/v1/healthz", "/v2/usage", "/v1/v0/usage", "/v1//usage"):
                assert_envelope(await client.get(path, headers=headers), status)


async def test_a_refusal_says_what_is_missing() -> None:
    async with _served(_matrix_app(open_lists=True)) as client:
        headers = {"X-API-Key": CALLERS.texts["inference alone"] or ""}
        error = assert_envelope(await client.get("/v1/usage", headers=headers), 403)
        assert error["code"] == "permission_denied"
        assert "the scope 'usage', and yours has 'inference'" in error["message"]
        headers = {"X-API-Key": CALLERS.texts["usage alone"] or ""}
        error = assert_envelope(await client.get("/metrics", headers=headers), 403)
        assert "the reach 'server', and yours is of 'project'" in error["message"]


@pytest.mark.parametrize(
    "lines",
    [
        [b"Authorization: Bearer " + b"k" * 8_000],
        [b"Authorization: Bearer lq_\xe9\xff\x80"],
        [b"Authorization: Bearer lq_a", b"Authorization: Bearer lq_b"],
        [b"AUTHORIZATION: bEaReR \xc3\xa9"],
        [b"X-API-Key:\t" + b"\xff" * 1_000],
    ],
    ids=lambda lines: ascii(lines[0][:40]),
)
@pytest.mark.parametrize("is_socket", [True, False])
async def test_what_no_client_sends_is_refused_in_peace(
    lines: list[bytes], *, is_socket: bool
) -> None:
    async with serving(_matrix_app(open_lists=True)) as url:
        answer = await _raw(int(url.rpartition(":")[2]), lines, is_socket=is_socket)
    if is_socket:
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"invalid_api_key: The API key is not valid" in answer
    else:
        assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_key_of_a_hundred_thousand_letters_is_refused_in_peace() -> None:
    long = b"Authorization: Bearer " + b"k" * 100_000
    async with serving(_matrix_app(open_lists=True)) as url:
        answer = await _raw(int(url.rpartition(":")[2]), [long], is_socket=False)
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_protocol_that_is_no_text_is_refused_in_peace() -> None:
    offered = b"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.lq_\xe9\xff"
    async with serving(_matrix_app(open_lists=True)) as url:
        answer = await _raw(int(url.rpartition(":")[2]), [offered], is_socket=True)
    assert re.match(rb"HTTP/1\.1 (101|4\d\d) ", answer)


async def _raw(port: int, lines: Sequence[bytes], *, is_socket: bool) -> bytes:
    """Send a request with these header lines, byte for byte; return all that comes back."""
    path, more = b"/v1/models", [b"Connection: close"]
    if is_socket:
        path, more = b"/v1/realtime", UPGRADE
    head = [b"GET " + path + b" HTTP/1.1", b"Host: here", *more, *lines, b"", b""]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(10):
            writer.write(b"\r\n".join(head))
            answer = await reader.readuntil(b"\r\n\r\n")
            return answer + await reader.read(4_096)
    finally:
        writer.close()
        await writer.wait_closed()


# Time


async def test_a_revoked_key_ends_within_a_second() -> None:
    key, text = new_key_for()
    store, clock = FakeAccounts(book_of(key)), Clock()
    door = next(door for door in DOORS if door.path == "/v1/models")
    async with _served(_app(ApiOptions(), store, clock)) as client:
        assert await _knock(client, door, text) == PASS
        change = AccountChange(keys=(replace(key, revoked_at=NOW),))
        await store.change(change, AuditEntry(NOW, "operator", "key.revoke", key.id), base=1)
        clock.now_s += 0.999
        assert await _knock(client, door, text) == UNKNOWN


async def test_while_keys_cannot_be_looked_up_nobody_passes_but_the_static_key() -> None:
    store, clock = _store(*CALLERS.keys), Clock()
    async with _served(_app(ApiOptions(api_key=KEY), store, clock)) as client:
        store.is_down = True
        headers = {"Authorization": f"Bearer {CALLERS.texts['admin']}"}
        response = await client.get("/v1/models", headers=headers)
        assert assert_envelope(response, 503)["code"] == "ledger_unavailable"
        assert response.headers["retry-after"] == "1"
        address = str(client.base_url).replace("http", "ws").rstrip("/") + "/v1/realtime"
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        with_static = {"Authorization": f"Bearer {KEY}"}
        assert (await client.get("/v1/models", headers=with_static)).status_code == 200
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/v1/audio/models")).status_code == 200


async def test_a_client_secret_ends_with_the_key_that_gave_it_out() -> None:
    key, text = new_key_for(scopes=frozenset({Scope.INFERENCE}))
    store, clock = FakeAccounts(book_of(key)), Clock()
    socket, other = (
        next(door for door in DOORS if door.path == path)
        for path in ("/v1/realtime", "/v1/audio/transcriptions-realtime")
    )
    async with _served(_app(ApiOptions(), store, clock)) as client:
        made = await client.post(
            "/v1/realtime/client_secrets", json={}, headers={"X-API-Key": text}
        )
        secret = made.json()["value"]
        assert await _knock(client, socket, secret) == PASS
        assert await _knock(client, other, secret) == UNKNOWN
        change = AccountChange(keys=(replace(key, revoked_at=NOW),))
        await store.change(change, AuditEntry(NOW, "operator", "key.revoke", key.id), base=1)
        clock.now_s += 1
        assert await _knock(client, socket, secret) == UNKNOWN


# Without a static key


async def test_a_server_is_open_until_its_first_key_is_made() -> None:
    store, clock = FakeAccounts(book_of(version=1)), Clock()
    key, text = new_key_for(expires_at=NOW + timedelta(days=1))
    async with _served(_app(ApiOptions(), store, clock)) as client:
        for headers in ({}, {"Authorization": "Bearer anything"}):
            assert (await client.get("/v1/models", headers=headers)).status_code == 200
            assert (await client.get("/metrics", headers=headers)).status_code == 200
        entry = AuditEntry(NOW, "operator", "key.create", key.id)
        await store.change(AccountChange(keys=(key,)), entry, base=1)
        clock.now_s += 1
        error = assert_envelope(await client.get("/v1/models"), 401)
        assert "needs one since its first was made" in error["message"]
        assert "`loquent keys create`" in error["message"]
        for wrong in ("anything", str(new_key())):
            response = await client.get("/v1/models", headers={"Authorization": f"Bearer {wrong}"})
            assert "wrong, revoked or expired" in assert_envelope(response, 401)["message"]
        right = {"Authorization": f"Bearer {text}"}
        assert (await client.get("/v1/models", headers=right)).status_code == 200


def test_public_and_any_key_are_not_the_same() -> None:
    assert PUBLIC != ANY_KEY
