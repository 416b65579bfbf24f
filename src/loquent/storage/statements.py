"""From questions and rows of usage to statements with bound values, and back; runs none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Insert,
    Row,
    Select,
    case,
    false,
    func,
    insert,
    literal,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite

from loquent.domain.model import Capability
from loquent.domain.usage import OK, UsageGroup, UsageQuery, UsageRow, UsageSum
from loquent.storage.columns import moment_of, storable, us_of
from loquent.storage.tables import USAGE

Values: TypeAlias = Mapping[str, str | int]
"""A row as the database takes it, by the names of columns."""

Place: TypeAlias = tuple[int, str]
"""Where a row stands among all: when it began, in microseconds, and its id."""

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAY_US: Final = timedelta(days=1) // timedelta(microseconds=1)

_GROUPED: Final[Mapping[UsageGroup, ColumnElement[Any]]] = MappingProxyType(
    {
        # A literal in the statement: PostgreSQL takes two bound values for two different groups.
        UsageGroup.DAY: USAGE.c.began_at_us // literal(_DAY_US, literal_execute=True),
        UsageGroup.KEY: USAGE.c.key,
        UsageGroup.PROJECT: USAGE.c.project,
        UsageGroup.ORGANISATION: USAGE.c.organisation,
        UsageGroup.MODEL: USAGE.c.model,
        UsageGroup.PROVIDER: USAGE.c.provider,
        UsageGroup.ENDPOINT: USAGE.c.endpoint,
        UsageGroup.CAPABILITY: USAGE.c.capability,
        UsageGroup.OUTCOME: USAGE.c.outcome,
        UsageGroup.DEPLOYMENT: USAGE.c.deployment,
    }
)

_SUMMED: Final[Mapping[str, ColumnElement[Any]]] = MappingProxyType(
    {
        "n_requests": func.count(),
        "n_failed": func.sum(case((USAGE.c.outcome == OK, 0), else_=1)),
        "audio_ms": func.sum(USAGE.c.audio_ms),
        "n_characters": func.sum(USAGE.c.n_characters),
        "n_text_tokens": func.sum(USAGE.c.n_text_tokens),
        "n_audio_tokens": func.sum(USAGE.c.n_audio_tokens),
        "n_output_tokens": func.sum(USAGE.c.n_output_tokens),
        "price_micros": func.sum(USAGE.c.price_micros),
    }
)


def values_of(row: UsageRow) -> Values:
    """Return the row as the database takes it.

    Raises: TypeError: if the row's time has no zone.
    """
    fields = asdict(row)
    began_at = fields.pop("began_at")
    columns = {
        name: storable(value) if isinstance(value, str) else value for name, value in fields.items()
    }
    return {**columns, "began_at_us": us_of(began_at)}


def row_of(found: Row[Any]) -> UsageRow:
    """Return the row that `select_rows` found."""
    fields = dict(found._mapping)  # noqa: SLF001 - public by its documentation, despite its name
    began_at = moment_of(fields.pop("began_at_us"))
    capability = Capability(fields.pop("capability"))
    return UsageRow(began_at=began_at, capability=capability, **fields)


def insert_new(dialect: str) -> Insert:
    """Return what inserts a row, or does nothing if its request is already there."""
    if dialect == "sqlite":
        return sqlite.insert(USAGE).on_conflict_do_nothing(index_elements=[USAGE.c.request_id])
    return postgresql.insert(USAGE).on_conflict_do_nothing(index_elements=[USAGE.c.request_id])


def insert_nothing() -> Insert:
    """Return what changes nothing but needs all that inserting a row needs."""
    return insert(USAGE).from_select(list(USAGE.c), select(USAGE).where(false()))


def select_rows(query: UsageQuery, after: Place | None, n_most: int) -> Select[Any]:
    """Return what finds the next rows of `query`, the oldest first."""
    order = (USAGE.c.began_at_us, USAGE.c.request_id)
    found = select(USAGE).where(*_wanted(query)).order_by(*order).limit(n_most)
    return found if after is None else found.where(tuple_(*order) > tuple_(*map(literal, after)))


def place_of(found: Row[Any]) -> Place:
    """Return after which place the next rows follow."""
    return found.began_at_us, found.request_id


def select_sums(query: UsageQuery, groups: Sequence[UsageGroup]) -> Select[Any]:
    """Return what sums the rows of `query`; what is paid in two currencies is two sums."""
    grouped = [_GROUPED[group].label(f"group_{n}") for n, group in enumerate(groups)]
    currency = USAGE.c.currency
    return (
        select(*grouped, *_SUMMED.values(), currency)
        .where(*_wanted(query))
        .group_by(*grouped, currency)
    )


def sums_of(found: Sequence[Row[Any]], groups: Sequence[UsageGroup]) -> list[UsageSum]:
    """Return the sums that `select_sums` found, sorted by their groups, then by currency."""
    sums = [_sum_of(row, groups) for row in found]
    return sorted(sums, key=lambda one: (one.groups, one.currency))


def _sum_of(found: Row[Any], groups: Sequence[UsageGroup]) -> UsageSum:
    *numbers, currency = found[len(groups) :]
    named = tuple(
        date.fromordinal(_EPOCH_DAY + value).isoformat() if group is UsageGroup.DAY else value
        for group, value in zip(groups, found, strict=False)
    )
    # PostgreSQL sums whole numbers to decimals.
    sums = {name: int(number) for name, number in zip(_SUMMED, numbers, strict=True)}
    return UsageSum(groups=named, currency=currency, **sums)


def _wanted(query: UsageQuery) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.since is not None:
        wanted.append(USAGE.c.began_at_us >= _start_us(query.since))
    if query.until is not None:
        wanted.append(USAGE.c.began_at_us < _start_us(query.until) + _DAY_US)
    equal = {
        USAGE.c.key: query.key,
        USAGE.c.project: query.project,
        USAGE.c.organisation: query.organisation,
        USAGE.c.model: query.model,
        USAGE.c.provider: query.provider,
        USAGE.c.capability: query.capability,
        USAGE.c.deployment: query.deployment,
    }
    wanted += [column == storable(value) for column, value in equal.items() if value is not None]
    return wanted


def _start_us(day: date) -> int:
    return (day.toordinal() - _EPOCH_DAY) * _DAY_US
