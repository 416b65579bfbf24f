"""Reports of usage: exact figures, whatever was used."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.api.usage_csv import csv_text, report_csv
from loquent.api.usage_report import csv_chunks, kept, usage_page, usage_report, within_reach
from loquent.api.usage_schemas import UsageQuestion, UsageReport, UsageRowsQuestion
from loquent.domain.accounts import OPERATOR, Caller, Reach
from loquent.domain.errors import NotFoundError, PermissionDeniedError, UnsupportedOptionError
from loquent.domain.usage import UsageGroup, UsageQuery, UsageRow
from tests.fakes.listed_ledger import ROW, ListedLedger

LARGE = 10**15
ROWS = st.lists(
    st.builds(
        lambda n_days, model, audio_ms, micros: replace(
            ROW,
            began_at=ROW.began_at + timedelta(days=n_days),
            model=model,
            audio_ms=audio_ms,
            price_micros=micros,
        ),
        st.integers(0, 3),
        st.sampled_from(["", "a", "=b"]),
        st.integers(0, LARGE),
        st.integers(0, LARGE),
    ),
    max_size=12,
)
GROUPS = st.lists(st.sampled_from(UsageGroup), min_size=1, unique=True)


async def report_on(rows: Sequence[UsageRow], groups: Sequence[UsageGroup]) -> UsageReport:
    question = UsageQuestion(group_by=list(groups))
    return await usage_report(ListedLedger(*rows), question, "USD", OPERATOR)


@given(rows=ROWS, groups=GROUPS)
async def test_lines_add_up_to_the_total_and_to_the_rows(
    rows: list[UsageRow], groups: list[UsageGroup]
) -> None:
    report = await report_on(rows, groups)
    table = list(csv.DictReader(StringIO(report_csv(report), newline="")))
    price = sum((Decimal(line["price"]) for line in table), Decimal(0))
    audio_s = sum((Decimal(line["audio_seconds"]) for line in table), Decimal(0))
    assert price * 1_000_000 == sum(row.price_micros for row in rows)
    assert audio_s * 1_000 == sum(row.audio_ms for row in rows) == report.total.audio_ms
    assert report.total.price is not None
    assert Decimal(report.total.price) == price
    assert Decimal(report.total.audio_seconds) == audio_s
    assert report.total.requests == sum(int(line["requests"]) for line in table) == len(rows)


@given(rows=ROWS, groups=GROUPS)
async def test_a_report_survives_its_way_over_the_wire(
    rows: list[UsageRow], groups: list[UsageGroup]
) -> None:
    report = await report_on(rows, groups)
    assert UsageReport.model_validate_json(report.model_dump_json()) == report


@given(st.lists(st.lists(st.text(), min_size=1, max_size=4), max_size=5))
def test_texts_come_back_from_csv_and_none_is_a_formula(lines: list[list[str]]) -> None:
    found = list(csv.reader(StringIO(csv_text(lines), newline="")))
    for line, written in zip(lines, found, strict=True):
        for text, cell in zip(line, written, strict=True):
            assert cell in (text, f"'{text}")
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_are_never_taken_for_formulas() -> None:
    assert csv_text([[-1, 0, "1.5", "-1", "a,b", 'a"b']]) == '-1,0,1.5,\'-1,"a,b","a""b"\r\n'


async def test_times_are_told_in_utc_and_so_are_the_days_of_cursors() -> None:
    tokyo = timezone(timedelta(hours=9))
    late = replace(ROW, began_at=datetime(2026, 11, 2, 1, 30, tzinfo=tokyo))
    later = replace(late, request_id="req-2")
    page = await usage_page(ListedLedger(late, later), UsageRowsQuestion(limit=1), OPERATOR)
    assert page.data[0].began_at == "2026-11-01T16:30:00.000Z"
    assert page.next == "2026-11-01.req-1"
    assert late.began_at.astimezone(UTC).day == 1


async def test_a_cursor_stays_within_the_limits_of_the_question() -> None:
    ledger = ListedLedger(ROW, replace(ROW, request_id="req-2"))
    question = UsageRowsQuestion.model_validate(
        {"since": "2026-11-02", "after": "2026-11-01.req-1"}
    )
    with pytest.raises(UnsupportedOptionError) as refused:
        await usage_page(ledger, question, OPERATOR)
    assert refused.value.param == "after"
    assert str(ledger.queries[0].since) == "2026-11-02"


async def test_rows_are_let_go_when_nobody_reads_on() -> None:
    ledger = ListedLedger(*(replace(ROW, request_id=f"{n:05d}") for n in range(2_000)))
    chunks = csv_chunks(ledger, UsageRowsQuestion(), OPERATOR)
    await anext(chunks)
    assert ledger.n_open == 1
    await chunks.aclose()
    assert ledger.n_open == 0


def test_who_keeps_nothing_says_so() -> None:
    ledger = ListedLedger()
    assert kept(ledger) is ledger
    with pytest.raises(NotFoundError, match="setting `ledger`"):
        kept(None)


def reaching(reach: Reach) -> Caller:
    return Caller("key", "proj_p", "org_o", reach=reach)


@pytest.mark.parametrize(
    ("reach", "asked", "read"),
    [
        (Reach.SERVER, UsageQuery(), UsageQuery()),
        (Reach.SERVER, UsageQuery(project="proj_x"), UsageQuery(project="proj_x")),
        (Reach.ORGANISATION, UsageQuery(), UsageQuery(organisation="org_o")),
        (
            Reach.ORGANISATION,
            UsageQuery(project="proj_x"),
            UsageQuery(project="proj_x", organisation="org_o"),
        ),
        (Reach.PROJECT, UsageQuery(), UsageQuery(project="proj_p", organisation="org_o")),
        (
            Reach.PROJECT,
            UsageQuery(project="proj_p", key="other"),
            UsageQuery(project="proj_p", organisation="org_o", key="other"),
        ),
    ],
)
def test_a_key_reads_the_usage_within_its_reach(
    reach: Reach, asked: UsageQuery, read: UsageQuery
) -> None:
    assert within_reach(asked, reaching(reach)) == read


@pytest.mark.parametrize(
    ("reach", "asked", "param"),
    [
        (Reach.ORGANISATION, UsageQuery(organisation="org_x"), "organisation"),
        (Reach.PROJECT, UsageQuery(organisation="org_x"), "organisation"),
        (Reach.PROJECT, UsageQuery(project="proj_x"), "project"),
    ],
)
def test_who_asks_for_the_usage_of_others_is_told_that_it_may_not(
    reach: Reach, asked: UsageQuery, param: str
) -> None:
    with pytest.raises(PermissionDeniedError) as refused:
        within_reach(asked, reaching(reach))
    assert refused.value.param == param
