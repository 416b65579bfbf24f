"""Usage over the wire: sums and rows, JSON and CSV, and all that can be wrong with a question."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import httpx2
import pytest

from loquent.api.app import ApiOptions, create_app
from loquent.api.usage_report import ROWS_IN_A_CHUNK
from loquent.domain.model import Capability
from loquent.domain.usage import UsageRow
from tests.fakes.listed_ledger import ROW, ListedLedger
from tests.fakes.services import fake_services
from tests.vendors.server import serving
from tests.wire.conftest import KEY
from tests.wire.envelopes import assert_envelope

FAILED = replace(
    ROW, request_id="req-2", key="lab", outcome="upstream_timeout", status=504, provider="far",
    endpoint="far/large", model="large", n_attempts=3, audio_ms=7, price_micros=0,
    deployment="fast",
)  # fmt: skip
SPOKEN = replace(
    ROW, request_id="req-3", began_at=ROW.began_at + timedelta(days=2), audio_ms=3_600_001,
    capability=Capability.SPEECH, n_characters=42, n_text_tokens=5, n_audio_tokens=6,
    n_output_tokens=7, price_micros=1_000_000_000_001,
)  # fmt: skip
THREE = (ROW, FAILED, SPOKEN)
FIGURES = {
    "requests", "failed", "audio_ms", "audio_seconds", "characters", "text_tokens",
    "audio_tokens", "output_tokens", "price", "currency",
}  # fmt: skip


@asynccontextmanager
async def asking(
    ledger: ListedLedger | None, currency: str = "USD"
) -> AsyncIterator[httpx2.AsyncClient]:
    services = fake_services(ledger=ledger)
    app = create_app(services, ApiOptions(api_key=KEY, currency=currency))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        serving(app) as url,
        httpx2.AsyncClient(base_url=url, headers=headers, timeout=30) as client,
    ):
        yield client


async def summed(*rows: UsageRow, path: str = "/v1/usage", **query: Any) -> dict[str, Any]:
    async with asking(ListedLedger(*rows)) as http:
        response = await http.get(path, params=query)
    assert response.status_code == 200, response.text
    return dict(response.json())


def read_csv(response: httpx2.Response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith("attachment; filename=")
    return list(csv.DictReader(StringIO(response.text, newline="")))


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
async def test_usage_is_summed_by_day_unless_told_otherwise(prefix: str) -> None:
    report = await summed(*THREE, path=f"{prefix}/usage")
    assert report["object"] == "usage"
    assert (report["since"], report["until"], report["group_by"]) == (None, None, ["day"])
    assert [line["group"] for line in report["data"]] == [
        {"day": "2026-11-01"},
        {"day": "2026-11-03"},
    ]
    assert report["data"][0] == {
        "group": {"day": "2026-11-01"},
        "requests": 2,
        "failed": 1,
        "audio_ms": 10_507,
        "audio_seconds": "10.507",
        "characters": 0,
        "text_tokens": 0,
        "audio_tokens": 0,
        "output_tokens": 0,
        "price": "0.000175",
        "currency": "USD",
    }
    assert report["total"] == {
        "requests": 3,
        "failed": 1,
        "audio_ms": 3_610_508,
        "audio_seconds": "3610.508",
        "characters": 42,
        "text_tokens": 5,
        "audio_tokens": 6,
        "output_tokens": 7,
        "price": "1000000.000176",
        "currency": "USD",
    }


@pytest.mark.parametrize(
    ("query", "groups"),
    [
        ({"group_by": "key"}, [{"key": "lab"}, {"key": "team"}]),
        (
            {"group_by": ["provider", "outcome"]},
            [
                {"provider": "far", "outcome": "upstream_timeout"},
                {"provider": "local", "outcome": "ok"},
            ],
        ),
        (
            {"group_by": "capability, model,capability"},
            [
                {"capability": "speech", "model": "whisper-base"},
                {"capability": "transcription", "model": "large"},
                {"capability": "transcription", "model": "whisper-base"},
            ],
        ),
        ({"group_by": "deployment"}, [{"deployment": ""}, {"deployment": "fast"}]),
        (
            {"group_by": "endpoint"},
            [{"endpoint": "far/large"}, {"endpoint": "local/whisper-base"}],
        ),
    ],
)
async def test_usage_is_summed_by_whatever_is_asked(
    query: dict[str, Any], groups: list[dict[str, str]]
) -> None:
    report = await summed(*THREE, **query)
    assert [line["group"] for line in report["data"]] == groups
    assert all(list(line["group"]) == report["group_by"] for line in report["data"])


@pytest.mark.parametrize(
    ("query", "n_requests"),
    [
        ({"since": "2026-11-02"}, 1),
        ({"since": "2026-11-03", "until": "2026-11-03"}, 1),
        ({"until": "2026-11-02"}, 2),
        ({"until": "9999-12-31"}, 3),
        ({"key": "team"}, 2),
        ({"key": ""}, 0),
        ({"model": "large"}, 1),
        ({"provider": "local", "capability": "speech"}, 1),
        ({"provider": "nobody"}, 0),
        ({"deployment": "fast"}, 1),
        ({"deployment": ""}, 2),
    ],
)
async def test_only_what_fits_is_counted(query: dict[str, str], n_requests: int) -> None:
    for path in ("/v1/usage", "/v1/usage/rows"):
        answer = await summed(*THREE, path=path, **query)
        if path == "/v1/usage":
            assert answer["total"]["requests"] == n_requests
        else:
            assert len(answer["data"]) == n_requests


async def test_a_sum_of_nothing_is_zero_in_the_currency_of_the_operator() -> None:
    async with asking(ListedLedger(), currency="EUR") as http:
        report = (await http.get("/v1/usage")).json()
        table = await http.get("/v1/usage", params={"format": "csv", "group_by": "key,day"})
        rows = await http.get("/v1/usage/rows", params={"format": "csv"})
    assert report["data"] == []
    assert (report["total"]["price"], report["total"]["currency"]) == ("0.000000", "EUR")
    assert report["total"]["audio_seconds"] == "0.000"
    assert read_csv(table) == read_csv(rows) == []
    assert table.text.startswith("key,day,requests,failed,")
    assert rows.text.startswith("request_id,began_at,key,")


async def test_amounts_of_several_currencies_are_never_added() -> None:
    report = await summed(ROW, replace(ROW, request_id="req-9", currency="EUR", price_micros=1))
    assert [(line["price"], line["currency"]) for line in report["data"]] == [
        ("0.000001", "EUR"),
        ("0.000175", "USD"),
    ]
    assert (report["total"]["price"], report["total"]["currency"]) == (None, None)
    assert report["total"]["requests"] == 2


async def test_json_and_csv_hold_the_same_to_the_last_micro_unit() -> None:
    query = {"group_by": ["day", "model", "key"]}
    async with asking(ListedLedger(*THREE)) as http:
        report = (await http.get("/v1/usage", params=query)).json()
        lines = read_csv(await http.get("/v1/usage", params={**query, "format": "csv"}))
        page = (await http.get("/v1/usage/rows")).json()
        rows = read_csv(await http.get("/v1/usage/rows", params={"format": "csv"}))
    for line, shown in zip(lines, report["data"], strict=True):
        group = shown.pop("group")
        assert set(shown) == FIGURES
        assert line == {**group, **{name: str(value) for name, value in shown.items()}}
    for row, shown in zip(rows, page["data"], strict=True):
        assert row == {name: str(value) for name, value in shown.items()}
    micros = sum(row.price_micros for row in THREE)
    for priced in (lines, rows, report["data"], page["data"]):
        assert sum(Decimal(line["price"]) for line in priced) * 1_000_000 == micros
    assert Decimal(report["total"]["price"]) * 1_000_000 == micros


@pytest.mark.parametrize(
    ("accept", "named", "content_type"),
    [
        ("text/csv", None, "text/csv; charset=utf-8"),
        ("text/csv;q=0.9, application/json;q=0.8", None, "text/csv; charset=utf-8"),
        ("application/json, text/csv", None, "application/json"),
        ("text/html, TEXT/CSV", None, "text/csv; charset=utf-8"),
        ("*/*", None, "application/json"),
        ("image/png", None, "application/json"),
        ("text/csv", "json", "application/json"),
        ("application/json", "csv", "text/csv; charset=utf-8"),
    ],
)
async def test_the_format_is_named_or_accepted(
    accept: str, named: str | None, content_type: str
) -> None:
    query = {"format": named} if named else {}
    async with asking(ListedLedger(*THREE)) as http:
        for path in ("/v1/usage", "/v1/usage/rows"):
            response = await http.get(path, params=query, headers={"accept": accept})
            assert response.headers["content-type"] == content_type


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
async def test_no_text_of_a_caller_is_a_formula_to_a_spreadsheet(start: str) -> None:
    evil = f'{start}HYPERLINK("http://x","y")\n,"'
    row = replace(ROW, request_id="-1", asked_model=evil, key=evil, model="a=b")
    async with asking(ListedLedger(row)) as http:
        (line,) = read_csv(await http.get("/v1/usage?format=csv&group_by=key,model"))
        (record,) = read_csv(await http.get("/v1/usage/rows?format=csv"))
        (shown,) = (await http.get("/v1/usage/rows")).json()["data"]
    assert line["key"] == record["key"] == record["asked_model"] == f"'{evil}"
    assert record["request_id"] == "'-1"
    assert line["model"] == record["model"] == "a=b"
    assert shown["asked_model"] == evil


async def test_a_row_says_everything_that_is_written_down() -> None:
    page = await summed(FAILED, path="/v1/usage/rows")
    assert page == {
        "object": "list",
        "data": [
            {
                "request_id": "req-2",
                "began_at": "2026-11-01T12:00:00.250Z",
                "key": "lab",
                "project": "",
                "organisation": "",
                "capability": "transcription",
                "asked_model": "whisper-1",
                "endpoint": "far/large",
                "provider": "far",
                "model": "large",
                "outcome": "upstream_timeout",
                "status": 504,
                "attempts": 3,
                "audio_ms": 7,
                "audio_seconds": "0.007",
                "characters": 0,
                "text_tokens": 0,
                "audio_tokens": 0,
                "output_tokens": 0,
                "price": "0.000000",
                "currency": "USD",
                "took_ms": 800,
                "deployment": "fast",
            }
        ],
        "next": None,
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
async def test_pages_hold_every_row_once_from_the_oldest_on(limit: int) -> None:
    rows = [
        replace(ROW, request_id=f"req.{n}", began_at=ROW.began_at + timedelta(days=n // 3))
        for n in range(7)
    ]
    seen: list[list[str]] = []
    ledger, query = ListedLedger(*reversed(rows)), {"limit": str(limit)}
    async with asking(ledger) as http:
        while True:
            page = (await http.get("/v1/usage/rows", params=query)).json()
            seen.append([row["request_id"] for row in page["data"]])
            if page["next"] is None:
                break
            query["after"] = page["next"]
    assert [id_ for page in seen for id_ in page] == [row.request_id for row in rows]
    assert {len(page) for page in seen[:-1]} <= {limit}
    assert ledger.n_open == 0


async def test_a_page_is_not_sought_from_the_oldest_row_of_all() -> None:
    ledger = ListedLedger(*THREE)
    async with asking(ledger) as http:
        await http.get("/v1/usage/rows", params={"after": "2026-11-03.req-3"})
        await http.get("/v1/usage/rows", params={"after": "2026-11-01.req-2", "key": "lab"})
    assert [str(query.since) for query in ledger.queries] == ["2026-11-03", "2026-11-01"]


async def test_all_rows_come_as_csv_however_many_there_are() -> None:
    n_rows = 2 * ROWS_IN_A_CHUNK + 3
    ledger = ListedLedger(*(replace(ROW, request_id=f"{n:06d}") for n in range(n_rows)))
    async with asking(ledger) as http:
        rows = read_csv(await http.get("/v1/usage/rows?format=csv"))
        rest = read_csv(await http.get("/v1/usage/rows?format=csv&after=2026-11-01.000999"))
    assert [row["request_id"] for row in rows] == [f"{n:06d}" for n in range(n_rows)]
    assert [row["request_id"] for row in rest] == ["001000", "001001", "001002"]
    assert ledger.n_open == 0


async def test_a_ledger_that_cannot_be_read_is_503() -> None:
    async with asking(ListedLedger(*THREE, breaks_after=1)) as http:
        for path in ("/v1/usage", "/v1/usage/rows", "/v1/usage/rows?format=csv"):
            error = assert_envelope(await http.get(path), 503)
            assert error["code"] == "ledger_unavailable"


async def test_rows_that_break_off_do_not_look_whole() -> None:
    n_rows = ROWS_IN_A_CHUNK + 1
    rows = (replace(ROW, request_id=str(n)) for n in range(n_rows))
    ledger = ListedLedger(*rows, breaks_after=ROWS_IN_A_CHUNK)
    async with asking(ledger) as http:
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.get("/v1/usage/rows?format=csv")
    assert ledger.n_open == 0


WRONG: list[tuple[str, str, str, str]] = [
    ("/usage", "since", "yesterday", "2026-11-30"),
    ("/usage", "since", "1790000000", "2026-11-30"),
    ("/usage", "since", "2026-02-30", "2026-11-30"),
    ("/usage", "until", "2026-11-01T00:00:00", "2026-11-30"),
    ("/usage", "until", "", "2026-11-30"),
    (
        "/usage",
        "group_by",
        "weather",
        "project, organisation, model, provider, endpoint, capability, outcome, deployment",
    ),
    ("/usage", "group_by", "day,,key", "''"),
    ("/usage", "group_by", "{day}", "'{day}'"),
    ("/usage", "capability", "flying", "'transcription'"),
    ("/usage", "format", "xml", "'csv'"),
    ("/usage", "provder", "local", "not permitted"),
    ("/usage/rows", "group_by", "day", "not permitted"),
    ("/usage/rows", "since", "2026-13-01", "2026-11-30"),
    ("/usage/rows", "limit", "0", "1"),
    ("/usage/rows", "limit", "1001", "1000"),
    ("/usage/rows", "limit", "many", "integer"),
    ("/usage/rows", "after", "req-1", "`next`"),
    ("/usage/rows", "after", "2026-99-01.req-1", "`next`"),
    ("/usage/rows", "after", "2026-11-01.req-77", "`next`"),
    ("/usage/rows", "after", "x" * 201, "200"),
]


@pytest.mark.parametrize(("prefix", "status"), [("/v1", 400), ("/v0", 422), ("", 400)])
async def test_a_wrong_field_is_named_with_what_would_be_right(prefix: str, status: int) -> None:
    ledger = ListedLedger(*THREE)
    async with asking(ledger) as http:
        for path, name, value, said in WRONG:
            for more in ({}, {"format": "csv"}):
                query = {**more, name: value}
                error = assert_envelope(await http.get(prefix + path, params=query), status)
                assert error["param"] == name, value
                assert said in error["message"], error["message"]
    assert ledger.n_open == 0


async def test_a_last_day_before_the_first_is_refused() -> None:
    query = {"since": "2026-11-02", "until": "2026-11-01"}
    async with asking(ListedLedger(*THREE)) as http:
        for path in ("/v1/usage", "/v1/usage/rows", "/v1/usage/rows?format=csv"):
            separator = "&" if "?" in path else "?"
            address = path + separator + "&".join(f"{k}={v}" for k, v in query.items())
            error = assert_envelope(await http.get(address), 400)
            assert error["param"] == "until"
            assert "2026-11-02" in error["message"]


@pytest.mark.parametrize("path", ["/v1/usage", "/v0/usage", "/usage", "/v1/usage/rows"])
async def test_without_a_ledger_it_is_told_how_to_begin(path: str) -> None:
    async with asking(None) as http:
        for query in ({}, {"format": "csv"}):
            error = assert_envelope(await http.get(path, params=query), 404)
            assert error["code"] == "not_found"
            assert "setting `ledger`" in error["message"]


async def test_nobody_reads_usage_without_the_key() -> None:
    async with asking(ListedLedger(*THREE)) as http:
        for path in ("/v1/usage", "/v1/usage/rows"):
            assert_envelope(await http.get(path, headers={"authorization": ""}), 401)
