"""`loquent usage`, read from this machine's ledger and asked of a server."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest

from loquent.api.app import ApiOptions, create_app
from loquent.cli import usage
from loquent.ports import Ledger
from loquent.settings import Settings
from tests.cli.conftest import Shell
from tests.cli.served import running
from tests.fakes.listed_ledger import ROW, ListedLedger
from tests.fakes.services import fake_services

ODD = replace(
    ROW,
    request_id="req-2",
    began_at=ROW.began_at + timedelta(days=1),
    key="",
    model="[bold]\x1b[31m=odd\n",
    outcome="client_gone",
    audio_ms=3_661_001,
    n_characters=42,
    n_text_tokens=5,
    n_audio_tokens=6,
    n_output_tokens=7,
    price_micros=2_000_000,
    deployment="fast",
)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> ListedLedger:
    """Put a ledger of two rows where that of this machine would be."""
    listed = ListedLedger(ROW, ODD)
    _keep(monkeypatch, listed)
    return listed


@pytest.fixture
def server() -> Iterator[str]:
    """A server with the same two rows, in a thread of its own."""
    services = fake_services(ledger=ListedLedger(ROW, ODD))
    app = create_app(services, ApiOptions(api_key="lq-key"))
    yield from running(app)


def _keep(monkeypatch: pytest.MonkeyPatch, listed: ListedLedger | None) -> None:
    @asynccontextmanager
    async def open_listed(_settings: Settings) -> AsyncIterator[Ledger | None]:
        yield listed

    monkeypatch.setattr(usage, "open_ledger", open_listed)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_usage_is_shown_by_day_with_a_total(shell: Shell, ledger: ListedLedger) -> None:
    told = shell("usage")
    assert (told.code, told.err) == (0, "")
    head, first, second, total = told.out.splitlines()
    assert cells(head) == [
        "day", "requests", "failed", "audio", "characters", "tokens in", "tokens out", "price",
    ]  # fmt: skip
    assert cells(first) == ["2026-11-01", "1", "0", "0:00:11", "0", "0", "0", "0.000175 USD"]
    assert cells(second) == ["2026-11-02", "1", "1", "1:01:02", "42", "11", "7", "2.000000 USD"]
    assert cells(total) == ["total", "2", "1", "1:01:12", "42", "11", "7", "2.000175 USD"]


def test_figures_stand_one_below_the_other(shell: Shell, ledger: ListedLedger) -> None:
    head, *lines = (line.rstrip() for line in shell("usage").out.splitlines())
    end = head.index("audio") + len("audio")
    assert [line[:end].split()[-1] for line in lines] == ["0:00:11", "1:01:02", "1:01:12"]


def test_names_of_callers_are_shown_as_they_stand_but_steer_no_terminal(
    shell: Shell, ledger: ListedLedger
) -> None:
    _, odd, plain, _ = shell("usage", "--by", "model", "--by", "key").out.splitlines()
    assert cells(odd)[:3] == ["[bold] [31m=odd", "-", "1"]
    assert cells(plain)[:3] == ["whisper-base", "team", "1"]


def test_what_to_count_is_limited(shell: Shell, ledger: ListedLedger) -> None:
    limits = (
        ("--since", "2026-11-02"),
        ("--until", "2026-11-01"),
        ("--key", "team"),
        ("--model", "whisper-base"),
        ("--for", "speech"),
        ("--provider", "nobody"),
        ("--deployment", "fast"),
    )
    found = [json.loads(shell("usage", *limit, "--json").out)["total"] for limit in limits]
    assert [total["requests"] for total in found] == [1, 1, 1, 1, 0, 0, 1]
    assert [total["price"] for total in found[:2]] == ["2.000000", "0.000175"]


def test_as_csv_there_is_no_total_and_no_formula(shell: Shell, ledger: ListedLedger) -> None:
    ledger.listed[1] = replace(ODD, model="=odd")
    told = shell("usage", "--by", "model", "--by", "key", "--csv")
    first, second = csv.DictReader(StringIO(told.out))
    assert (first["model"], first["key"], first["price"]) == ("'=odd", "", "2.000000")
    assert (second["model"], second["price"], second["currency"]) == (
        "whisper-base", "0.000175", "USD",
    )  # fmt: skip


def test_csv_and_json_at_once_are_refused(shell: Shell, ledger: ListedLedger) -> None:
    told = shell("usage", "--csv", "--json")
    assert told.code == 2
    assert "choose one of --csv and --json" in told.err


@pytest.mark.parametrize("words", [(), ("--by", "key"), ("--csv",), ("--json",)])
def test_a_server_answers_the_same(
    shell: Shell,
    ledger: ListedLedger,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("LOQUENT_API_KEY", "lq-key")
    limits = ("--since", "2026-11-01", "--for", "transcription", "--by", "day", "--by", "model")
    here = shell("usage", *limits, *words)
    assert "whisper-base" in here.out
    ledger.listed.clear()
    there = shell("usage", *limits, *words, "--server", server)
    assert (there.code, there.err) == (here.code, here.err) == (0, "")
    assert there.out.endswith(here.out)  # behind the log of the server, which runs in this process


def test_what_a_server_says_no_to_is_told(shell: Shell, server: str) -> None:
    told = shell("usage", "--server", server)
    assert told.code == 1
    assert "No API key was sent" in told.err


@pytest.mark.parametrize("where", [(), ("--server", "http://127.0.0.1:9")])
def test_a_last_day_before_the_first_is_refused_at_once(
    shell: Shell, ledger: ListedLedger, where: tuple[str, ...]
) -> None:
    told = shell("usage", "--since", "2026-11-02", "--until", "2026-11-01", *where)
    assert told.code == 1
    assert "until: 2026-11-01 lies before since" in told.err


@pytest.mark.parametrize(
    ("option", "said"), [(("--since", "yesterday"), "%Y-%m-%d"), (("--by", "weather"), "outcome")]
)
def test_wrong_options_are_refused(
    shell: Shell, ledger: ListedLedger, option: tuple[str, str], said: str
) -> None:
    told = shell("usage", *option)
    assert told.code == 2
    assert said in told.err


def test_where_nothing_was_used_it_is_told_what_will_be(shell: Shell, ledger: ListedLedger) -> None:
    ledger.listed.clear()
    told = shell("usage")
    assert (told.code, told.out) == (0, "")
    assert "a server writes each one when it ends" in told.err
    assert shell("usage", "--csv").out.startswith("day,requests,")
    assert json.loads(shell("usage", "--json").out)["total"]["price"] == "0.000000"


def test_where_nothing_is_kept_it_is_told_how_to_begin(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep(monkeypatch, None)
    told = shell("usage")
    assert told.code == 1
    assert "setting `ledger`" in told.err


def test_several_currencies_have_no_common_price(shell: Shell, ledger: ListedLedger) -> None:
    ledger.listed.append(replace(ROW, request_id="req-3", currency="EUR"))
    lines = shell("usage").out.splitlines()
    assert [cells(line)[-1] for line in lines[1:]] == [
        "0.000175 EUR", "0.000175 USD", "2.000000 USD", "several currencies",
    ]  # fmt: skip
