"""What accounts are to be like, and what can be wrong with that whoever asks; knows no rights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from loquent.domain.accounts import FREE, Key, Reach, Scope, Terms
from loquent.domain.errors import InvalidRequestError

MAX_NAME_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class KeyWish:
    """A key that is to be made, or what one is to become.

    Attributes:
        project_id: None for that of the maker; for the operator, the first project there is, which
            is made where there is none. A key stays where it was made.
        expires_at: None for never, or for when the maker's own ends.
    """

    name: str
    project_id: str | None = None
    scopes: frozenset[Scope] = frozenset({Scope.INFERENCE})
    reach: Reach = Reach.PROJECT
    terms: Terms = FREE
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A key that has just got a secret.

    Attributes:
        text: the key as its holder needs it; told once.
    """

    key: Key
    text: str


@dataclass(frozen=True, slots=True)
class ProjectWish:
    """A project that is to be made, or what one is to become.

    Attributes:
        organisation_id: None for that of the maker; for the operator, the first there is, which is
            made where there is none. A project stays where it was made.
        retention_days: after so many, what points to a person is erased; None for never.
    """

    name: str
    organisation_id: str | None = None
    terms: Terms = FREE
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class OrganisationWish:
    """An organisation that is to be made, or what one is to become."""

    name: str
    terms: Terms = FREE


def checked_name(name: str) -> str:
    """Return a name without the spaces around it.

    Raises: InvalidRequestError: if nobody could read it in a table.
    """
    text = name.strip()
    if not (0 < len(text) <= MAX_NAME_CHARACTERS and text.isprintable()):
        raise InvalidRequestError(
            f"name: write 1 to {MAX_NAME_CHARACTERS} printable characters on one line.",
            param="name",
        )
    return text


def checked_scopes(scopes: frozenset[Scope]) -> frozenset[Scope]:
    """Return the scopes.

    Raises: InvalidRequestError: if there are none.
    """
    if not scopes:
        raise InvalidRequestError(
            f"scopes: a key without any is good for nothing. Use some of {', '.join(Scope)}.",
            param="scopes",
        )
    return scopes


def checked_end(expires_at: datetime | None, now: datetime) -> datetime | None:
    """Return when a key is to expire.

    Raises: InvalidRequestError: if that is over.
    """
    if expires_at is not None and expires_at <= now:
        raise InvalidRequestError(
            "expires_at: this lies in the past. To end a key now, revoke it.", param="expires_at"
        )
    return expires_at
