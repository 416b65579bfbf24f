"""Accounts to test stores with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from loquent.domain.accounts import (
    AccountChange,
    AuditEntry,
    Bounds,
    Budget,
    BudgetPeriod,
    Key,
    Organisation,
    Project,
    Reach,
    Scope,
    Terms,
)
from loquent.domain.deployments import Deployment, EngineChoice, QueueChoice, Replicas
from loquent.domain.rates import RateLimits

NOON = datetime(2026, 8, 1, 12, microsecond=123_456, tzinfo=UTC)
LATER = NOON + timedelta(days=30, microseconds=1)

ACME = Organisation("org_acme", "Acmé & Söhne; --", NOON)
CLOSED = Organisation(
    "org_closed",
    "",
    NOON,
    Terms(Bounds(providers=frozenset({"b", "a"})), RateLimits(1, 2, 3, 4, 5)),
    closed_at=LATER,
)
CALLS = Project("proj_calls", "org_acme", "Calls", NOON)
NOTES = Project(
    "proj_notes",
    "org_closed",
    "Notes",
    NOON,
    Terms(Bounds(frozenset(), eu_native=True, allow_quantization=False)),
    retention_days=30,
    closed_at=LATER,
)
FIRST = Key("aaaa", "proj_calls", "first", frozenset(Scope), NOON, b"\0\xff" * 16)
SECOND = Key(
    "bbbb",
    "proj_calls",
    "second",
    frozenset({Scope.USAGE}),
    NOON,
    b"2" * 32,
    Reach.ORGANISATION,
    Terms(budget=Budget(BudgetPeriod.WEEK, hard_micros=2**40, soft_micros=0)),
    parent_id="aaaa",
    expires_at=LATER,
    revoked_at=LATER,
    old_digest=b"3" * 32,
    old_until=LATER,
)
NO_SCOPE = Key("cccc", "proj_notes", "none", frozenset(), NOON, b"4" * 32, Reach.SERVER)
PLAIN = Deployment("plain", ("whisper-base",), NOON)
FAST = Deployment(
    "fast-1",
    ("whisper-large-v3-turbo", "Acmé; --"),
    NOON,
    "proj_calls",
    EngineChoice("cuda", "float16", 0, 1, 2, exact=False, max_batch=16),
    QueueChoice(2.5, 0),
    Replicas(0, 3),
    0.0,
    RateLimits(1, 2, 3, 4, 5),
    "eu-west",
    closed_at=LATER,
)
ALL = AccountChange((ACME, CLOSED), (CALLS, NOTES), (SECOND, NO_SCOPE, FIRST), (PLAIN, FAST))
"""A key before the one that made it: the order says nothing."""

ACT = AuditEntry(NOON, "operator", "key.create", "aaaa", {"name": "fi'rst", "scopes": "usage"})


def act(number: int, at: datetime = NOON) -> AuditEntry:
    return AuditEntry(at, "operator", "organisation.update", f"org_{number}")


def organisation(number: int) -> Organisation:
    return Organisation(f"org_{number}", f"number {number}", NOON)
