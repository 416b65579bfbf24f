"""Where the command line writes: answers to standard output, everything else to standard error."""

from __future__ import annotations

import sys

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

EXIT_FAILURE = 1

PIPE_WIDTH = 200
"""Programs that read our tables find each row on one line."""

answers = Console(soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True, soft_wrap=True)


def tell(text: str) -> None:
    """Write a line for the person at the terminal, exactly as it stands."""
    errors.print(text, markup=False, highlight=False)


def download_progress() -> Progress:
    """Show bytes, rate and time left, to a terminal."""
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[phase]}"),
    )
    return Progress(*columns, console=errors, disable=not errors.is_terminal)


def listening_progress() -> Progress:
    """Show how far into a recording the work has come, to a terminal."""
    columns: tuple[ProgressColumn, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[heard]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


def speaking_progress() -> Progress:
    """Show how much of a text is spoken, to a terminal."""
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[spoken]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)
