"""Ask a running server instead of this machine; knows no question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from loquent.domain.errors import LoquentError
from loquent.settings import Settings

ASK_TIMEOUT_S = 10.0

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

    Raises: LoquentError: if it cannot be asked, says no, or answers anything but a `kind`.
    """
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    try:
        response = httpx2.request(
            question.method,
            f"{server.rstrip('/')}/v1{question.path}",
            params=question.query,
            json=question.body,
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=ASK_TIMEOUT_S,
        )
        if response.is_success:
            return kind.model_validate_json(response.content)
        raise LoquentError(f"{server}: {response.json()['error']['message']}")
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise LoquentError(f"{server} cannot be asked: {error}") from error
    except (ValidationError, ValueError, KeyError, TypeError) as error:
        raise LoquentError(f"{server} does not answer as Loquent does") from error
