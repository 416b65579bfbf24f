"""Where a request goes and who is answered, decided anew: by reading RFC 9110 and decision 15."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from tests.live.deployed import MODELS, OPENS, SHARED

MODEL_PATHS: Final = frozenset({"/models", "/v0/models", "/v1/models"})
OPEN_PATHS: Final = frozenset({"/healthz"})

_SUFFIX: Final = ".deployments.localhost"
_REG_NAME: Final = frozenset(string.ascii_letters + string.digits + "-._~!$&'()*+,;=%")
_NAME: Final = frozenset(string.ascii_letters + string.digits + "-.")
_TOKEN: Final = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")
_PLAIN: Final = frozenset(map(chr, range(0x21, 0x7F)))
_NOT_IN_TARGETS: Final = frozenset('#\\"<>^`{|}')


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request.

    Attributes:
        who: holds the key that it carries.
        headers: all but the key's, as they are written; a line goes on where one has a newline.
    """

    who: str
    target: str
    headers: tuple[tuple[str, str], ...]
    version: str = "HTTP/1.1"

    def written(self, key: str | None) -> bytes:
        lines = [f"GET {self.target} {self.version}", *(f"{n}:{v}" for n, v in self.headers)]
        if key is not None:
            lines.append(f"Authorization: Bearer {key}")
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")

    def values(self, name: str) -> list[str]:
        return [value.strip(" \t") for found, value in self.headers if found.lower() == name]


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come; `place` only where the status is 200 and models are listed."""

    statuses: frozenset[int]
    place: str = ""


_NO_HOST: Final = "no host at all"


def expected(attempt: Attempt) -> Expected | None:
    """Return what must come of a request; None where it is so odd that several answers do."""
    path = unquote(_path(attempt.target))
    if not _is_clean(attempt) or not path.isprintable():
        return None
    hosts, marks = attempt.values("host"), attempt.values("x-loquent-deployment")
    if not hosts and attempt.version == "HTTP/1.1":
        return None  # RFC 9112 wants a 400; without a host it goes to what all share
    host, (named, rest) = _host_id(hosts), _path_id(path)
    wanted = {each for each in (host, *marks, named) if each is not None}
    if len(hosts) > 1 or len(marks) > 1 or host == _NO_HOST or len(wanted) > 1:
        return _refused(400)
    place = next(iter(wanted), SHARED)
    if wanted and place not in MODELS:
        return _refused(404 if host is None else 421)
    return _within(place, rest, attempt.who)


def _within(place: str, rest: str, who: str) -> Expected:
    bare = rest.rstrip("/") or "/"
    if bare in OPEN_PATHS:
        return Expected(frozenset({200}))
    if who in {"nobody", "stranger"}:
        return _refused(401)
    if place not in OPENS[who]:
        return _refused(403)
    return Expected(frozenset({200}), place) if bare in MODEL_PATHS else _refused(404, 405)


def _refused(*statuses: int) -> Expected:
    return Expected(frozenset(statuses))


def _is_clean(attempt: Attempt) -> bool:
    """Tell whether every piece of software must read a request alike."""
    names_are = all(name and set(name) <= _TOKEN for name, _ in attempt.headers)
    # What stands behind a value is no part of it, but some pass it on.
    values_are = all(
        set(value) <= _PLAIN | {" ", "\t"} and value.rstrip(" \t") in {value, ""}
        for _, value in attempt.headers
    )
    target_is = set(attempt.target) <= _PLAIN - _NOT_IN_TARGETS
    is_short = sum(len(n) + len(v) for n, v in attempt.headers) + len(attempt.target) < 8_000
    return names_are and values_are and target_is and is_short and bool(_path(attempt.target))


def _path(target: str) -> str:
    """Return the path of a target in origin-form or absolute-form, "" if it is neither."""
    scheme, _, after = target.partition("://")
    if after and scheme.lower() in {"http", "https"}:
        authority, slash, path = after.partition("/")
        name, colon, port = authority.partition(":")
        is_plain = bool(name) and set(name) <= _NAME and bool(colon) == port.isdigit()
        target = slash + path if is_plain else ""
    return target.partition("?")[0] if target.startswith("/") else ""


def _host_id(hosts: Sequence[str]) -> str | None:
    """Return the deployment that a host names, None for others, _NO_HOST for what is no host."""
    if not hosts:
        return None
    name, colon, port = hosts[0].rpartition(":")
    if not colon or hosts[0].endswith("]"):
        name, port = hosts[0], ""
    if port and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return _NO_HOST
    if name.startswith("["):
        inner = name[1:-1]
        return None if name.endswith("]") and _is_address(inner) else _NO_HOST
    if not set(name) <= _REG_NAME or not _is_escaped_well(name):
        return _NO_HOST
    lower = name.lower().removesuffix(".")
    return lower[: -len(_SUFFIX)] if lower.endswith(_SUFFIX) else None


def _is_address(text: str) -> bool:
    return bool(text) and set(text) <= set(string.hexdigits + ":.")


def _is_escaped_well(name: str) -> bool:
    return all(
        len(part) >= 2 and set(part[:2]) <= set(string.hexdigits) for part in name.split("%")[1:]
    )


def _path_id(path: str) -> tuple[str | None, str]:
    parts = path.split("/", 3)
    if len(parts) == 4 and parts[:2] == ["", "deployments"]:
        return parts[2], f"/{parts[3]}"
    return None, path
