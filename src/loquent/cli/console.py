"""Where the command line writes: answers to standard output, everything else to standard error."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

answers = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)


def download_progress() -> Progress:
    """Show bytes, rate and time left."""
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[phase]}"),
    )
    return Progress(*columns, console=errors)


def listening_progress() -> Progress:
    """Show how far into a recording the work has come."""
    columns: tuple[ProgressColumn, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[heard]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=errors, transient=True)
