"""Join a key with the one that made it, so that it has the same without it; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from loquent.accounting.terms import LIMIT_NAMES, in_words
from loquent.domain.accounts import (
    Budget,
    Caller,
    Key,
    Reach,
    Terms,
)
from loquent.domain.errors import InvalidRequestError
from loquent.domain.rates import RateLimits


def joined(key: Key, parent: Key, rights: Caller) -> Key:
    """Return `key` as made by whoever made `parent`, with no more than it had.

    What both counted against together, `key` now counts against alone.

    Args:
        rights: what `parent` may do, all that bounds it being counted.

    Raises: InvalidRequestError: if their budgets are not for the same time.
    """
    return replace(
        key,
        parent_id=parent.parent_id,
        scopes=key.scopes & rights.scopes,
        reach=min(key.reach, rights.reach, key=tuple(Reach).index),
        terms=Terms(
            key.terms.bounds.within(rights.bounds),
            _joined_limits(key.terms.limits, parent.terms.limits),
            _joined_budget(key, parent),
        ),
        expires_at=_earlier(key, parent),
    )


def _earlier(key: Key, parent: Key) -> datetime | None:
    return min((at for at in (key.expires_at, parent.expires_at) if at), default=None)


def _joined_limits(one: RateLimits, other: RateLimits) -> RateLimits:
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in LIMIT_NAMES}
    return RateLimits(**{name: _least(pair) for name, pair in pairs.items()})


def _joined_budget(key: Key, parent: Key) -> Budget | None:
    own, outer = key.terms.budget, parent.terms.budget
    if own is None or outer is None:
        return own or outer
    if own.period is not outer.period:
        raise InvalidRequestError(
            f"keep_children: {key.id} has {in_words(own)}, and the key that made it"
            f" {in_words(outer)}, which one budget cannot say. Give it one of the same period"
            " first, or revoke it too.",
            param="keep_children",
        )
    return Budget(
        own.period,
        _least((own.hard_micros, outer.hard_micros)),
        _least((own.soft_micros, outer.soft_micros)),
    )


def _least(values: Iterable[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)
