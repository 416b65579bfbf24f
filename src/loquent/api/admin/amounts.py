"""Money and moments as JSON has them; rounds nothing."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_UNITS: Final = 999_999_999
"""With six decimals just as many digits as a floating point number holds exactly."""

_AMOUNT: Final = re.compile(r"(\d{1,9})(?:\.(\d{1,6}))?", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)

_MICROS: Final = 1_000_000


def read_micros(value: object) -> int:
    """Read an amount of money, in micro-units: "12.50", 12.5 or 12.

    Raises: PydanticCustomError.
    """
    text = value if isinstance(value, str) else _as_text(value)
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise PydanticCustomError(
            "amount",
            'write an amount from 0 to {most} with at most six decimals, such as "12.50"',
            {"most": MAX_UNITS},
        )
    return int(found[1]) * _MICROS + int((found[2] or "").ljust(6, "0"))


def read_instant(value: object) -> datetime:
    """Read a moment with its time zone, or the beginning of a day, UTC.

    Raises: PydanticCustomError.
    """
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):  # such as 31 April
        pass
    raise PydanticCustomError(
        "instant", "write a day as 2026-11-30, or a moment as 2026-11-30T12:00:00Z"
    )


def _as_text(value: object) -> str:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_whole else ""


Micros: TypeAlias = Annotated[
    int,
    BeforeValidator(read_micros),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?$"},
                {"type": "number", "minimum": 0, "maximum": MAX_UNITS},
            ],
            "description": "an exact amount of money",
        }
    ),
]

Instant: TypeAlias = Annotated[
    datetime,
    BeforeValidator(read_instant),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date"},
                {"type": "string", "format": "date-time"},
            ],
            "description": "a day as 2026-11-30, or a moment as 2026-11-30T12:00:00Z",
        }
    ),
]
