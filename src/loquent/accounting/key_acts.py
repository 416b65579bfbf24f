"""What may be done to keys; keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from loquent.accounting.callers import MAX_DEPTH, caller_of, lineage
from loquent.accounting.desk import Act, Desk, changed_book
from loquent.accounting.joining import joined
from loquent.accounting.keys import KeyHasher, KeyText
from loquent.accounting.places import home_of_key
from loquent.accounting.rights import Rights, ensure_modest_key, ensure_no_more, rights_of
from loquent.accounting.terms import stated, told
from loquent.accounting.wishes import (
    KeyWish,
    MintedKey,
    checked_end,
    checked_name,
    checked_scopes,
)
from loquent.domain.accounts import AccountChange, Caller, Key
from loquent.domain.errors import InvalidRequestError, PermissionDeniedError

DEFAULT_OVERLAP_S: Final = 86_400
MAX_OVERLAP_S: Final = 30 * 86_400

KeyEdit = Callable[[KeyWish], KeyWish]


def created_key(desk: Desk, wish: KeyWish, text: KeyText, hasher: KeyHasher) -> Act[MintedKey]:
    """Make a key.

    Raises: NotFoundError, PermissionDeniedError, InvalidRequestError.
    """
    _ensure_depth(desk)
    home, change = home_of_key(desk, wish.project_id)
    made = Key(
        id=text.id,
        project_id=home.id,
        name=checked_name(wish.name),
        scopes=checked_scopes(wish.scopes),
        created_at=desk.now,
        digest=hasher.digest(text),
        reach=wish.reach,
        terms=wish.terms,
        parent_id=desk.maker_id,
        expires_at=_end(desk, checked_end(wish.expires_at, desk.now)),
    )
    change = replace(change, keys=(made,))
    if desk.rights:
        ensure_modest_key(made, desk.rights)
    _ensure_within(desk, made, change)
    before = _fields(KeyWish("", scopes=frozenset()))
    details = told(before, _fields(wish_of(made)))
    return Act(MintedKey(made, str(text)), change, "key.create", made.id, details)


def changed_key(desk: Desk, key_id: str, edit: KeyEdit) -> Act[Key]:
    """Change a key.

    Raises: NotFoundError, PermissionDeniedError, InvalidRequestError.
    """
    before = desk.key(key_id)
    _ensure_below(desk, before, "change")
    _ensure_outreached(desk, _alive(desk, before).caller)
    wish = edit(wish_of(before))
    is_new_end = wish.expires_at != before.expires_at
    end = _end(desk, checked_end(wish.expires_at, desk.now)) if is_new_end else before.expires_at
    after = replace(
        before,
        name=checked_name(wish.name),
        scopes=checked_scopes(wish.scopes),
        reach=wish.reach,
        terms=wish.terms,
        expires_at=end,
    )
    change = AccountChange(keys=(after,))
    if desk.rights:
        ensure_modest_key(after, desk.rights, before)
    _ensure_within(desk, after, change)
    details = told(_fields(wish_of(before)), _fields(wish_of(after)))
    return Act(after, change if details else None, "key.change", after.id, details)


def rotated_key(
    desk: Desk, key_id: str, text: KeyText, hasher: KeyHasher, overlap_s: int
) -> Act[MintedKey]:
    """Give a key another secret; whoever does so gets it, so it may have no more than they.

    Raises: NotFoundError, PermissionDeniedError, InvalidRequestError.
    """
    before = desk.key(key_id)
    _ensure_below(desk, before, "rotate")
    rights = _alive(desk, before)
    if desk.rights:
        ensure_no_more(rights, desk.rights)
    if rights.expires_at and rights.expires_at <= desk.now:
        raise InvalidRequestError(
            "This key has expired, and another secret would not help. Give it a later"
            " `expires_at` first, or make another key.",
            param="key_id",
        )
    if not 0 <= overlap_s <= MAX_OVERLAP_S:
        raise InvalidRequestError(
            f"overlap_seconds: write a whole number from 0 to {MAX_OVERLAP_S}.",
            param="overlap_seconds",
        )
    after = replace(
        before,
        digest=hasher.digest(text),
        old_digest=before.digest if overlap_s else b"",
        old_until=desk.now + timedelta(seconds=overlap_s) if overlap_s else None,
    )
    details = {"name": after.name, "overlap_seconds": str(overlap_s)}
    change = AccountChange(keys=(after,))
    return Act(MintedKey(after, str(text)), change, "key.rotate", after.id, details)


def revoked_key(desk: Desk, key_id: str, *, keep_children: bool = False) -> Act[Key]:
    """End a key, and by that all it made, unless those are to go on as they are.

    Those that go on get what this one was bounded by as their own, each for itself, and count
    as made by whoever made this one.

    Raises: NotFoundError, PermissionDeniedError, InvalidRequestError.
    """
    before = desk.key(key_id)
    if before.revoked_at:
        return Act(before)
    is_own = before.id == desk.actor.key_id
    if not is_own:
        _ensure_below(desk, before, "revoke")
        rights = rights_of(before, desk.book)
        if rights:
            _ensure_outreached(desk, rights.caller)
    elif keep_children:
        raise PermissionDeniedError(
            "keep_children: what a key made ends with it when it revokes itself.",
            param="keep_children",
        )
    after = replace(before, revoked_at=desk.now)
    kept = _kept(desk, before) if keep_children else ()
    details = {"name": after.name, **({"kept": _ids(kept)} if kept else {})}
    return Act(after, AccountChange(keys=(after, *kept)), "key.revoke", after.id, details)


def wish_of(key: Key) -> KeyWish:
    """Return what would make such a key."""
    return KeyWish(key.name, key.project_id, key.scopes, key.reach, key.terms, key.expires_at)


def _kept(desk: Desk, parent: Key) -> tuple[Key, ...]:
    """Return what a key made and is still open, so that it does without that key."""
    rights = rights_of(parent, desk.book)
    children = (key for key in desk.book.keys.values() if key.parent_id == parent.id)
    open_ones = (key for key in children if caller_of(key, desk.book, desk.now))
    return tuple(joined(key, parent, rights.caller) for key in open_ones) if rights else ()


def _end(desk: Desk, expires_at: datetime | None) -> datetime | None:
    """Return when a key ends: where nothing is said, with that of its maker."""
    return expires_at or (desk.rights.expires_at if desk.rights else None)


def _ensure_depth(desk: Desk) -> None:
    """Raises: PermissionDeniedError: if the line of parents is as long as it may be."""
    key = desk.book.keys.get(desk.actor.key_id)
    if key and len(tuple(lineage(key, desk.book))) >= MAX_DEPTH:
        raise PermissionDeniedError(
            f"A key made by a key, and so on, goes {MAX_DEPTH} deep and no further. Make this one"
            " with the key that made yours.",
            param="parent_id",
        )


def _ensure_below(desk: Desk, key: Key, verb: str) -> None:
    """Raises: PermissionDeniedError: if it is the actor's own key, or one that it comes from."""
    if key.id in desk.line():
        whose = "itself" if key.id == desk.actor.key_id else "a key that it comes from"
        raise PermissionDeniedError(
            f"A key cannot {verb} {whose}. Use another one, or `loquent keys` at the machine.",
            param="key_id",
        )


def _ensure_outreached(desk: Desk, caller: Caller) -> None:
    """Raises: PermissionDeniedError: if a key reaches further than the actor."""
    if not desk.actor.reach.covers(caller.reach):
        raise PermissionDeniedError(
            f"This key reaches further than yours: {caller.reach}, and not {desk.actor.reach}.",
            param="key_id",
        )


def _ensure_within(desk: Desk, key: Key, change: AccountChange) -> None:
    """Raises: PermissionDeniedError: if a key has more than the actor by a change."""
    rights = rights_of(key, changed_book(desk.book, change))
    if desk.rights and rights:
        ensure_no_more(rights, desk.rights)


def _alive(desk: Desk, key: Key) -> Rights:
    """Return what a key is good for, expired or not.

    Raises: InvalidRequestError: if it was ended for good.
    """
    rights = rights_of(key, desk.book)
    if rights is None:
        raise InvalidRequestError(
            "This key was ended for good, or what it belongs to. Make another one.",
            param="key_id",
        )
    return rights


def _fields(wish: KeyWish) -> Mapping[str, object]:
    return {
        "name": wish.name,
        "project_id": wish.project_id,
        "scopes": frozenset(scope.value for scope in wish.scopes),
        "reach": wish.reach.value,
        "expires_at": wish.expires_at,
        **stated(wish.terms),
    }


def _ids(keys: tuple[Key, ...]) -> str:
    return ", ".join(key.id for key in keys)
