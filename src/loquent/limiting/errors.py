"""What goes wrong with counts that are kept elsewhere; none of it reaches a caller."""

from __future__ import annotations


class LimitingError(Exception):
    """Counts cannot be kept as it is configured; the message says what to change."""


class AwayError(Exception):
    """Whatever keeps the counts does not answer, or not in time; says which kind of failure."""
