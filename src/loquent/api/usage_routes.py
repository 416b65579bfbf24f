"""Answer requests for usage, in JSON or CSV; sums up nothing itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Annotated, Final

from fastapi import FastAPI, Query, Request
from starlette.responses import Response

from loquent.api.dialects import DIALECTS
from loquent.api.openapi import Document, error_answers
from loquent.api.streamed import StreamedAnswer
from loquent.api.usage_csv import report_csv
from loquent.api.usage_report import csv_chunks, kept, usage_page, usage_report
from loquent.api.usage_schemas import (
    UsageFilter,
    UsagePage,
    UsageQuestion,
    UsageReport,
    UsageRowsQuestion,
)
from loquent.domain.errors import (
    AuthenticationError,
    InvalidRequestError,
    LedgerUnavailableError,
    NotFoundError,
    PermissionDeniedError,
)
from loquent.ports import Ledger

USAGE_PATH = "/usage"
USAGE_ROWS_PATH = "/usage/rows"

CSV_TYPE: Final = "text/csv"
JSON_TYPE: Final = "application/json"

_ERRORS = (
    InvalidRequestError,
    AuthenticationError,
    PermissionDeniedError,
    NotFoundError,
    LedgerUnavailableError,
)
_AS_CSV_TOO: Final[Document] = {"content": {CSV_TYPE: {"schema": {"type": "string"}}}}


def add_usage_routes(app: FastAPI, ledger: Ledger | None, currency: str) -> None:
    """Add sums and rows of usage, under every prefix.

    Args:
        ledger: None where nothing is written down; the routes say so.
        currency: of a sum of nothing.
    """
    endpoints = UsageEndpoints(ledger, currency)
    for prefix, dialect in DIALECTS.items():
        answers = {200: _AS_CSV_TOO, **error_answers(_ERRORS, dialect.error_style)}
        app.add_api_route(
            prefix + USAGE_PATH,
            endpoints.show_usage,
            methods=["GET"],
            response_model=UsageReport,
            responses=answers,
        )
        app.add_api_route(
            prefix + USAGE_ROWS_PATH,
            endpoints.list_rows,
            methods=["GET"],
            response_model=UsagePage,
            responses=answers,
        )


class UsageEndpoints:
    """The endpoints over one ledger."""

    def __init__(self, ledger: Ledger | None, currency: str) -> None:
        self._ledger = ledger
        self._currency = currency

    async def show_usage(
        self, request: Request, question: Annotated[UsageQuestion, Query()]
    ) -> UsageReport | Response:
        """Sum up what was used, by day unless told otherwise."""
        report = await usage_report(
            kept(self._ledger), question, self._currency, request.scope["loquent.caller"]
        )
        if not wants_csv(request, question):
            return report
        return Response(report_csv(report), headers=_as_file("usage"), media_type=CSV_TYPE)

    async def list_rows(
        self, request: Request, question: Annotated[UsageRowsQuestion, Query()]
    ) -> UsagePage | Response:
        """List requests from the oldest on: a page of them, or as CSV all of them."""
        ledger, caller = kept(self._ledger), request.scope["loquent.caller"]
        if not wants_csv(request, question):
            return await usage_page(ledger, question, caller)
        chunks = csv_chunks(ledger, question, caller)
        first = await anext(chunks)  # what goes wrong by here still has a status of its own
        owned = AsyncExitStack()
        owned.push_async_callback(chunks.aclose)
        return StreamedAnswer(_begun(first, chunks), owned, _as_file("usage-rows"), CSV_TYPE)


def wants_csv(request: Request, question: UsageFilter) -> bool:
    """Tell the format that is asked for: by name, else by the first type accepted that we have."""
    if question.format is not None:
        return question.format == "csv"
    listed = request.headers.get("accept", "").lower().split(",")
    types = (item.partition(";")[0].strip() for item in listed)
    return next((kind for kind in types if kind in {CSV_TYPE, JSON_TYPE}), JSON_TYPE) == CSV_TYPE


def _as_file(name: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{name}.csv"'}


async def _begun(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    yield first
    async for chunk in rest:
        yield chunk
