"""Read where a request goes: to a deployment, or to what all share; trusts no URL, knows no app.

Of the request only the one `Host` header, one header of our own and the path of the scope are
read. Whatever says where it goes must say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from loquent.domain.errors import InvalidRequestError

DEPLOYMENT_HEADER: Final = "x-loquent-deployment"
PATH_PREFIX: Final = "/deployments/"
SUBDOMAIN: Final = "deployments"

Headers = Iterable[tuple[bytes, bytes]]
"""As in an ASGI scope: names in lower case, each header as often as it was sent."""

_BLANKS: Final = " \t"
"""They are around a value, and no part of it. Source: RFC 9110, 5.5."""

_HOST: Final = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]{0,5})?"
)
"""Source: RFC 3986, 3.2.2 and 3.2.3; RFC 9110, 7.2."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes.

    Attributes:
        deployment_id: None for what all share.
        path: within that place.
        is_by_host: whether the host name says so.
    """

    deployment_id: str | None
    path: str
    is_by_host: bool = False


def place_of(path: str, headers: Headers, domain: str) -> Place:
    """Return where a request goes; whether there is such a deployment is not looked at.

    Args:
        path: of the scope, decoded once.
        domain: under which deployments have host names.

    Raises: InvalidRequestError: if it cannot be told, or two deployments are named.
    """
    hosts, marks = _sent(headers)
    by_path, rest = _by_path(path)
    by_host = _by_host(hosts, domain)
    named = {each for each in (by_host, _by_header(marks), by_path) if each is not None}
    if len(named) > 1:
        raise InvalidRequestError(
            f"The host name, the header {DEPLOYMENT_HEADER} and the path name different"
            " deployments. Name one."
        )
    return Place(next(iter(named), None), rest, is_by_host=by_host is not None)


def _sent(headers: Headers) -> tuple[list[str], list[str]]:
    hosts, marks = [], []
    for name, value in headers:
        text = value.decode("latin-1").strip(_BLANKS)
        if name == b"host":
            hosts.append(text)
        elif name == DEPLOYMENT_HEADER.encode():
            marks.append(text)
    return hosts, marks


def _by_host(hosts: list[str], domain: str) -> str | None:
    """Return what stands before `.deployments.<domain>`, None for every other host.

    Raises: InvalidRequestError: if it is no host, or there are several.
    """
    if not hosts:
        return None  # HTTP/1.0
    found = _HOST.fullmatch(hosts[0])
    if len(hosts) > 1 or found is None:
        raise InvalidRequestError("Send exactly one Host header with a host name, as RFC 9110 has.")
    name = found["name"].lower().removesuffix(".")
    suffix = f".{SUBDOMAIN}.{domain}"
    return name.removesuffix(suffix) if name.endswith(suffix) else None


def _by_header(marks: list[str]) -> str | None:
    """Raises: InvalidRequestError: if there are several."""
    if len(marks) > 1:
        raise InvalidRequestError(
            f"Send the header {DEPLOYMENT_HEADER} once.", param=DEPLOYMENT_HEADER
        )
    return marks[0] if marks else None


def _by_path(path: str) -> tuple[str | None, str]:
    """Return what `/deployments/{id}/...` names, and the path within it."""
    if path.startswith(PATH_PREFIX):
        name, slash, rest = path.removeprefix(PATH_PREFIX).partition("/")
        if slash:
            return name, slash + rest
    return None, path
