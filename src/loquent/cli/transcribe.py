"""`loquent transcribe` and `loquent translate`: recordings to text without a server."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from loquent.api.speaker_fields import implies_speakers
from loquent.api.subtitle_fields import SUBTITLES, SubtitleWish
from loquent.cli.console import EXIT_FAILURE, tell
from loquent.cli.output import plan_targets, write
from loquent.cli.recordings import Bar, Files, Output, source_of, work_through
from loquent.cli.speaker_options import (
    ChannelsOption,
    Diarise,
    Known,
    MaxSpeakers,
    MinSpeakers,
    NSpeakers,
    SpeakerOptions,
)
from loquent.cli.subtitle_options import (
    HighlightWords,
    MaxCps,
    MaxCueDuration,
    MaxLineCount,
    MaxLineWidth,
    MinCueDuration,
    subtitle_options,
)
from loquent.domain.endpoints import Served
from loquent.domain.errors import InvalidRequestError
from loquent.domain.languages import parse_language
from loquent.domain.request import TranscriptionRequest
from loquent.domain.speakers import Channels
from loquent.domain.transcript import Segment, Task, Transcript, join_text
from loquent.ports import RoutedTranscriber
from loquent.render import Granularity, RenderOptions, ResponseFormat, SubtitleOptions, render
from loquent.settings import Settings, load_settings
from loquent.wiring import LocalPlatform

Model = Annotated[str | None, typer.Option(help="Model id or alias; the default model if unset.")]
Prompt = Annotated[str, typer.Option(help="Text that guides spelling and style.")]
Temperature = Annotated[float, typer.Option(min=0, max=1, help="0 is the most literal.")]
Words = Annotated[
    bool,
    typer.Option("--words", help="Add word times to verbose_json; other formats ignore it."),
]
Format = Annotated[
    ResponseFormat, typer.Option("--format", "-f", help="As the API's response_format.")
]


def transcribe(  # noqa: PLR0913 - a command line has as many options as it has
    files: Files,
    *,
    model: Model = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1 code; detected if unset.")] = None,
    prompt: Prompt = "",
    temperature: Temperature = 0.0,
    words: Annotated[
        bool,
        typer.Option("--words", help="Add word times to verbose_json; other formats ignore it."),
    ] = False,
    diarise: Diarise = False,
    speakers: NSpeakers = None,
    min_speakers: MinSpeakers = None,
    max_speakers: MaxSpeakers = None,
    known: Known = None,
    channels: ChannelsOption = Channels.MIXED,
    max_line_width: MaxLineWidth = None,
    max_line_count: MaxLineCount = None,
    max_cps: MaxCps = None,
    min_cue_duration: MinCueDuration = None,
    max_cue_duration: MaxCueDuration = None,
    highlight_words: HighlightWords = False,
    format_: Format = ResponseFormat.TEXT,
    output: Output = None,
) -> None:
    """Transcribe recordings in the language spoken in them; no server is needed."""
    settings = load_settings()
    given = SpeakerOptions(speakers, min_speakers, max_speakers, tuple(known or ()), channels)
    wanted_model = model or settings.default_model
    is_diarised = diarise or format_ is ResponseFormat.DIARIZED_JSON
    request = TranscriptionRequest(
        model=wanted_model,
        language=parse_language_option(language),
        prompt=prompt,
        temperature=temperature,
        word_timestamps=words or format_ in SUBTITLES,
        speakers=given.search_if(is_wanted=is_diarised or implies_speakers(wanted_model)),
    )
    wish = SubtitleWish(
        max_line_width,
        max_line_count,
        max_cps,
        min_cue_duration,
        max_cue_duration,
        highlight_words=highlight_words,
    )
    granularities = frozenset(Granularity) if words else frozenset({Granularity.SEGMENT})
    job = _Job(settings, request, format_, granularities, output, subtitle_options(wish, format_))
    _run(job, files)


def translate(  # noqa: PLR0913 - a command line has as many options as it has
    files: Files,
    *,
    model: Model = None,
    prompt: Prompt = "",
    temperature: Temperature = 0.0,
    diarise: Diarise = False,
    speakers: NSpeakers = None,
    min_speakers: MinSpeakers = None,
    max_speakers: MaxSpeakers = None,
    known: Known = None,
    channels: ChannelsOption = Channels.MIXED,
    max_line_width: MaxLineWidth = None,
    max_line_count: MaxLineCount = None,
    max_cps: MaxCps = None,
    min_cue_duration: MinCueDuration = None,
    max_cue_duration: MaxCueDuration = None,
    highlight_words: HighlightWords = False,
    format_: Format = ResponseFormat.TEXT,
    output: Output = None,
) -> None:
    """Translate recordings into English; no server is needed."""
    if format_ is ResponseFormat.DIARIZED_JSON:
        raise typer.BadParameter(
            "there is no diarized_json of a translation; --diarise adds speakers to verbose_json",
            param_hint="--format",
        )
    settings = load_settings()
    given = SpeakerOptions(speakers, min_speakers, max_speakers, tuple(known or ()), channels)
    wanted_model = model or settings.translation_model
    request = TranscriptionRequest(
        model=wanted_model,
        task=Task.TRANSLATE,
        prompt=prompt,
        temperature=temperature,
        word_timestamps=format_ in SUBTITLES,
        speakers=given.search_if(is_wanted=diarise or implies_speakers(wanted_model)),
    )
    wish = SubtitleWish(
        max_line_width,
        max_line_count,
        max_cps,
        min_cue_duration,
        max_cue_duration,
        highlight_words=highlight_words,
    )
    granularities = frozenset({Granularity.SEGMENT})
    job = _Job(settings, request, format_, granularities, output, subtitle_options(wish, format_))
    _run(job, files)


def parse_language_option(name: str | None) -> str | None:
    """Return the code of a language.

    Raises: typer.BadParameter.
    """
    try:
        return parse_language(name) if name else None
    except InvalidRequestError as exc:
        raise typer.BadParameter(exc.message, param_hint="--language") from exc


@dataclass(frozen=True)
class _Job:
    """What to do with every file."""

    settings: Settings
    request: TranscriptionRequest
    format: ResponseFormat
    granularities: frozenset[Granularity]
    output: str | None
    subtitles: SubtitleOptions | None = None


@dataclass
class _Heard:
    """What is known of one recording so far; kept when the work is interrupted."""

    segments: list[Segment] = field(default_factory=list)
    transcript: Transcript | None = None

    def best(self, request: TranscriptionRequest) -> Transcript:
        """Return the transcript, or one of what was heard before the interruption."""
        if self.transcript is not None:
            return self.transcript
        return Transcript(
            task=request.task,
            text=join_text(self.segments),
            language=request.language,
            duration_s=self.segments[-1].end_s if self.segments else 0.0,
            segments=tuple(self.segments),
            model=request.model,
        )


def _run(job: _Job, files: list[Path]) -> None:
    targets = plan_targets(files, job.output, job.format)
    n_failed = asyncio.run(_run_all(job, list(zip(files, targets, strict=True))))
    if n_failed:
        raise typer.Exit(EXIT_FAILURE)


async def _run_all(job: _Job, recordings: list[tuple[Path, Path | None]]) -> int:
    """Transcribe all recordings, and return how many could not be."""
    platform = LocalPlatform(job.settings)

    async def work(path: Path, target: Path | None, bar: Bar) -> None:
        try:
            heard = await _run_one(job, platform.transcriber, path, bar)
            write(_rendered(job, heard), target)
        except _InterruptedError as exc:
            _keep(job, path, exc.heard, target)
            raise

    async with platform.running():
        return await work_through(recordings, work)


class _InterruptedError(asyncio.CancelledError):
    """Ctrl-C, with what had been heard by then."""

    def __init__(self, heard: _Heard) -> None:
        super().__init__()
        self.heard = heard


async def _run_one(job: _Job, transcriber: RoutedTranscriber, path: Path, bar: Bar) -> _Heard:
    heard = _Heard()
    source = await source_of(path)
    try:
        async with aclosing(transcriber.transcribe(job.request, source)) as updates:
            async for update in updates:
                _take(heard, update, bar)
    except asyncio.CancelledError as exc:
        raise _InterruptedError(heard) from exc
    return heard


def _keep(job: _Job, path: Path, heard: _Heard, target: Path | None) -> None:
    """Write what was heard before an interruption, if anything was."""
    if heard.segments:
        unknown = ", without speakers: they are known at the end" if job.request.speakers else ""
        tell(f"{path}: interrupted; what was heard so far is kept{unknown}")
        write(_rendered(job, heard), target)
    else:
        tell(f"{path}: interrupted before anything was heard")


def _take(heard: _Heard, update: Served | Segment | Transcript, bar: Bar) -> None:
    if isinstance(update, Served):
        return
    if isinstance(update, Transcript):
        heard.transcript = update
        return
    heard.segments.append(update)
    progress, task = bar
    progress.update(task, heard=f"{update.end_s / 60:.1f} min heard")


def _rendered(job: _Job, heard: _Heard) -> bytes:
    options = RenderOptions(
        format=job.format,
        answer_id=f"cli-{uuid4().hex}",
        created_s=int(time.time()),
        granularities=job.granularities,
        subtitles=job.subtitles,
    )
    return render(heard.best(job.request), options).body
