"""Books of keys whose secrets are known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from loquent.accounting.keys import KeyHasher, KeyText, new_key
from loquent.domain.accounts import AccountBook, Key, Organisation, Project, Scope

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
HASHER = KeyHasher(bytes(range(32)))
ORGANISATION = Organisation("org_acme", "Acme", NOW)
PROJECT = Project("proj_calls", "org_acme", "Calls", NOW)


def key_for(text: KeyText, **fields: Any) -> Key:
    """Return the key that `text` opens with; it may do anything in its project."""
    about: dict[str, Any] = {
        "name": "",
        "project_id": PROJECT.id,
        "scopes": frozenset(Scope),
        "created_at": NOW,
        "digest": HASHER.digest(text),
    }
    return Key(id=text.id, **{**about, **fields})


def new_key_for(**fields: Any) -> tuple[Key, str]:
    """Return a key, and how its holder has it."""
    text = new_key()
    return key_for(text, **fields), str(text)


def book_of(
    *keys: Key,
    projects: Iterable[Project] = (PROJECT,),
    organisations: Iterable[Organisation] = (ORGANISATION,),
    version: int = 1,
) -> AccountBook:
    return AccountBook(
        version,
        {each.id: each for each in organisations},
        {each.id: each for each in projects},
        {each.id: each for each in keys},
    )
