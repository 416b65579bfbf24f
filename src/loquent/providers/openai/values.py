"""Reads single values out of JSON that anybody may have written; knows no message as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from loquent.domain.languages import code_of_language

MAX_TIME_S: Final = 1_000_000.0
"""No recording is longer than these eleven days; a time beyond them is no time."""

_MOST_NEGATIVE_S: Final = -1.0
"""Aligners may place the first word a little before the beginning; more than this is absurd."""


class OddAnswerError(ValueError):
    """What was sent is not as the wire has it; the message says what is odd, for people."""


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Return `value`, which must be an object.

    Raises: OddAnswerError.
    """
    if not isinstance(value, dict):
        raise OddAnswerError(f"{what} is no object")
    return value


def mappings(value: Any, what: str) -> list[Mapping[str, Any]]:
    """Return the objects of a list; null stands for an empty one.

    Raises: OddAnswerError.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise OddAnswerError(f"{what} is no list")
    return [mapping(item, f"a member of {what}") for item in value]


def number(value: Any) -> float | None:
    """Return a finite number, also one that is written as a text, None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: Any, most: int) -> int | None:
    """Return a whole number of 0 to `most`, None for all else."""
    found = number(value)
    if found is None or not 0 <= found <= most:
        return None
    return int(found)


def time_s(value: Any, what: str) -> float:
    """Return a time; what is slightly before the beginning is the beginning.

    Raises: OddAnswerError: if it is no number, or no recording has such a time.
    """
    found = number(value)
    if found is None or not _MOST_NEGATIVE_S <= found <= MAX_TIME_S:
        raise OddAnswerError(f"{what} is no time")
    return max(0.0, found)


def written(value: Any) -> str | None:
    """Return a text that can be written as UTF-8, None where `value` is no text."""
    if not isinstance(value, str):
        return None
    return value.encode(errors="replace").decode()


def first_written(values: Iterable[Any]) -> str | None:
    """Return the first of `values` that is a text."""
    return next((text for text in map(written, values) if text is not None), None)


def language_code(value: Any) -> str | None:
    """Return the ISO 639-1 code of a language told by code, tag or English name, or else None."""
    return code_of_language(value) if isinstance(value, str) else None
