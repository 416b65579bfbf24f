"""Write usage as CSV, the same fields and figures as in JSON; asks no ledger."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from loquent.api.usage_schemas import UsageLine, UsageRecord, UsageReport

FIGURES: Final = tuple(name for name in UsageLine.model_fields if name != "group")
RECORD_COLUMNS: Final = tuple(UsageRecord.model_fields)

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet computes what begins so. Source: OWASP, CSV Injection."""


def report_csv(report: UsageReport) -> str:
    """Return one line for each line of `report`, without its total."""
    lines = [
        [*(line.group[group] for group in report.group_by), *_values(line, FIGURES)]
        for line in report.data
    ]
    return csv_text([[*report.group_by, *FIGURES], *lines])


def record_values(record: UsageRecord) -> list[object]:
    """Return the values of `record` in the order of RECORD_COLUMNS."""
    return _values(record, RECORD_COLUMNS)


def csv_text(lines: Iterable[Iterable[object]]) -> str:
    """Return `lines` as CSV, in which no text can be taken for a formula. Source: RFC 4180."""
    text = io.StringIO()
    csv.writer(text).writerows([_guarded(value) for value in line] for line in lines)
    return text.getvalue()


def _values(line: UsageLine | UsageRecord, columns: Sequence[str]) -> list[object]:
    return [getattr(line, column) for column in columns]


def _guarded(value: object) -> object:
    """Put an apostrophe before a text that a caller may have written for a spreadsheet."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_STARTS)
    return f"'{value}" if is_formula else value
