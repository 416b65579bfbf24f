"""From accounts and acts to rows and back, and the statements that write them; runs none."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Insert, Row, Select, Table, Update, select, update
from sqlalchemy.dialects import postgresql, sqlite

from loquent.domain.accounts import AuditEntry, Key, Organisation, Project, Reach, Scope
from loquent.storage.account_tables import ACCOUNT_VERSION, AUDIT, THE_BOOK
from loquent.storage.columns import (
    moment_of,
    moment_or_none,
    storable,
    us_of,
    us_or_none,
)
from loquent.storage.database import StorageError
from loquent.storage.terms import terms_of, text_of

Fields: TypeAlias = Mapping[str, str | int | bytes | None]
"""A row as the database takes it, by the names of columns."""

_IS_THE_BOOK: Final[ColumnElement[bool]] = ACCOUNT_VERSION.c.id == THE_BOOK


def select_version() -> Select[int]:
    """Return what finds the version of the book."""
    return select(ACCOUNT_VERSION.c.version).where(_IS_THE_BOOK)


def advance(base: int) -> Update:
    """Return what makes the version after `base`, or changes no row if the book is of another."""
    is_base = ACCOUNT_VERSION.c.version == base
    return update(ACCOUNT_VERSION).where(_IS_THE_BOOK, is_base).values(version=base + 1)


def select_fingerprint() -> Select[str | None]:
    """Return what finds the fingerprint of the pepper."""
    return select(ACCOUNT_VERSION.c.pepper_fingerprint).where(_IS_THE_BOOK)


def write_fingerprint(fingerprint: str) -> Update:
    """Return what writes the fingerprint of the pepper, unless there is one."""
    is_first = ACCOUNT_VERSION.c.pepper_fingerprint.is_(None)
    return (
        update(ACCOUNT_VERSION).where(_IS_THE_BOOK, is_first).values(pepper_fingerprint=fingerprint)
    )


def upsert(table: Table, dialect: str) -> Insert:
    """Return what inserts rows, or replaces those of the same id."""
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return statement.on_conflict_do_update(
        index_elements=[table.c.id],
        set_={
            each.name: statement.excluded[each.name] for each in table.c if each is not table.c.id
        },
    )


def select_audit(before: datetime | None, n_most: int) -> Select[Any]:
    """Return what finds acts, the latest first."""
    found = select(AUDIT).order_by(AUDIT.c.at_us.desc(), AUDIT.c.version.desc()).limit(n_most)
    return found if before is None else found.where(AUDIT.c.at_us < us_of(before))


def fields_of_organisation(organisation: Organisation) -> Fields:
    """Return the row of an organisation."""
    return {
        "id": storable(organisation.id),
        "name": storable(organisation.name),
        "terms": text_of(organisation.terms),
        "created_at_us": us_of(organisation.created_at),
        "closed_at_us": us_or_none(organisation.closed_at),
    }


def organisation_of(row: Row[Any]) -> Organisation:
    """Return the organisation of a row.

    Raises: StorageError: if it was written by a newer version.
    """
    return Organisation(
        id=row.id,
        name=row.name,
        created_at=moment_of(row.created_at_us),
        terms=terms_of(row.terms),
        closed_at=moment_or_none(row.closed_at_us),
    )


def fields_of_project(project: Project) -> Fields:
    """Return the row of a project."""
    return {
        "id": storable(project.id),
        "organisation_id": storable(project.organisation_id),
        "name": storable(project.name),
        "terms": text_of(project.terms),
        "retention_days": project.retention_days,
        "created_at_us": us_of(project.created_at),
        "closed_at_us": us_or_none(project.closed_at),
    }


def project_of(row: Row[Any]) -> Project:
    """Return the project of a row.

    Raises: StorageError: if it was written by a newer version.
    """
    return Project(
        id=row.id,
        organisation_id=row.organisation_id,
        name=row.name,
        created_at=moment_of(row.created_at_us),
        terms=terms_of(row.terms),
        retention_days=row.retention_days,
        closed_at=moment_or_none(row.closed_at_us),
    )


def fields_of_key(key: Key) -> Fields:
    """Return the row of a key."""
    return {
        "id": storable(key.id),
        "project_id": storable(key.project_id),
        "parent_id": None if key.parent_id is None else storable(key.parent_id),
        "name": storable(key.name),
        "scopes": " ".join(sorted(key.scopes)),
        "reach": key.reach,
        "terms": text_of(key.terms),
        "digest": key.digest,
        "old_digest": key.old_digest,
        "old_until_us": us_or_none(key.old_until),
        "created_at_us": us_of(key.created_at),
        "expires_at_us": us_or_none(key.expires_at),
        "revoked_at_us": us_or_none(key.revoked_at),
    }


def key_of(row: Row[Any]) -> Key:
    """Return the key of a row.

    Raises: StorageError: if it was written by a newer version.
    """
    try:
        scopes, reach = _scopes_of(row.scopes), Reach(row.reach)
    except ValueError as error:
        message = "What a key is good for was written by a newer Loquent, or by hand: run that one."
        raise StorageError(message) from error
    return Key(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        scopes=scopes,
        created_at=moment_of(row.created_at_us),
        digest=row.digest,
        reach=reach,
        terms=terms_of(row.terms),
        parent_id=row.parent_id,
        expires_at=moment_or_none(row.expires_at_us),
        revoked_at=moment_or_none(row.revoked_at_us),
        old_digest=row.old_digest,
        old_until=moment_or_none(row.old_until_us),
    )


@lru_cache(maxsize=64)
def _scopes_of(words: str) -> frozenset[Scope]:
    return frozenset(map(Scope, words.split()))


def fields_of_act(entry: AuditEntry, version: int) -> Fields:
    """Return the row of an act.

    Args:
        version: of the book that the act made.
    """
    return {
        "version": version,
        "at_us": us_of(entry.at),
        "actor": storable(entry.actor),
        "action": storable(entry.action),
        "subject": storable(entry.subject),
        "details": json.dumps(dict(entry.details)),
    }


def acts_of(rows: Iterable[Row[Any]]) -> list[AuditEntry]:
    """Return the acts of rows, in their order."""
    return [
        AuditEntry(
            moment_of(row.at_us), row.actor, row.action, row.subject, json.loads(row.details)
        )
        for row in rows
    ]
