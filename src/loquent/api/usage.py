"""Chooses how consumption is stated, by the name of the model that the caller used."""

from __future__ import annotations

from loquent.render import UsageForm

TOKEN_USAGE_PREFIX = "gpt-4o"  # noqa: S105 - a model's name
"""Models of such names are billed in tokens where they come from, others in seconds."""


def usage_form(requested_model: str) -> UsageForm:
    """Return the form that callers of `requested_model` expect."""
    if requested_model.startswith(TOKEN_USAGE_PREFIX):
        return UsageForm.TOKENS
    return UsageForm.DURATION
