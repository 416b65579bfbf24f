"""Shows tables and keeps them; measures nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"


def show(table: Table) -> None:
    """Write a table to the terminal and to a file of its own in `RESULTS`."""
    Console().print(table)
    RESULTS.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    name = str(table.title).split(",")[0].lower().replace(" ", "-")
    with (RESULTS / f"{stamp}-{name}.txt").open("w", encoding="utf-8") as file:
        Console(file=file, width=200).print(table)
