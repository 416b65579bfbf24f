"""Ask a running server instead of this machine; knows no question."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import BaseModel, ValidationError

from loquent.domain.errors import LoquentError, PermissionDeniedError
from loquent.settings import Settings

ASK_TIMEOUT_S = 10.0
SILENCE_S = 60.0
"""How long a server may say nothing while it is followed; it says something every 15 s."""

_DATA = "data: "
_DONE = "[DONE]"
_FORBIDDEN = 403

Answer = TypeVar("Answer", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Question:
    """A request to a server.

    Attributes:
        path: below /v1.
        query: of the address.
        body: sent as JSON, if there is one.
    """

    method: str
    path: str
    query: Mapping[str, str | int | Sequence[str]] | None = None
    body: Mapping[str, Any] | None = None


def asked(server: str, question: Question, kind: type[Answer], settings: Settings) -> Answer:
    """Ask a running server, with the key of the settings.

    Raises:
        PermissionDeniedError: if the key may not do this.
        LoquentError: if it cannot be asked, says no, or answers anything but a `kind`.
    """
    with _translated(server):
        response = httpx2.request(
            **_request(server, question, settings), json=question.body, timeout=ASK_TIMEOUT_S
        )
        if response.is_success:
            return kind.model_validate_json(response.content)
        raise _refusal(server, response.json(), response.status_code)


def followed(
    server: str, question: Question, kind: type[Answer], settings: Settings
) -> Iterator[Answer]:
    """Yield what a running server tells, until it has nothing more to tell.

    Raises: PermissionDeniedError, LoquentError: as `asked` does, also in the middle.
    """
    timeout = httpx2.Timeout(ASK_TIMEOUT_S, read=SILENCE_S)
    with (
        _translated(server),
        httpx2.stream(**_request(server, question, settings), timeout=timeout) as response,
    ):
        if not response.is_success:
            raise _refusal(server, json.loads(response.read()), response.status_code)
        for line in response.iter_lines():
            told = line.removeprefix(_DATA)
            if told == _DONE:
                return
            if told != line:
                yield _event(server, told, kind)
    raise LoquentError(f"{server} broke off")


def segment(text: str) -> str:
    """Write an id as one segment of an address, whatever was typed."""
    return quote(text, safe="")


def _request(server: str, question: Question, settings: Settings) -> dict[str, Any]:
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return {
        "method": question.method,
        "url": f"{server.rstrip('/')}/v1{question.path}",
        "params": question.query,
        "headers": {"authorization": f"Bearer {key}"} if key else {},
    }


@contextmanager
def _translated(server: str) -> Iterator[None]:
    """Raises: LoquentError: for whatever goes wrong on the way."""
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise LoquentError(f"{server} cannot be asked: {error}") from error
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise LoquentError(f"{server} does not answer as Loquent does") from error


def _event(server: str, told: str, kind: type[Answer]) -> Answer:
    found = json.loads(told)
    if "error" in found:
        raise _refusal(server, found)
    return kind.model_validate(found)


def _refusal(server: str, body: Any, status: int = 0) -> LoquentError:
    kind = PermissionDeniedError if status == _FORBIDDEN else LoquentError
    return kind(f"{server}: {body['error']['message']}")
