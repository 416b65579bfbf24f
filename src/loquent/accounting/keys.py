"""Make keys, take them apart, and tell a right one from a wrong one; knows nobody's rights."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final, NamedTuple

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_N_ID: Final = 16
_N_SECRET: Final = 52
"""Letters of five bits each: 80 bits tell keys apart, 260 cannot be guessed."""

_FORM: Final = re.compile(rf"lq_([a-z2-7]{{{_N_ID}}})_([a-z2-7]{{{_N_SECRET}}})")

KEY_FORM: Final = "lq_<id>_<secret>"

PEPPER_BYTES: Final = 32


class KeyText(NamedTuple):
    """A key as its holder has it."""

    id: str
    secret: str

    def __str__(self) -> str:
        return f"lq_{self.id}_{self.secret}"

    def __repr__(self) -> str:
        return f"KeyText({self.id})"


def new_key() -> KeyText:
    """Return a key that nobody has."""
    return KeyText(new_letters(_N_ID), new_letters(_N_SECRET))


def new_letters(n_letters: int) -> str:
    """Return letters that nobody can foresee."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(n_letters))


NOBODY: Final = new_key()
"""Stands for what is no key at all, so that looking at it takes as long as looking at one."""


def taken_apart(presented: str) -> KeyText | None:
    """Return what a caller presents as a key, None if it does not have the form of one."""
    found = _FORM.fullmatch(presented)
    return KeyText(*found.groups()) if found else None


def derived(pepper: bytes, purpose: str) -> bytes:
    """Return 32 bytes of the pepper's for one purpose, from which no other's can be told."""
    return hmac.digest(pepper, f"loquent {purpose} v1".encode(), hashlib.sha256)


class KeyHasher:
    """Makes the digests by which secrets are known.

    Args:
        pepper: 32 bytes that are not kept where the digests are.
    """

    def __init__(self, pepper: bytes) -> None:
        self._key = derived(pepper, "keys")

    def digest(self, key: KeyText) -> bytes:
        """Return what `key` is known by."""
        return hmac.digest(self._key, str(key).encode(), hashlib.sha256)

    @property
    def fingerprint(self) -> str:
        """Tells one pepper from another, and nothing else of it."""
        return hmac.digest(self._key, b"fingerprint", hashlib.sha256).hex()[:16]
