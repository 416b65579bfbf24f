"""Decides where each answer goes and writes it there; knows no model and no recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from loquent.cli.console import tell
from loquent.render import DiarizationFormat, ResponseFormat

SUFFIXES: Mapping[str, str] = {
    ResponseFormat.JSON: ".json",
    ResponseFormat.VERBOSE_JSON: ".json",
    ResponseFormat.TEXT: ".txt",
    ResponseFormat.SRT: ".srt",
    ResponseFormat.VTT: ".vtt",
    ResponseFormat.DIARIZED_JSON: ".json",
    DiarizationFormat.RTTM: ".rttm",
}
"""Formats of one name have one suffix, whatever they are formats of."""


def plan_targets(
    recordings: Sequence[Path], output: str | None, form: ResponseFormat | DiarizationFormat
) -> list[Path | None]:
    """Return the file for each recording, None for standard output; its folder exists then.

    `output` is a folder if it is one already, ends in a slash or has no suffix.

    Raises: typer.BadParameter: if two answers would go to one file; OSError: if a folder
        cannot be made.
    """
    if output is None:
        return [None] * len(recordings)
    target = Path(output)
    is_folder = target.is_dir() or output.endswith("/") or not target.suffix
    targets = [target / f"{r.stem}{SUFFIXES[form]}" if is_folder else target for r in recordings]
    _refuse_collisions(recordings, targets)
    for folder in {path.parent for path in targets}:
        folder.mkdir(parents=True, exist_ok=True)
    return list(targets)


def write(body: bytes, target: Path | None) -> None:
    """Write one answer.

    Raises: OSError.
    """
    if target is None:
        typer.echo(body.decode().rstrip("\n"))
        return
    target.write_bytes(body)
    tell(f"{target}: written")


def _refuse_collisions(recordings: Sequence[Path], targets: Sequence[Path]) -> None:
    taken: dict[Path, Path] = {}
    for recording, target in zip(recordings, targets, strict=True):
        if target in taken:
            raise typer.BadParameter(
                f"{taken[target]} and {recording} would both become {target}; "
                "name a folder, or take them one by one",
                param_hint="--output",
            )
        taken[target] = recording
