"""Work through the recordings that a command is given; knows nothing of what is done with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.markup import escape
from rich.progress import Progress, TaskID

from loquent.cli.console import listening_progress, tell
from loquent.domain.audio import AudioSource
from loquent.domain.errors import InvalidRequestError, LoquentError

Files = Annotated[list[Path], typer.Argument(help="Recordings, of any format that is accepted.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="A file; a folder, or a name without suffix, gets one file per recording. "
        "Standard output if unset.",
    ),
]


Bar: TypeAlias = tuple[Progress, TaskID]
"""What shows how far the work on one recording has come."""


async def work_through(
    recordings: Iterable[tuple[Path, Path | None]],
    work: Callable[[Path, Path | None, Bar], Awaitable[None]],
) -> int:
    """Do `work` for each recording; a bad one is told of and the others go on.

    Args:
        recordings: with the file that the answer goes to, None for standard output.

    Returns: how many were bad.
    Raises: whatever `work` raises that is no LoquentError.
    """
    n_failed = 0
    with listening_progress() as progress:
        for path, target in recordings:
            task = progress.add_task(escape(path.name), total=None, heard="")
            try:
                await work(path, target, (progress, task))
            except LoquentError as exc:
                tell(f"{path}: {exc.message}")
                n_failed += 1
            finally:
                progress.remove_task(task)
    return n_failed


async def source_of(path: Path) -> AudioSource:
    """Return the recording at `path`.

    Raises: InvalidRequestError: if there is none.
    """
    return await asyncio.to_thread(_source, path)


def _source(path: Path) -> AudioSource:
    if not path.is_file():
        raise InvalidRequestError("there is no such file")
    return AudioSource(path, path.stat().st_size)
