"""`loquent speak` and `loquent voices`: text to sound without a server."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.table import Table

from loquent.cli.console import answers, speaking_progress, tell
from loquent.codec.encoding.encoder import StreamEncoder, encode_whole
from loquent.codec.encoding.formats import SpeechFormat
from loquent.domain.languages import parse_tag
from loquent.domain.speech import MAX_SPEED, MIN_SPEED, SpeechChunk, SpeechPlan, SpeechRequest
from loquent.settings import load_settings
from loquent.wiring import LocalPlatform

DEFAULT_MODEL = "kokoro"

_FROM_INPUT = "-"


def speak(  # noqa: PLR0913 - a command line has as many options as it has
    text: Annotated[
        str | None, typer.Argument(help="What to say; standard input if unset or -.")
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", help="Read the text from this file.", dir_okay=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file; standard output if unset.", dir_okay=False),
    ] = None,
    voice: Annotated[
        str, typer.Option(help="A voice, or a mix such as 'af_heart(2)+af_sky(1)'.")
    ] = "",
    model: Annotated[str, typer.Option(help="Model id or alias.")] = DEFAULT_MODEL,
    language: Annotated[
        str | None, typer.Option(help="As in en or en-GB; that of the voice if unset.")
    ] = None,
    speed: Annotated[float, typer.Option(min=MIN_SPEED, max=MAX_SPEED, help="1 is usual.")] = 1.0,
    format_: Annotated[
        SpeechFormat | None,
        typer.Option("--format", "-f", help="That of the file's suffix if unset, else wav."),
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(help="In Hz; the model's own or the nearest if unset.")
    ] = None,
) -> None:
    """Speak a text; no server is needed."""
    tag = parse_tag(language) if language is not None else None
    request = SpeechRequest(model, _text(text, file), voice, speed, tag)
    job = _Job(request, format_ or _format_of(output), sample_rate, output)
    if output is None and sys.stdout.isatty():
        raise typer.BadParameter("say where the sound goes", param_hint="--output")
    asyncio.run(_run(job))


def list_voices(
    *,
    model: Annotated[str | None, typer.Option(help="Only those of this model.")] = None,
    language: Annotated[str | None, typer.Option(help="Only this one, as in en or en-US.")] = None,
) -> None:
    """List who can speak."""
    table = Table("voice", "model", "language", "gender", box=None)
    directory = LocalPlatform(load_settings()).directory
    wanted = directory.find(model).card.id if model else None
    for status, voice in directory.voices():
        is_wanted = wanted in (None, status.card.id)
        tags = (voice.language.lower(), voice.language_code)
        if is_wanted and (language is None or language.lower() in tags):
            table.add_row(voice.id, status.card.id, voice.language, voice.gender)
    answers.print(table)


@dataclass(frozen=True)
class _Job:
    """What to say, and where to."""

    request: SpeechRequest
    format: SpeechFormat
    sample_rate_hz: int | None
    output: Path | None


def _text(text: str | None, file: Path | None) -> str:
    if file is not None and text is not None:
        raise typer.BadParameter("give a text or a file, not both", param_hint="--file")
    if file is not None:
        return file.read_text(encoding="utf-8", errors="replace")
    if text is not None and text != _FROM_INPUT:
        return text
    if sys.stdin.isatty():
        raise typer.BadParameter("give a text, a file, or something on standard input")
    return sys.stdin.buffer.read().decode(errors="replace")


def _format_of(output: Path | None) -> SpeechFormat:
    """Return the format that a file's suffix stands for."""
    suffix = output.suffix.lstrip(".").lower() if output else ""
    if not suffix:
        return SpeechFormat.WAV
    known = {form.value: form for form in SpeechFormat} | {"ogg": SpeechFormat.OPUS}
    if suffix not in known:
        raise typer.BadParameter(
            f"no format is called {suffix}; there are {', '.join(known)}", param_hint="--output"
        )
    return known[suffix]


async def _run(job: _Job) -> None:
    platform = LocalPlatform(load_settings())
    async with platform.running(), aclosing(platform.speaker.speak(job.request)) as items:
        plan = await anext(items)
        assert isinstance(plan, SpeechPlan)
        _tell_of(plan)
        encoder = StreamEncoder(job.format, plan.sample_rate_hz, job.sample_rate_hz)
        first = await anext(items)  # what fails before it leaves an older file alone
        assert isinstance(first, SpeechChunk)
        with _target(job.output) as target:
            if plan.n_pieces == 1:
                rates = plan.sample_rate_hz, job.sample_rate_hz
                target.write(encode_whole(first.samples, job.format, *rates))
            else:
                await _write(target, encoder, plan, _chunks(first, items))
    if job.output is not None:
        tell(f"{job.output}: written")


async def _chunks(
    first: SpeechChunk, rest: AsyncIterator[SpeechPlan | SpeechChunk]
) -> AsyncIterator[SpeechChunk]:
    yield first
    async for chunk in rest:
        assert isinstance(chunk, SpeechChunk)
        yield chunk


async def _write(
    target: BinaryIO, encoder: StreamEncoder, plan: SpeechPlan, chunks: AsyncIterator[SpeechChunk]
) -> None:
    """Write sound as it comes; what is cut short by an interruption is a whole file up to there."""
    with speaking_progress() as progress:
        task = progress.add_task("speaking", total=plan.n_pieces, spoken="")
        try:
            async for chunk in chunks:
                target.write(encoder.encode(chunk.samples))
                progress.update(task, advance=1, spoken=f"{encoder.duration_s / 60:.1f} min")
        except asyncio.CancelledError:
            tell("interrupted; what was spoken so far is kept")
            raise
        finally:
            _complete(target, encoder)


def _complete(target: BinaryIO, encoder: StreamEncoder) -> None:
    """End the file, and let its header tell its length where it can be gone back to."""
    target.write(encoder.finish())
    header = encoder.exact_header()
    if header and target.seekable():
        target.seek(0)
        target.write(header)


def _tell_of(plan: SpeechPlan) -> None:
    casting = plan.casting
    if casting.stand_in:
        tell(f"{casting.stand_in}; {casting.model} speaks instead")
    if plan.n_skipped:
        tell(f"left out, for want of a sound: {plan.n_skipped} of {plan.n_characters} characters")


@contextmanager
def _target(output: Path | None) -> Iterator[BinaryIO]:
    """Open where the sound goes; a folder that is missing is made."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as file:
        yield file
