"""Where the command line writes: answers to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from typing import Self

import typer
from rich.console import Console
from rich.live import Live
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
from rich.text import Text

from loquent.render.lines import on_one_line

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


def waiting_progress() -> Progress:
    """Show what is waited for and how long by now, to a terminal."""
    columns: tuple[ProgressColumn, ...] = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal)


class Captions:
    """Finished lines on standard output; below them, to a terminal, the line that is not yet.

    A context manager: outside of it nothing may be shown.
    """

    def __init__(self) -> None:
        self._hint = ""
        self._warnings: list[str] = []
        self._live: Live | None = None
        if sys.stdout.isatty():
            self._live = Live(console=answers, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
        for text in self._warnings:
            tell(text)

    def hint(self, text: str) -> None:
        """Say what goes on to a person who watches, until there is something else to show."""
        self._hint = text
        if self._live:
            self.show("")
        elif errors.is_terminal:
            tell(text)

    def warn(self, text: str) -> None:
        """Tell `text` as soon as it disturbs nothing."""
        if self._live:
            self._warnings.append(text)
        else:
            tell(text)

    def show(self, text: str) -> None:
        """Show a line that is not finished."""
        if self._live:
            line = Text(on_one_line(text) or self._hint, "dim", overflow="fold", no_wrap=False)
            self._live.update(line, refresh=True)

    def add(self, text: str) -> None:
        """Write a finished line; an empty one only removes what is not finished."""
        line = on_one_line(text)
        self.show("")
        if line and self._live:
            answers.print(Text(line))
        elif line:
            typer.echo(line)
