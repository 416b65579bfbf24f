"""Makes ids for the wire; knows nothing of what they name."""

from __future__ import annotations

from secrets import token_hex


def new_id(kind: str) -> str:
    """Return an id that was never given before, such as `item_9c0e...`."""
    return f"{kind}_{token_hex(10)}"
