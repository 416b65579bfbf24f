"""Answer what was used, summed up or row by row; writes nothing down and knows no database."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, date

from loquent.api.served import in_units
from loquent.api.usage_csv import RECORD_COLUMNS, csv_text, record_values
from loquent.api.usage_schemas import (
    UsageLine,
    UsagePage,
    UsageQuestion,
    UsageRecord,
    UsageReport,
    UsageRowsQuestion,
    UsageTotal,
)
from loquent.domain.accounts import Caller, Reach
from loquent.domain.errors import NotFoundError, PermissionDeniedError, UnsupportedOptionError
from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow, UsageSum
from loquent.ports import Ledger

ROWS_IN_A_CHUNK = 500

_MILLIS = 1_000
_CURSOR = re.compile(r"(\d{4}-\d{2}-\d{2})\.(.+)", re.ASCII)


def kept(ledger: Ledger | None) -> Ledger:
    """Return the ledger.

    Raises: NotFoundError: if nothing is written down.
    """
    if ledger is None:
        raise NotFoundError(
            "Usage is not written down here. To begin, take `off` out of the setting `ledger`:"
            " empty, it keeps usage in the data folder; a database URL keeps it there."
        )
    return ledger


def within_reach(query: UsageQuery, caller: Caller) -> UsageQuery:
    """Return the part of `query` that `caller` may read.

    Raises: PermissionDeniedError: if others are asked for by name.
    """
    if not caller.reach.covers(Reach.SERVER):
        own = _only("organisation", query.organisation, caller.organisation_id)
        query = replace(query, organisation=own)
    if not caller.reach.covers(Reach.ORGANISATION):
        query = replace(query, project=_only("project", query.project, caller.project_id))
    return query


def _only(name: str, asked: str | None, own: str) -> str:
    if asked not in (None, own):
        raise PermissionDeniedError(
            f"{name}: this key may read the usage of its own {name} only, {own}.", param=name
        )
    return own


async def usage_report(
    ledger: Ledger, question: UsageQuestion, currency: str, caller: Caller
) -> UsageReport:
    """Sum up what was used.

    Args:
        currency: of the total, where nothing was used.

    Raises: UnsupportedOptionError, PermissionDeniedError, LedgerUnavailableError.
    """
    query = within_reach(question.query(), caller)
    sums = await ledger.sums(query, question.group_by)
    return UsageReport(
        since=question.since,
        until=question.until,
        group_by=question.group_by,
        data=[_line(one, question.group_by) for one in sums],
        total=_total(sums, currency),
    )


async def usage_page(ledger: Ledger, question: UsageRowsQuestion, caller: Caller) -> UsagePage:
    """Return the rows that come after a cursor, as many as a page holds.

    Raises: UnsupportedOptionError, PermissionDeniedError, LedgerUnavailableError.
    """
    rows: list[UsageRow] = []
    query = within_reach(question.query(), caller)
    async with _rows_after(ledger, query, question.after) as found:
        async for row in found:
            rows.append(row)
            if len(rows) > question.limit:
                break
    page = rows[: question.limit]
    has_more = len(rows) > len(page)
    return UsagePage(
        data=[_record(row) for row in page], next=_cursor(page[-1]) if has_more else None
    )


async def csv_chunks(
    ledger: Ledger, question: UsageRowsQuestion, caller: Caller
) -> AsyncGenerator[bytes, None]:
    """Yield all rows after a cursor as CSV, some hundred at a time, the header first.

    Raises: UnsupportedOptionError, PermissionDeniedError, LedgerUnavailableError: from the first
        chunk on.
    """
    lines: list[Sequence[object]] = [RECORD_COLUMNS]
    query = within_reach(question.query(), caller)
    async with _rows_after(ledger, query, question.after) as found:
        async for row in found:
            lines.append(record_values(_record(row)))
            if len(lines) >= ROWS_IN_A_CHUNK:
                yield csv_text(lines).encode()
                lines = []
    if lines:
        yield csv_text(lines).encode()


def _line(one: UsageSum, groups: Sequence[UsageGroup]) -> UsageLine:
    return UsageLine(
        group=dict(zip(groups, one.groups, strict=True)),
        requests=one.n_requests,
        failed=one.n_failed,
        audio_ms=one.audio_ms,
        audio_seconds=_in_seconds(one.audio_ms),
        characters=one.n_characters,
        text_tokens=one.n_text_tokens,
        audio_tokens=one.n_audio_tokens,
        output_tokens=one.n_output_tokens,
        price=in_units(one.price_micros),
        currency=one.currency,
    )


def _total(sums: Sequence[UsageSum], currency: str) -> UsageTotal:
    audio_ms = sum(one.audio_ms for one in sums)
    currencies = {one.currency for one in sums} or {currency}
    is_one_currency = len(currencies) == 1
    return UsageTotal(
        requests=sum(one.n_requests for one in sums),
        failed=sum(one.n_failed for one in sums),
        audio_ms=audio_ms,
        audio_seconds=_in_seconds(audio_ms),
        characters=sum(one.n_characters for one in sums),
        text_tokens=sum(one.n_text_tokens for one in sums),
        audio_tokens=sum(one.n_audio_tokens for one in sums),
        output_tokens=sum(one.n_output_tokens for one in sums),
        price=in_units(sum(one.price_micros for one in sums)) if is_one_currency else None,
        currency=currencies.pop() if is_one_currency else None,
    )


def _record(row: UsageRow) -> UsageRecord:
    began_at = row.began_at.astimezone(UTC).replace(tzinfo=None)
    return UsageRecord(
        request_id=row.request_id,
        began_at=f"{began_at.isoformat(timespec='milliseconds')}Z",
        key=row.key,
        project=row.project,
        organisation=row.organisation,
        capability=row.capability,
        asked_model=row.asked_model,
        endpoint=row.endpoint,
        provider=row.provider,
        model=row.model,
        outcome=row.outcome,
        status=row.status,
        attempts=row.n_attempts,
        audio_ms=row.audio_ms,
        audio_seconds=_in_seconds(row.audio_ms),
        characters=row.n_characters,
        text_tokens=row.n_text_tokens,
        audio_tokens=row.n_audio_tokens,
        output_tokens=row.n_output_tokens,
        price=in_units(row.price_micros),
        currency=row.currency,
        took_ms=row.took_ms,
        deployment=row.deployment,
    )


def _in_seconds(audio_ms: int) -> str:
    """Write a length exactly: "1.050"."""
    return f"{audio_ms // _MILLIS}.{audio_ms % _MILLIS:03d}"


def _cursor(row: UsageRow) -> str:
    """Name a row and its day, so that the next page need not begin at the oldest row of all."""
    return f"{row.began_at.astimezone(UTC).date().isoformat()}.{row.request_id}"


@asynccontextmanager
async def _rows_after(
    ledger: Ledger, query: UsageQuery, cursor: str | None
) -> AsyncIterator[AsyncIterator[UsageRow]]:
    """Hold the rows of `query` open that come after `cursor`.

    Raises: UnsupportedOptionError: if there is no such row.
    """
    last_id = ""
    if cursor is not None:
        day, last_id = _read_cursor(cursor)
        query = replace(query, since=max(day, query.since or day))
    rows = ledger.rows(query)
    async with AsyncExitStack() as owned:
        if isinstance(rows, AsyncGenerator):
            owned.push_async_callback(rows.aclose)
        while last_id and await _next_id(rows) != last_id:
            pass
        yield rows


async def _next_id(rows: AsyncIterator[UsageRow]) -> str:
    try:
        return (await anext(rows)).request_id
    except StopAsyncIteration:
        raise _wrong_cursor() from None


def _read_cursor(cursor: str) -> tuple[date, str]:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise _wrong_cursor()
    try:
        return date.fromisoformat(found[1]), found[2]
    except ValueError:
        raise _wrong_cursor() from None


def _wrong_cursor() -> UnsupportedOptionError:
    return UnsupportedOptionError(
        "after: send `next` of the page before, exactly as it stands, with the same filters.",
        param="after",
    )
