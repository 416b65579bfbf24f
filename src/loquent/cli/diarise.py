"""`loquent diarise`: who speaks when in recordings, without a server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from loquent.cli.console import EXIT_FAILURE
from loquent.cli.output import plan_targets, write
from loquent.cli.recordings import Bar, Files, Output, source_of, work_through
from loquent.cli.speaker_options import (
    ChannelsOption,
    Known,
    MaxSpeakers,
    MinSpeakers,
    NSpeakers,
    SpeakerOptions,
)
from loquent.domain.speakers import Channels, DiarizationRequest
from loquent.render import DiarizationFormat, DiarizationOptions, render_diarization
from loquent.settings import Settings, load_settings
from loquent.wiring import LocalPlatform


def diarise(  # noqa: PLR0913 - a command line has as many options as it has
    files: Files,
    *,
    model: Annotated[
        str | None, typer.Option(help="Model id or alias; the setting diarization_model if unset.")
    ] = None,
    speakers: NSpeakers = None,
    min_speakers: MinSpeakers = None,
    max_speakers: MaxSpeakers = None,
    known: Known = None,
    channels: ChannelsOption = Channels.MIXED,
    format_: Annotated[
        DiarizationFormat | None,
        typer.Option("--format", "-f", help="text, a line for each turn, if unset."),
    ] = None,
    rttm: Annotated[bool, typer.Option("--rttm", help="Short for --format rttm.")] = False,
    output: Output = None,
) -> None:
    """Tell who speaks when in recordings; no server is needed."""
    if rttm and format_ not in {None, DiarizationFormat.RTTM}:
        raise typer.BadParameter(f"this is not --format {format_}", param_hint="--rttm")
    form = DiarizationFormat.RTTM if rttm else format_ or DiarizationFormat.TEXT
    settings = load_settings()
    given = SpeakerOptions(speakers, min_speakers, max_speakers, tuple(known or ()), channels)
    request = DiarizationRequest(model or settings.diarization_model, given.search())
    targets = plan_targets(files, output, form)
    job = _Job(settings, request, form)
    if asyncio.run(_run(job, list(zip(files, targets, strict=True)))):
        raise typer.Exit(EXIT_FAILURE)


@dataclass(frozen=True)
class _Job:
    """What to do with every file."""

    settings: Settings
    request: DiarizationRequest
    format: DiarizationFormat


async def _run(job: _Job, recordings: list[tuple[Path, Path | None]]) -> int:
    """Listen to all recordings, and return how many could not be understood."""
    platform = LocalPlatform(job.settings)

    async def work(path: Path, target: Path | None, _bar: Bar) -> None:
        diarization = await platform.diarizer.diarize(job.request, await source_of(path))
        options = DiarizationOptions(
            format=job.format,
            answer_id=f"cli-{uuid4().hex}",
            created_s=int(time.time()),
            file_name=path.name,
        )
        write(render_diarization(diarization, options).body, target)

    async with platform.running():
        return await work_through(recordings, work)
