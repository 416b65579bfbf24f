"""Reads frames that anybody may have written; knows no provider's messages."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from loquent.domain.endpoints import ProviderAccess
from loquent.domain.errors import UpstreamError
from loquent.domain.transcript import Word
from loquent.providers.failures import unreadable
from loquent.providers.socket import Frame

MAX_TIME_S: Final = 1_000_000.0
"""No stream is longer than these eleven days; a time beyond them is no time."""

_MOST_NEGATIVE_S: Final = -1.0
"""Aligners may place the first word a little before the beginning."""

MILLIS_PER_S: Final = 1_000.0


class Fields:
    """An object of a frame; whatever is odd about it ends in UpstreamError.

    A field that is null counts as absent.
    """

    def __init__(self, access: ProviderAccess, fields: Mapping[str, Any]) -> None:
        self._access = access
        self._fields = fields

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text that can be written as UTF-8.

        Raises: UpstreamError: also where it is absent and there is no default.
        """
        value = self._fields.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._odd(name, "text")
        return value.encode(errors="replace").decode()

    def flag(self, name: str) -> bool:
        """Return a boolean, False where it is absent.

        Raises: UpstreamError.
        """
        value = self._fields.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self._odd(name, "boolean")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """Return a finite number.

        Raises: UpstreamError: also where it is absent and there is no default.
        """
        value = self._fields.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._odd(name, "number")
        # An int may be too large for a float, and so may not be asked whether it is finite.
        if isinstance(value, float) and not math.isfinite(value):
            raise self._odd(name, "number")
        return float(max(min(value, 2 * MAX_TIME_S * MILLIS_PER_S), -2 * MAX_TIME_S * MILLIS_PER_S))

    def time_s(self, name: str, *, per_s: float = 1.0, default_s: float | None = None) -> float:
        """Return a time that is told in units of which a second has `per_s`.

        Raises: UpstreamError: if no stream has such a time.
        """
        found_s = self.number(name, None if default_s is None else default_s * per_s) / per_s
        if not _MOST_NEGATIVE_S <= found_s <= MAX_TIME_S:
            raise self._odd(name, "time")
        return max(0.0, found_s)

    def inner(self, name: str) -> Fields:
        """Return an object, an empty one where it is absent.

        Raises: UpstreamError.
        """
        value = self._fields.get(name)
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise self._odd(name, "object")
        return Fields(self._access, value)

    def list(self, name: str) -> Sequence[Fields]:
        """Return the objects of a list, an empty one where it is absent.

        Raises: UpstreamError.
        """
        value = self._fields.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._odd(name, "list of objects")
        return tuple(Fields(self._access, item) for item in value)

    def first_text(self, name: str) -> str:
        """Return the first text of a list of them, "" where there is none."""
        value = self._fields.get(name)
        found = value[0] if isinstance(value, list) and value else ""
        return found if isinstance(found, str) else ""

    def word(self, text: str, *, per_s: float = 1.0) -> Word:
        """Return the word that this is: it has `start`, `end` and `confidence`.

        Raises: UpstreamError.
        """
        start_s = self.time_s("start", per_s=per_s)
        return Word(
            text=text,
            start_s=start_s,
            end_s=max(start_s, self.time_s("end", per_s=per_s)),
            probability=min(max(self.number("confidence", 0.0), 0.0), 1.0),
        )

    def _odd(self, name: str, wanted: str) -> UpstreamError:
        return unreadable(self._access, f"the field '{name}' of a frame is no {wanted}")


def parsed(access: ProviderAccess, frame: Frame) -> Fields:
    """Return the object that a frame of text holds as JSON.

    Raises: UpstreamError.
    """
    if isinstance(frame, bytes):
        raise unreadable(access, "a frame holds bytes where text is due")
    try:
        found = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise unreadable(access, "a frame is no JSON") from error
    if not isinstance(found, dict):
        raise unreadable(access, "a frame holds no object")
    return Fields(access, found)
