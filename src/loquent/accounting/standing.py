"""Tell in one word whether a key opens anything; pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from loquent.accounting.callers import caller_of, lineage
from loquent.accounting.rights import rights_of
from loquent.domain.accounts import AccountBook, Key


class KeyState(StrEnum):
    """What a key is at the moment, as spelled on the wire."""

    OPEN = "open"
    ROTATING = "rotating"
    """Open, also to the secret before."""
    EXPIRED = "expired"
    CLOSED = "closed"
    """Its project or organisation was closed."""
    REVOKED = "revoked"


def state_of(key: Key, book: AccountBook, now: datetime) -> KeyState:
    """Return what a key is, together with those that it comes from."""
    if any(each.revoked_at for each in lineage(key, book)):
        return KeyState.REVOKED
    if rights_of(key, book) is None:
        return KeyState.CLOSED
    if caller_of(key, book, now) is None:
        return KeyState.EXPIRED
    is_rotating = key.old_until is not None and now < key.old_until
    return KeyState.ROTATING if is_rotating else KeyState.OPEN
