"""Requests that lie about where they go: no key is answered where it may not be."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import unquote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.live.deployed import MODELS, OPENS, SHARED, Deployed, exchange, two_deployments
from tests.live.host_oracle import OPEN_PATHS, Attempt, expected

SEED: Final = 15
N_NORMAL, N_SLOW = 1_000, 10_000

SUFFIX: Final = ".deployments.localhost"
IDS: Final = ("alpha", "beta", "nosuch")
REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 421, 431})


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployed]:
    with two_deployments() as deployed:
        yield deployed


# One thing at a time


@pytest.mark.parametrize("who", OPENS)
@pytest.mark.parametrize("place", [*MODELS, SHARED])
@pytest.mark.parametrize("way", ["host", "header", "path", "all"])
def test_who_is_answered_where(deployed: Deployed, who: str, place: str, way: str) -> None:
    host, headers, target = "localhost", [], "/v1/models"
    if place != SHARED:
        if way in {"host", "all"}:
            host = place + SUFFIX
        if way in {"header", "all"}:
            headers.append(("X-Loquent-Deployment", place))
        if way in {"path", "all"}:
            target = f"/deployments/{place}{target}"
    attempt = Attempt(who, target, (("Host", host), *headers))
    answer = exchange(deployed.port, attempt.written(deployed.keys.get(who)))
    if place in OPENS[who]:
        assert (answer.status, answer.place) == (200, place)
        assert answer.headers.get("x-loquent-deployment", SHARED) == place
    else:
        assert answer.status == (403 if who in deployed.keys and who != "stranger" else 401)


@pytest.mark.parametrize(
    ("who", "is_let_in"),
    [("alpha-bound", True), ("alpha-project", True), ("beta-bound", False), ("shared", False)],
)
def test_sockets_are_no_way_around(deployed: Deployed, who: str, *, is_let_in: bool) -> None:
    address = f"ws://127.0.0.1:{deployed.port}/v1/audio/transcriptions-realtime?model=espeak"
    headers = {
        "Authorization": f"Bearer {deployed.keys[who]}",
        "X-Loquent-Deployment": "alpha",
    }
    with connect(address, additional_headers=headers, proxy=None) as socket:
        if is_let_in:
            socket.send('{"sample_rate": 16000}')
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == (1008 if is_let_in else 3003)  # espeak does not listen


# Thousands


def test_a_thousand_lies_open_nothing(deployed: Deployed) -> None:
    assert _campaign(deployed, N_NORMAL)[200] > N_NORMAL / 20


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_ten_thousand_lies_open_nothing(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _campaign(deployed, N_SLOW)
    with capsys.disabled():
        print("", dict(sorted(found.items())))  # noqa: T201 - what was found is to be seen


def _campaign(deployed: Deployed, n: int) -> Counter[int]:
    chance = random.Random(SEED)
    found: Counter[int] = Counter()
    for number in range(n):
        attempt = _attempt(chance)
        try:
            found[_checked(deployed, attempt)] += 1
        except (AssertionError, OSError) as error:
            raise AssertionError(f"seed {SEED}, number {number}: {attempt}: {error!r}") from error
    return found


def _checked(deployed: Deployed, attempt: Attempt) -> int:
    """See that nothing was opened, and that the answer is the right one where there is one."""
    answer = exchange(deployed.port, attempt.written(deployed.keys.get(attempt.who)))
    right = expected(attempt)
    place = ""
    if answer.status == 200 and answer.body != b'{"status":"ok"}':
        place = answer.place
        assert place in OPENS[attempt.who]
        assert answer.headers.get("x-loquent-deployment", SHARED) == place
    elif answer.status == 200:
        assert any(path.strip("/") in unquote(attempt.target) for path in OPEN_PATHS)
    else:
        assert answer.status in REFUSALS
    if answer.status == 421:
        assert any("deployments.localhost" in host.lower() for host in attempt.values("host"))
    if right is not None:
        assert (answer.status, place) in {(status, right.place) for status in right.statuses}
    return answer.status


# How they are made up

Change = Callable[[random.Random, str], str]


def _cased(chance: random.Random, text: str) -> str:
    return "".join(chance.choice((sign.lower(), sign.upper())) for sign in text)


def _inserted(*pieces: str) -> Change:
    def change(chance: random.Random, text: str) -> str:
        at = chance.randrange(len(text) + 1)
        return text[:at] + chance.choice(pieces) + text[at:]

    return change


def _put_before(*pieces: str) -> Change:
    return lambda chance, text: chance.choice(pieces) + text


def _put_after(*pieces: str) -> Change:
    return lambda chance, text: text + chance.choice(pieces)


def _replaced(*texts: str) -> Change:
    return lambda chance, _: chance.choice(texts)


def _escaped(chance: random.Random, text: str) -> str:
    """Write one sign as a browser never would."""
    if not text:
        return text
    at = chance.randrange(len(text))
    code = f"{ord(text[at]):02x}"
    return (
        text[:at]
        + chance.choice(("%", "%25"))
        + chance.choice((code, code.upper()))
        + text[at + 1 :]
    )


HOST_CHANGES: Final[tuple[Change, ...]] = (
    _cased,
    _put_after(".", "..", ":", ":80", ":8000", ":080", ":99999", ":123456", ":0x50", ":80:80"),
    _put_after(":80@beta.deployments.localhost", "@beta.deployments.localhost", "#", "/", "?"),
    _put_before("a@", "alpha:x@", "beta.", ".", "-", "[", "http://", "//", "xn--", "%61"),
    _put_after(",beta.deployments.localhost", ", localhost", " beta.deployments.localhost"),
    _inserted(" ", "\t", "\x00", "\x0b", "\x7f", "\r\n ", "\r\n\t", "\n", "\r", "\xad", "\xe9"),
    _escaped,
    _replaced("", " ", ".", ":", "[::1]", "[::1]:8000", "[::1]" + SUFFIX, "[alpha]", "127.0.0.1"),
    _replaced("deployments.localhost", SUFFIX, "alpha.deployments.localhost.evil.test"),
    _replaced("alphadeployments.localhost", "xn--lpha-9ra" + SUFFIX, "\xe1lpha" + SUFFIX),
    lambda chance, text: "a" * chance.choice((64, 255, 9_000)) + text,
)

PATH_CHANGES: Final[tuple[Change, ...]] = (
    _cased,
    _escaped,
    _inserted("/", "//", "/.", "/..", "/../", "..;/", ";", ";x=1", "\\", ".", "%2f", "%2F", "%5c"),
    _inserted("%2e%2e/", "%2e", "%00", "%0a", "%0d%0a", "%20", "%c0%af", "%ef%bc%8f", "\xe1", "%"),
    _put_before("/", "//", "/.", "/v1", "/v0", "/shared/..", "/deployments/beta", "\\"),
    _put_before("http://beta.deployments.localhost", "HTTP://beta.deployments.localhost:80"),
    _put_before("http://localhost", "https://a@beta.deployments.localhost", "//beta.evil.test"),
    _put_after(
        "/", "//", "/.", "/..", "%2f", "?deployment=beta", "#beta", "?/../../beta/v1/models"
    ),
    _replaced("/healthz", "/deployments/beta/healthz", "/deployments/beta", "*", "/", ""),
    _replaced("/deployments//v1/models", "/deployments/alpha/deployments/beta/v1/models"),
    _replaced("/deployments/alpha/../beta/v1/models", "/deployments/alpha%2f..%2fbeta/v1/models"),
)

MARK_CHANGES: Final[tuple[Change, ...]] = (
    _cased,
    _put_after(",beta", ", beta", " ", "\t", ".", ";beta", "\x00", SUFFIX),
    _put_before(" ", "\t", '"', "beta,", "\x0b"),
    _replaced("", "*", "shared", "../beta", "null", "a" * 9_000),
    _escaped,
)

OTHER_HEADERS: Final = (
    "X-Forwarded-Host",
    "X-Host",
    "X-Original-Host",
    "X-Forwarded-Server",
    "X-Loquent_Deployment",
    "X_Loquent_Deployment",
)


def _attempt(chance: random.Random) -> Attempt:
    host = chance.choice([*(each + SUFFIX for each in IDS), "localhost", "speech.example.org"])
    target = chance.choice(["/v1/models", "/v0/models", "/models", "/healthz"])
    if chance.random() < 0.4:
        target = f"/deployments/{chance.choice(IDS)}{target}"
    marks = [chance.choice(IDS)] if chance.random() < 0.3 else []
    hosts = [host]
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        which = chance.random()
        if which < 0.45 and hosts:
            hosts[0] = chance.choice(HOST_CHANGES)(chance, hosts[0])
        elif which < 0.75:
            target = chance.choice(PATH_CHANGES)(chance, target)
        elif marks:
            marks[0] = chance.choice(MARK_CHANGES)(chance, marks[0])
        elif which > 0.9:
            hosts = []
    hosts += [chance.choice(("localhost", "beta" + SUFFIX, *hosts))] * (chance.random() < 0.07)
    marks += [chance.choice(IDS)] * (chance.random() < 0.07)
    return Attempt(
        chance.choice(list(OPENS)),
        target,
        _headers(chance, hosts, marks),
        "HTTP/1.0" if chance.random() < 0.1 else "HTTP/1.1",
    )


def _headers(
    chance: random.Random, hosts: list[str], marks: list[str]
) -> tuple[tuple[str, str], ...]:
    headers = [(_name(chance, "Host"), f" {host}") for host in hosts]
    headers += [(_name(chance, "X-Loquent-Deployment"), f" {mark}") for mark in marks]
    if chance.random() < 0.2:
        headers.append((chance.choice(OTHER_HEADERS), f" {chance.choice(IDS)}{SUFFIX}"))
    if chance.random() < 0.1:
        headers.append(("Forwarded", f" host={chance.choice(IDS)}{SUFFIX};proto=http"))
    if chance.random() < 0.1:
        headers.append((chance.choice(("X-Original-URL", "X-Rewrite-URL")), " /healthz"))
    chance.shuffle(headers)
    return tuple(headers)


def _name(chance: random.Random, name: str) -> str:
    odd = chance.random()
    if odd < 0.02:
        return f"{name} "
    return _cased(chance, name) if odd < 0.3 else name
