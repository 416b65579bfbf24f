"""Reads form fields in every spelling that clients use; knows no field by name.

Absent, empty and the text `null` mean the same. A value still in quotes is unquoted. A list comes
as `x`, `x[]`, repeats, a JSON array or with commas; an object as `x[sub]` or as JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from loquent.domain.errors import InvalidRequestError

T = TypeVar("T")

_NAME = re.compile(r"(?P<base>[^\[\]]+)\[(?P<key>[^\[\]]*)\]", re.DOTALL)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
_COMMA = re.compile(",")
_BETWEEN_URLS = re.compile(r",(?=\s*data:)", re.IGNORECASE)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_NULL = "null"
_QUOTES = ("'", '"')
_LONGEST_ECHO = 64


class FieldReader:
    """The fields of one form. What is never asked for counts as unknown.

    Args:
        fields: pairs of name and value in any order, names possibly repeated.
    """

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in fields:
            self._values.setdefault(name, []).append(value)
        self._known: dict[str, None] = {}
        self._read: set[str] = set()

    @property
    def known(self) -> tuple[str, ...]:
        """Names that have been asked for."""
        return tuple(self._known)

    def unknown(self) -> tuple[str, ...]:
        """Return the names that were sent but never asked for, in the order sent."""
        return tuple(name for name in self._values if name not in self._read)

    def text(self, name: str) -> str | None:
        """Return a single value, or None where there is none.

        Raises: InvalidRequestError: if repeats of the field disagree.
        """
        self._known[name] = None
        return _agreed(name, self._take(name))

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """Return one of the lower-case `allowed`, whatever case it was written in."""
        text = self.text(name)
        return None if text is None else _checked(name, text, allowed)

    def flag(self, name: str) -> bool | None:
        """Return a boolean: true, false, 1 or 0, in any case."""
        text = self.text(name)
        if text is None:
            return None
        flag = _FLAGS.get(text.lower())
        if flag is None:
            raise InvalidRequestError(
                f"{name} must be true or false, not {shown(text)}.", param=name
            )
        return flag

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return a number within [`low`, `high`]."""
        text = self.text(name)
        return None if text is None else number_in(name, text, low, high)

    def whole_number(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number within [`low`, `high`]."""
        text = self.text(name)
        return None if text is None else whole_number_in(name, text, low, high)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of free texts; a comma inside a value sent as `x[]` belongs to it."""
        return self._list(name, splits_brackets=False)

    def data_urls(self, name: str) -> tuple[str, ...]:
        """Return a list of data URLs; the comma that each holds belongs to it."""
        return self._list(name, splits_brackets=True, comma=_BETWEEN_URLS)

    def choices(self, name: str, allowed: Collection[str]) -> tuple[str, ...]:
        """Return a list of which every entry is one of the lower-case `allowed`."""
        return tuple(_checked(name, text, allowed) for text in self.words(name))

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of words that hold no comma."""
        return self._list(name, splits_brackets=True)

    def mapping(self, name: str, *, word_for_empty: str = "") -> dict[str, str]:
        """Return an object as its keys and the text of their values, null entries left out.

        Raises: InvalidRequestError: if it is not an object, or if two spellings of it disagree.
        """
        self._known[name] = None
        entries: dict[str, list[str]] = {}
        for text in self._take(name):
            if text.lower() == word_for_empty:
                continue
            for key, value in _json_object(name, text).items():
                entries.setdefault(key, []).extend(_cleaned([_as_text(value)]))
        for raw_name, key in self._bracketed(name):
            entries.setdefault(key, []).extend(self._take(raw_name))
        agreed = {key: _agreed(f"{name}[{key}]", values) for key, values in entries.items()}
        return {key: value for key, value in agreed.items() if value is not None}

    def _list(
        self, name: str, *, splits_brackets: bool, comma: re.Pattern[str] = _COMMA
    ) -> tuple[str, ...]:
        self._known[name] = None
        entries = [entry for text in self._take(name) for entry in _entries(name, text, comma)]
        for raw_name, key in self._bracketed(name):
            if key and not key.isdecimal():
                continue
            for text in self._take(raw_name):
                entries += _entries(name, text, comma if splits_brackets else None)
        return tuple(entries)

    def _bracketed(self, name: str) -> list[tuple[str, str]]:
        """List the raw names `name[key]` that were sent, with their keys."""
        matches = ((raw, _NAME.fullmatch(raw)) for raw in self._values)
        return [(raw, match["key"]) for raw, match in matches if match and match["base"] == name]

    def _take(self, raw_name: str) -> list[str]:
        self._read.add(raw_name)
        return _cleaned(self._values.get(raw_name, ()))


def shown(text: str) -> str:
    """Quote what a caller sent, cut to a length that fits a message."""
    return repr(text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "…")


def number_in(name: str, text: str, low: float, high: float) -> float:
    """Parse a number within [`low`, `high`]; NaN is in no range.

    Raises: InvalidRequestError: naming the range.
    """
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not low <= number <= high:
        raise InvalidRequestError(
            f"{name} must be a number from {low:g} to {high:g}, not {shown(text)}.", param=name
        )
    return number


def whole_number_in(name: str, text: str, low: int, high: int) -> int:
    """Parse a whole number within [`low`, `high`]; 2.0 is one.

    Raises: InvalidRequestError: naming the range, or asking for a whole number.
    """
    number = number_in(name, text, low, high)
    if not number.is_integer():
        raise InvalidRequestError(f"{name} must be a whole number, not {number:g}.", param=name)
    return int(number)


def _checked(name: str, text: str, allowed: Collection[str]) -> str:
    word = text.lower()
    if word not in allowed:
        raise InvalidRequestError(
            f"{name} cannot be {shown(text)}; valid values: {', '.join(allowed)}.", param=name
        )
    return word


def _unquoted(text: str) -> str:
    """Strip white space and one pair of quotes around the whole."""
    text = text.strip()
    is_quoted = len(text) > 1 and text[0] in _QUOTES and text[0] == text[-1]
    return text[1:-1].strip() if is_quoted and text[0] not in text[1:-1] else text


def _cleaned(texts: Iterable[str]) -> list[str]:
    """Unquote `texts` and leave out those that mean nothing."""
    return [text for text in map(_unquoted, texts) if text and not _is_null(text)]


def _is_null(text: str) -> bool:
    return text[: len(_NULL) + 1].lower() == _NULL  # some texts are recordings, and long


def _agreed(name: str, values: list[str]) -> str | None:
    if len(set(values)) > 1:
        raise InvalidRequestError(
            f"{name} was sent more than once with different values;"
            f" send it once, for example {shown(values[-1])}.",
            param=name,
        )
    return values[-1] if values else None


def _entries(name: str, text: str, comma: re.Pattern[str] | None) -> list[str]:
    array = _json(text) if text.startswith("[") else None
    if isinstance(array, list):
        texts = [_array_entry(name, entry) for entry in array]
    else:
        texts = comma.split(text) if comma else [text]
    return _cleaned(texts)


def _array_entry(name: str, entry: Any) -> str:
    if isinstance(entry, dict | list):
        raise InvalidRequestError(f"{name} must be a list of texts.", param=name)
    return _as_text(entry)


def _json_object(name: str, text: str) -> dict[str, Any]:
    parsed = _json(text)
    if not isinstance(parsed, dict):
        raise InvalidRequestError(
            f"{name} must be a JSON object or come as {name}[key]=value, not {shown(text)}.",
            param=name,
        )
    return parsed


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(text: str) -> Any:
    """Parse `text`, or return None where it is not JSON that can be written as UTF-8 again."""
    try:
        parsed = json.loads(text)
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return parsed
