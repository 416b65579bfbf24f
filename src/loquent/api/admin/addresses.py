"""What the addresses of administrators have in common; knows no account."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import FastAPI, Request
from pydantic import BaseModel

from loquent.api.dialects import Dialect
from loquent.api.live.openai_fields import StrictPart
from loquent.api.openapi import Document, described_body, error_answers
from loquent.domain import errors
from loquent.domain.accounts import Caller
from loquent.domain.errors import NotFoundError

_ERRORS: Final = (
    errors.InvalidRequestError,
    errors.AuthenticationError,
    errors.PermissionDeniedError,
    errors.NotFoundError,
    errors.LedgerUnavailableError,
)
_ERRORS_OF_CHANGES: Final = (*_ERRORS, errors.ConflictError)
_ERRORS_OF_BODIES: Final = (
    *_ERRORS_OF_CHANGES,
    errors.PayloadTooLargeError,
    errors.UnsupportedMediaTypeError,
)


@dataclass(frozen=True, slots=True)
class Address:
    """One method of one address.

    Attributes:
        body: what has to be sent, if anything.
        answer: the shape of the answer, where the endpoint does not say it.
        answers: what else is told of answers, by their status.
    """

    method: str
    path: str
    endpoint: Callable[..., Any]
    body: type[StrictPart] | None = None
    answer: type[BaseModel] | None = None
    answers: Mapping[int | str, Document] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[type[errors.LoquentError], ...]:
        if self.body:
            return _ERRORS_OF_BODIES
        return _ERRORS if self.method == "GET" else _ERRORS_OF_CHANGES


def add_addresses(
    app: FastAPI, addresses: Iterable[Address], dialects: Mapping[str, Dialect]
) -> None:
    """Add addresses under the prefix of each dialect."""
    for address in addresses:
        shape: dict[str, Any] = {"response_model": address.answer} if address.answer else {}
        for prefix, dialect in dialects.items():
            app.add_api_route(
                prefix + address.path,
                address.endpoint,
                methods=[address.method],
                responses={**address.answers, **error_answers(address.errors, dialect.error_style)},
                openapi_extra=described_body(address.body) if address.body else None,
                **shape,
            )


def actor_of(request: Request) -> Caller:
    """Return who asks."""
    actor: Caller = request.scope["loquent.caller"]
    return actor


def no_accounts() -> NotFoundError:
    """Return what whoever administers is told where there is nothing to administer."""
    return NotFoundError(
        "There are no accounts here: they are kept in the ledger, and that is off. To begin, take"
        " `off` out of the setting `ledger`."
    )
