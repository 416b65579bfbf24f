"""Statements that claim, renew, keep and remove answers, each atomic by itself; runs none."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Select,
    Update,
    bindparam,
    delete,
    not_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from loquent.domain.idempotency import Claim
from loquent.storage.account_tables import ANSWERS


def insert_or_replace_expired(dialect: str, now_us: int) -> Insert:
    """Return what inserts a claim and returns its id; nothing where another has not expired."""
    inserting = _inserting(dialect)
    replaced = {column.name: inserting.excluded[column.name] for column in ANSWERS.c}
    return inserting.on_conflict_do_update(
        index_elements=[ANSWERS.c.id], set_=replaced, where=ANSWERS.c.expires_at_us <= now_us
    ).returning(ANSWERS.c.id)


def take_over(claim: Claim, now_us: int, until_us: int) -> Update:
    """Return what takes a claim over whose lease has ended, and returns the request id of its row.

    Nothing where there is none, or somebody was quicker.
    """
    return (
        update(ANSWERS)
        .where(
            ANSWERS.c.id == claim.id,
            ANSWERS.c.digest == claim.digest,
            ANSWERS.c.lease_until_us <= now_us,
            not_(ANSWERS.c.is_answered),
        )
        .values(holder=claim.request_id, lease_until_us=until_us)
        .returning(ANSWERS.c.request_id)
    )


def select_answer(claim: Claim) -> Select[Any]:
    """Return what finds the claim that has the id of `claim`, and its answer."""
    return select(ANSWERS).where(ANSWERS.c.id == claim.id)


def keep_first(dialect: str, claim: Claim) -> Insert:
    """Return what keeps an answer, unless there is one, or the claim is of another request."""
    inserting = _inserting(dialect)
    is_open = not_(ANSWERS.c.is_answered) & (ANSWERS.c.digest == claim.digest)
    kept = {name: inserting.excluded[name] for name in ("is_answered", "sealed")}
    return inserting.on_conflict_do_update(index_elements=[ANSWERS.c.id], set_=kept, where=is_open)


def renew_lease() -> Update:
    """Return what renews a lease that `held_by` still has on `held_id`, to `until_us`."""
    is_held = (ANSWERS.c.id == bindparam("held_id")) & (ANSWERS.c.holder == bindparam("held_by"))
    return update(ANSWERS).where(is_held).values(lease_until_us=bindparam("until_us"))


def end_lease(claim: Claim) -> Update:
    """Return what ends the lease on a claim, unless somebody else has taken it over."""
    return update(ANSWERS).where(*_is_held(claim)).values(lease_until_us=0)


def delete_unanswered(claim: Claim) -> Delete:
    """Return what removes a claim without an answer, unless somebody else has taken it over."""
    return delete(ANSWERS).where(*_is_held(claim), not_(ANSWERS.c.is_answered))


def delete_expired(now_us: int, n_most: int) -> Delete:
    """Return what removes some answers that have expired, the oldest first."""
    expired = select(ANSWERS.c.id).where(ANSWERS.c.expires_at_us <= now_us)
    some = expired.order_by(ANSWERS.c.expires_at_us, ANSWERS.c.id).limit(n_most)
    return delete(ANSWERS).where(ANSWERS.c.id.in_(some))


def _is_held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return ANSWERS.c.id == claim.id, ANSWERS.c.holder == claim.request_id


def _inserting(dialect: str) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(ANSWERS) if dialect == "sqlite" else postgresql.insert(ANSWERS)
