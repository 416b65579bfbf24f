"""Whom the reception takes a caller for, and what it makes of what nobody should send."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.routing import Route
from starlette.types import Message, Scope

from loquent.accounting.keyring import KeyRing
from loquent.accounting.keys import KeyText, new_key
from loquent.api.access import Entrances, declared
from loquent.api.auth import ANYBODY, HOLDER, Authenticate, Reception
from loquent.api.live.issued_secrets import IssuedSecret, IssuedSecrets
from loquent.api.live.openai_session import SessionConfig
from loquent.domain.accounts import AccountChange, AuditEntry, Caller, Key
from loquent.domain.accounts import Scope as KeyScope
from loquent.domain.errors import AuthenticationError
from tests.fakes.fake_accounts import FakeAccounts
from tests.fakes.key_books import HASHER, NOW, book_of, key_for

STATIC = "the-static-key"
ENTRY = AuditEntry(NOW, "operator", "key.change", "a")
FIXED = KeyText("onekeyforalltest", "s" * 52)  # names of tests must not change from run to run
ONE, TEXT = key_for(FIXED), str(FIXED)


def asking(*headers: tuple[str, str | bytes], **more: Any) -> Scope:
    """Return the scope of a request with these headers."""
    raw = [
        (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in headers
    ]
    return {
        "type": "http",
        "method": "GET",
        "path": "/v1/models",
        "query_string": b"",
        "headers": raw,
        **more,
    }


def knocking(*headers: tuple[str, str | bytes], **more: Any) -> Scope:
    """Return the scope of a socket."""
    return asking(*headers, **{"type": "websocket", "path": "/v1/realtime", **more})


@dataclass
class Desk:
    """A reception, and the accounts and secrets behind it."""

    store: FakeAccounts
    reception: Reception
    secrets: IssuedSecrets
    ring: KeyRing

    async def caller(self, scope: Scope) -> Caller | None:
        try:
            return await self.reception.caller(scope, takes_secrets=scope["type"] == "websocket")
        except AuthenticationError:
            return None

    async def write(self, *keys: Key) -> None:
        await self.store.change(AccountChange(keys=keys), ENTRY, base=self.store._book.version)
        self.ring.expire()

    def secret_of(self, issuer: Caller) -> IssuedSecret:
        return self.secrets.issue(SessionConfig("whisper-1"), 600, issuer)


def desk(*keys: Key, api_key: str | None = None) -> Desk:
    store, secrets = FakeAccounts(book_of(*keys)), IssuedSecrets()
    ring = KeyRing(store, HASHER, now=lambda: NOW)
    return Desk(store, Reception(api_key, ring, secrets), secrets, ring)


# Who it is


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", f"Bearer {TEXT}"),
        ("AUTHORIZATION", f"bEARER   {TEXT} "),
        ("authorization", TEXT),
        ("X-API-Key", TEXT),
        ("x-api-key", f"  {TEXT}"),
    ],
    ids=str,
)
async def test_a_key_is_known_however_it_is_sent(header: tuple[str, str]) -> None:
    caller = await desk(ONE).caller(asking(header))
    assert caller is not None
    assert caller.key_id == ONE.id


async def test_the_static_key_is_everything_but_an_administrator() -> None:
    found = desk(ONE, api_key=STATIC)
    assert await found.caller(asking(("X-API-Key", STATIC))) == HOLDER
    assert KeyScope.ADMIN not in HOLDER.scopes
    assert await found.caller(asking(("X-API-Key", TEXT))) not in {None, HOLDER}
    assert await desk(ONE).caller(asking(("X-API-Key", STATIC))) is None


async def test_without_accounts_and_static_key_everybody_is_anybody() -> None:
    reception = Reception(None, None, IssuedSecrets())
    for scope in (asking(), asking(("X-API-Key", "x")), knocking()):
        assert await reception.caller(scope, takes_secrets=True) == ANYBODY


async def test_with_a_static_key_a_book_without_keys_opens_nothing() -> None:
    found = desk(api_key=STATIC)
    for scope in (asking(), asking(("X-API-Key", str(new_key()))), asking(("X-API-Key", ""))):
        assert await found.caller(scope) is None


TRICKS: dict[str, list[tuple[str, str | bytes]]] = {
    "two lines": [("Authorization", f"Bearer {TEXT}"), ("Authorization", f"Bearer {TEXT}")],
    "a right line behind a wrong one": [("Authorization", "x"), ("Authorization", TEXT)],
    "a wrong line behind a right one": [("X-API-Key", TEXT), ("X-API-Key", "x")],
    "a list": [("Authorization", f"Bearer {TEXT}, Bearer x")],
    "another scheme": [("Authorization", f"Basic {TEXT}")],
    "a scheme twice": [("Authorization", f"Bearer Bearer {TEXT}")],
    "capitals": [("Authorization", f"Bearer {TEXT.upper()}")],
    "a capital": [("X-API-Key", TEXT.capitalize())],
    "odd letters": [("X-API-Key", TEXT[:-4] + "%00$")],
    "a zero byte": [("X-API-Key", TEXT.encode() + b"\0")],
    "a line feed": [("X-API-Key", TEXT.encode()[:-1] + b"\n\n")],
    "no ASCII": [("Authorization", b"Bearer lq_\xe9\xff\x80")],
    "no ASCII behind a key": [("Authorization", f"Bearer {TEXT}".encode() + b"\xe9")],
    "long": [("Authorization", "Bearer " + "k" * 100_000)],
    "long and almost right": [("X-API-Key", TEXT + "a" * 100_000)],
    "quotes": [("X-API-Key", f'"{TEXT}"')],
    "empty": [("Authorization", "Bearer "), ("X-API-Key", "")],
    "an id without a secret": [("X-API-Key", TEXT[:20])],
}


@pytest.mark.parametrize("name", TRICKS)
async def test_no_trick_opens_anything(name: str) -> None:
    for found in (desk(ONE), desk(ONE, api_key=STATIC)):
        assert await found.caller(asking(*TRICKS[name])) is None
        assert await found.caller(knocking(*TRICKS[name])) is None


@pytest.mark.parametrize("text", ["\udce9", f"{TEXT}\udcff", "é", "", "k" * 100_000], ids=ascii)
async def test_no_trick_opens_a_socket(text: str) -> None:
    offered = [f"openai-insecure-api-key.{text}"]
    for found in (desk(ONE), desk(ONE, api_key=STATIC), desk(ONE, api_key="?")):
        assert await found.caller(knocking(subprotocols=offered)) is None
        query = b"api_key=%ff%00" + text.encode(errors="surrogateescape")
        assert await found.caller(knocking(query_string=query)) is None


async def test_a_socket_shows_its_key_in_the_address_or_a_protocol() -> None:
    found = desk(ONE)
    assert await found.caller(knocking(query_string=f"api_key={TEXT}".encode()))
    assert await found.caller(knocking(subprotocols=[f"openai-insecure-api-key.{TEXT}"]))
    assert await found.caller(asking(query_string=f"api_key={TEXT}".encode())) is None


# Client secrets


async def _holder(found: Desk) -> Caller:
    caller = await found.ring.holder(ONE.id)
    assert caller is not None
    return caller


async def test_a_secret_stands_for_its_key_and_is_good_for_inference_alone() -> None:
    found = desk(ONE)
    secret = found.secret_of(await _holder(found))
    guest = await found.caller(knocking(("X-API-Key", secret.value)))
    assert guest is not None
    assert guest.account_ids == (ONE.id, "proj_calls", "org_acme")
    assert guest.scopes == frozenset({KeyScope.INFERENCE})
    assert await found.caller(asking(("X-API-Key", secret.value))) is None


@pytest.mark.parametrize("change", [{"revoked_at": NOW}, {"expires_at": NOW}])
async def test_a_secret_ends_with_its_key(change: dict[str, Any]) -> None:
    found = desk(ONE)
    secret = found.secret_of(await _holder(found))
    await found.write(replace(ONE, **change))
    assert await found.caller(knocking(("X-API-Key", secret.value))) is None


async def test_a_secret_loses_what_its_key_loses() -> None:
    found = desk(ONE)
    secret = found.secret_of(await _holder(found))
    await found.write(replace(ONE, scopes=frozenset({KeyScope.USAGE})))
    guest = await found.caller(knocking(("X-API-Key", secret.value)))
    assert guest is not None
    assert not guest.scopes


async def test_a_secret_of_nobody_ends_with_the_first_key() -> None:
    found = desk()
    secret = found.secret_of(ANYBODY)
    guest = await found.caller(knocking(("X-API-Key", secret.value)))
    assert guest == replace(ANYBODY, scopes=frozenset({KeyScope.INFERENCE}))
    await found.write(ONE)
    assert await found.caller(knocking(("X-API-Key", secret.value))) is None


async def test_a_secret_of_the_static_key_is_good_while_accounts_are_down() -> None:
    found = desk(ONE, api_key=STATIC)
    secret = found.secret_of(HOLDER)
    found.store.is_down = True
    guest = await found.caller(knocking(("X-API-Key", secret.value)))
    assert guest is not None
    assert guest.key_id == "static"


# Before anything is read


async def _unread() -> Message:
    raise AssertionError("the body is not to be read")


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [("/v1/audio/speech", TEXT, 403), ("/v1/audio/speech", "x", 401), ("/nowhere", "x", 401)],
)
async def test_who_may_not_pass_is_refused_before_the_body_is_read(
    path: str, text: str, status: int
) -> None:
    async def app(*_: object) -> None:
        raise AssertionError("the application is not to be asked")

    entrances = Entrances(declared(open_lists=True))
    entrances.add([Route("/v1/audio/speech", app)])
    reception = desk(replace(ONE, scopes=frozenset({KeyScope.USAGE}))).reception
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = asking(("X-API-Key", text), method="POST", path=path)
    await Authenticate(app, reception, entrances)(scope, _unread, send)
    assert sent[0]["status"] == status
