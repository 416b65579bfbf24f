"""Rows of usage to test with, and their sums as plain Python adds them up."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from loquent.domain.model import Capability
from loquent.domain.usage import OK, UsageGroup, UsageQuery, UsageRow, UsageSum
from loquent.ports.ledger import Ledger

PATIENCE_S = 30.0
"""Of ledgers in tests that are not about time: busy machines are slow."""

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
ALL = UsageQuery()
ONE = UsageRow(
    request_id="req_1",
    began_at=NOON.replace(microsecond=123_456),
    key="k1",
    capability=Capability.SPEECH,
    asked_model="tts",
    outcome="upstream_error",
    status=502,
    endpoint="there/tts",
    provider="there",
    model="tts-1",
    n_attempts=2,
    audio_ms=1,
    n_characters=2,
    n_text_tokens=3,
    n_audio_tokens=4,
    n_output_tokens=5,
    price_micros=2**40,
    currency="EUR",
    took_ms=6,
    project="proj_a",
    organisation="org_a",
    deployment="dep-a",
)


def numbered(number: int) -> UsageRow:
    return replace(ONE, request_id=f"req_{number}", began_at=NOON + timedelta(seconds=number))


def random_rows(seed: int, n_rows: int) -> list[UsageRow]:
    pick = random.Random(seed)
    return [
        UsageRow(
            request_id=f"req_{number}",
            began_at=NOON + timedelta(microseconds=pick.randrange(-(10**12), 10**12)),
            key=pick.choice(["", "k1", "K1", "é", "Z"]),
            capability=pick.choice(list(Capability)),
            asked_model="any",
            outcome=pick.choice([OK, "upstream_error", "client_gone"]),
            endpoint=pick.choice(["", "a/1", "b/1"]),
            provider=pick.choice(["", "a", "b", "B"]),
            model=pick.choice(["", "1", "'; DROP TABLE usage; --"]),
            audio_ms=pick.randrange(10**6),
            n_characters=pick.randrange(10**6),
            n_text_tokens=pick.randrange(10**6),
            n_audio_tokens=pick.randrange(10**6),
            n_output_tokens=pick.randrange(10**6),
            price_micros=pick.randrange(2**40),
            currency=pick.choice(["USD", "EUR"]),
            project=pick.choice(["", "p1", "p2"]),
            organisation=pick.choice(["", "o1"]),
            deployment=pick.choice(["", "d1", "d2"]),
        )
        for number in range(n_rows)
    ]


async def all_rows(ledger: Ledger, query: UsageQuery = ALL) -> list[UsageRow]:
    return [row async for row in ledger.rows(query)]


def wanted(rows: Iterable[UsageRow], query: UsageQuery) -> list[UsageRow]:
    found = [row for row in rows if _is_wanted(row, query)]
    return sorted(found, key=lambda row: (row.began_at, row.request_id))


def summed(
    rows: Iterable[UsageRow], query: UsageQuery, groups: Sequence[UsageGroup]
) -> list[UsageSum]:
    alike: dict[tuple[tuple[str, ...], str], list[UsageRow]] = {}
    for row in wanted(rows, query):
        values = tuple(
            row.began_at.date().isoformat() if group is UsageGroup.DAY else getattr(row, group)
            for group in groups
        )
        alike.setdefault((values, row.currency), []).append(row)
    return [
        UsageSum(
            groups=values,
            n_requests=len(some),
            n_failed=sum(row.outcome != OK for row in some),
            audio_ms=sum(row.audio_ms for row in some),
            n_characters=sum(row.n_characters for row in some),
            n_text_tokens=sum(row.n_text_tokens for row in some),
            n_audio_tokens=sum(row.n_audio_tokens for row in some),
            n_output_tokens=sum(row.n_output_tokens for row in some),
            price_micros=sum(row.price_micros for row in some),
            currency=currency,
        )
        for (values, currency), some in sorted(alike.items(), key=lambda item: item[0])
    ]


def _is_wanted(row: UsageRow, query: UsageQuery) -> bool:
    day = row.began_at.date()
    return (
        (query.since is None or query.since <= day)
        and (query.until is None or day <= query.until)
        and query.key in (None, row.key)
        and query.project in (None, row.project)
        and query.organisation in (None, row.organisation)
        and query.model in (None, row.model)
        and query.provider in (None, row.provider)
        and query.capability in (None, row.capability)
        and query.deployment in (None, row.deployment)
    )
