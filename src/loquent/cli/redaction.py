"""Takes secrets, and what callers say, out of what is to be logged; knows no log."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

REDACTED: Final = "[redacted]"

MIN_SECRET_LETTERS: Final = 4
"""Shorter ones stand in every second word, and guard nothing."""

_MAX_DEPTH: Final = 12
_MAX_CAUSES: Final = 8
_N_NAMES: Final = 1_024

_OPENING: Final = (
    r"authorization|api[-_]?key|subscription[-_]key|cookie|passw(?:or)?d|passphrase|secret|token"
    r"|credentials?|pepper|key[-_]text|idempotency[-_]key"
)
_OPENING_NAMES: Final = re.compile(rf"(?:{_OPENING}|(?:^|[-_])key)$", re.IGNORECASE)

_SPOKEN_NAMES: Final = re.compile(
    r"(?:.*[-_])?(?:texts?|inputs?|prompts?|transcripts?|utterances?|hotwords|keyterms?"
    r"|instructions?|captions?|file[-_]?names?|speakers?|speaker[-_]names?|bod(?:y|ies)|content"
    r"|delta)",
    re.IGNORECASE,
)
"""Names of what callers say, or have said."""

_KEPT: Final = rf"\1{REDACTED}"
_NEW: Final = rf"(?!{re.escape(REDACTED)})"
_QUOTED: Final = r"""b?"(?:[^"\\]|\\.)*"?|b?'(?:[^'\\]|\\.)*'?"""

_FORMS: Final = (
    # user:password@ of a URL; a password may hold an @ itself
    ("@", re.compile(rf"(://){_NEW}[^\s/?#]+(?=@)")),
    # keys by the forms of their makers
    ("_", re.compile(r"(?<![A-Za-z0-9])()(?:lq|ek|sk|gsk|hf)_[A-Za-z0-9_-]{6,}")),
    ("-", re.compile(r"(?<![A-Za-z0-9])()sk-[A-Za-z0-9_-]{6,}")),
    ("-", re.compile(rf"(openai-insecure-api-key\.){_NEW}[^\s,]+")),
    (" ", re.compile(rf"\b(bearer\s+){_NEW}\S+", re.IGNORECASE)),
    ("=", re.compile(rf"([?&](?:{_OPENING}|key)=){_NEW}[^\s&#]+", re.IGNORECASE)),
    *(
        (
            mark,  # "api_key": "...", (b'Cookie', b'...'), password=..., Cookie: ...
            re.compile(
                rf"((?:{_OPENING})[\\\"']*{separator}){_NEW}"
                rf"(?:{_QUOTED}|(?<==)[^\s\"'&,;)}}\]]+|(?<!=)[^\s\"'][^\r\n]*)",
                re.IGNORECASE,
            ),
        )
        for mark, separator in ((":", r"\s*:\s*"), ("=", r"\s*=\s*"), (",", r",\s*(?=b?[\"'])"))
    ),
)
"""What must stand in a text that holds a secret of some form, and that form behind what is kept."""


class Redactor:
    """Makes what is to be logged fit to be read by anybody.

    What it has done once it does not do again: the result of a result is the same.

    Args:
        secrets: that must never come out, whatever they look like.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {each for each in secrets if len(each) >= MIN_SECRET_LETTERS} - {""}
        spelled = sorted((each for each in known if each not in REDACTED), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, spelled))) if spelled else None

    def text(self, text: str) -> str:
        """Return `text` without what looks like a secret."""
        if self._known:
            text = self._known.sub(REDACTED, text)
        for mark, form in _FORMS:
            if mark in text:
                text = form.sub(_KEPT, text)
        return text

    def named(self, name: str, value: object) -> object:
        """Return `value`, or nothing of it if its name tells that nobody should read it."""
        return self._named(name, value, _MAX_DEPTH)

    def _named(self, name: str, value: object, depth: int) -> object:
        if value is not None and is_telling(name):
            return REDACTED
        return self._value(value, depth)

    def _value(self, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(str(value))
        if depth == 0:
            return REDACTED
        if isinstance(value, Mapping):
            return {
                self.text(str(name)): self._named(str(name), each, depth - 1)
                for name, each in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return self._sequence(tuple(value), depth)
        # How others spell themselves may hold anything.
        return f"<{type(value).__name__}>"

    def _sequence(self, values: Sequence[object], depth: int) -> list[object]:
        if len(values) == 2 and isinstance(values[0], str | bytes):  # as headers often stand
            name = values[0] if isinstance(values[0], str) else str(values[0], "latin-1")
            return [self.text(name), self._named(name, values[1], depth - 1)]
        return [self._value(each, depth - 1) for each in values]


@lru_cache(_N_NAMES)
def is_telling(name: str) -> bool:
    """Tell whether what goes by this name is secret, or private to a caller."""
    return names_secret(name) or _SPOKEN_NAMES.fullmatch(name) is not None


def names_secret(name: str) -> bool:
    """Tell whether what goes by this name opens something."""
    return _OPENING_NAMES.search(name) is not None


def failure_places(error: BaseException) -> list[str]:
    """Return where an error and its causes come from, without their texts: those quote callers."""
    places: list[str] = []
    current: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if current is None:
            break
        frames = traceback.extract_tb(current.__traceback__)
        places.append(type(current).__qualname__)
        places.extend(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)
        current = current.__cause__ or (
            None if current.__suppress_context__ else current.__context__
        )
    return places
