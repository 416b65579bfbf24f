"""From a key to who presents it and what that one may do; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from loquent.accounting.keys import NOBODY, KeyHasher, taken_apart
from loquent.domain.accounts import (
    Account,
    AccountBook,
    Caller,
    Key,
    Organisation,
    Project,
    Reach,
)

MAX_DEPTH: Final = 8
"""A key made by a key made by a key, and so on: no further."""


@dataclass(frozen=True, slots=True)
class KeyIndex:
    """A book, and its keys by the digests of their secrets, the present and the former ones.

    Whatever is wrong with a secret, its digest is found nowhere, and nobody without the pepper can
    steer where it is looked for: so how long that takes tells nothing.
    """

    book: AccountBook
    by_digest: Mapping[bytes, Key]

    @classmethod
    def of(cls, book: AccountBook) -> Self:
        former = {key.old_digest: key for key in book.keys.values() if key.old_digest}
        return cls(book, former | {key.digest: key for key in book.keys.values()})


def identified(presented: str, index: KeyIndex, hasher: KeyHasher, now: datetime) -> Caller | None:
    """Return who presents a key, None if it is none that opens anything now.

    The same work is done whether the key is unknown, wrong in its first or in its last letter.
    """
    digest = hasher.digest(taken_apart(presented) or NOBODY)
    key = index.by_digest.get(digest)
    if key is None:
        return None
    if digest != key.digest and (key.old_until is None or key.old_until <= now):
        return None
    return caller_of(key, index.book, now)


def caller_of(key: Key, book: AccountBook, now: datetime) -> Caller | None:
    """Return who holds `key`, None if it is good for nothing now.

    A key ends with the one that made it, and with the project of that one, and it never may do
    more.
    """
    caller = _within_makers(key, book, now, MAX_DEPTH)
    if caller is None:
        return None
    keys = (_account(each) for each in lineage(key, book))
    project = book.projects[caller.project_id]
    organisation = book.organisations[caller.organisation_id]
    return replace(caller, accounts=(*keys, _account(project), _account(organisation)))


def lineage(key: Key, book: AccountBook) -> Iterator[Key]:
    """Yield the key, the one that made it, and so on."""
    current: Key | None = key
    for _ in range(MAX_DEPTH):
        if current is None:
            return
        yield current
        current = book.keys.get(current.parent_id) if current.parent_id else None


def is_open(key: Key, now: datetime) -> bool:
    """Tell whether a key, looked at alone, is good for anything."""
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def may_see(caller: Caller, project: Project) -> bool:
    """Tell whether a caller's reach covers a project."""
    match caller.reach:
        case Reach.SERVER:
            return True
        case Reach.ORGANISATION:
            return project.organisation_id == caller.organisation_id
        case Reach.PROJECT:
            return project.id == caller.project_id


def _within_makers(key: Key, book: AccountBook, now: datetime, depth: int) -> Caller | None:
    """Return who holds `key`, without accounts; None also if its line is broken or too long."""
    project = book.projects.get(key.project_id)
    organisation = book.organisations.get(project.organisation_id) if project else None
    if project is None or organisation is None:
        return None
    if project.closed_at or organisation.closed_at or not is_open(key, now):
        return None
    alone = _alone(key, project, organisation)
    if key.parent_id is None:
        return alone
    parent = book.keys.get(key.parent_id)
    maker = _within_makers(parent, book, now, depth - 1) if parent and depth > 1 else None
    if maker is None or not may_see(maker, project):
        return None
    return replace(
        alone,
        scopes=alone.scopes & maker.scopes,
        reach=alone.reach if maker.reach.covers(alone.reach) else maker.reach,
        bounds=alone.bounds.within(maker.bounds),
    )


def _alone(key: Key, project: Project, organisation: Organisation) -> Caller:
    """Return who holds a key, whoever made it."""
    outer = project.terms.bounds.within(organisation.terms.bounds)
    return Caller(
        key_id=key.id,
        project_id=project.id,
        organisation_id=organisation.id,
        scopes=key.scopes,
        reach=key.reach,
        bounds=key.terms.bounds.within(outer),
    )


def _account(of: Key | Project | Organisation) -> Account:
    return Account(of.id, of.terms.limits, of.terms.budget)
