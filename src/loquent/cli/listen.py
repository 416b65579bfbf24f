"""`loquent listen`: captions of what is being said, without a server."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from loquent.cli.console import Captions, tell
from loquent.cli.microphone import open_microphone
from loquent.cli.sounds import Sound, paced, recording, standard_input
from loquent.cli.speaker_options import Diarise
from loquent.cli.transcribe import Model, Prompt, parse_language_option
from loquent.domain.errors import EngineError, LoquentError
from loquent.domain.live import Final, LiveRequest, LiveUpdate, Partial
from loquent.domain.transcript import Segment, Task, Transcript, join_text
from loquent.ports import LiveSession
from loquent.render import RenderOptions, ResponseFormat, render
from loquent.render.speakers import spoken_text
from loquent.settings import Settings, load_settings
from loquent.wiring import LocalPlatform

SAVE_EVERY_S = 10.0
"""Subtitles on disk lag behind the screen by no more, whatever becomes of this process."""

_FROM_INPUT = Path("-")

File = Annotated[
    Path | None,
    typer.Option(
        help="Listen to this recording; - for bare 16-bit sound, mono at 16 kHz, on standard "
        "input. The microphone if unset."
    ),
]
RealTime = Annotated[
    bool, typer.Option("--realtime", help="Listen to --file no faster than it was spoken.")
]
Device = Annotated[
    str | None, typer.Option(help="Part of a microphone's name; the usual one if unset.")
]


def listen(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    file: File = None,
    realtime: RealTime = False,
    model: Model = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1 code; detected if unset.")] = None,
    prompt: Prompt = "",
    diarise: Diarise = False,
    device: Device = None,
    srt: Annotated[Path | None, typer.Option(help="Write subtitles too.", dir_okay=False)] = None,
    vtt: Annotated[Path | None, typer.Option(help="The same as WebVTT.", dir_okay=False)] = None,
) -> None:
    """Show captions of what is being said; no server is needed. Ctrl-C ends.

    Standard output gets a line for each utterance. A terminal also shows, dimmed, what is being
    said; it changes until the utterance is over.
    """
    settings = load_settings()
    _check_source(file, device, is_realtime=realtime)
    job = _Job(
        settings=settings,
        model=model or settings.default_model,
        language=parse_language_option(language),
        prompt=prompt,
        speakers=diarise,
        file=file,
        is_realtime=realtime,
        device=device,
    )
    if srt is not None and srt == vtt:
        raise typer.BadParameter("this is the file of --srt", param_hint="--vtt")
    targets = {ResponseFormat.SRT: srt, ResponseFormat.VTT: vtt}
    with _subtitles(targets, job.model) as subtitles, Captions() as captions:
        failure = asyncio.run(_run(job, captions, subtitles))
    if failure:
        raise failure


@dataclass(frozen=True)
class _Job:
    """What to listen to, and how."""

    settings: Settings
    model: str
    language: str | None
    prompt: str
    speakers: bool
    file: Path | None
    is_realtime: bool
    device: str | None

    def request(self, sound: Sound) -> LiveRequest:
        """Return what is wanted of `sound`."""
        return LiveRequest(
            self.model, sound.format, self.language, self.prompt, speakers=self.speakers
        )


def _check_source(file: Path | None, device: str | None, *, is_realtime: bool) -> None:
    """Raises: typer.BadParameter: if it is not clear what to listen to."""
    if file is None and is_realtime:
        raise typer.BadParameter("a microphone has a pace of its own", param_hint="--realtime")
    if file is not None and device is not None:
        raise typer.BadParameter("give a file or a microphone, not both", param_hint="--device")
    if file == _FROM_INPUT and sys.stdin.isatty():
        raise typer.BadParameter("nothing comes on standard input", param_hint="--file")


@dataclass
class _Subtitles:
    """Files that hold everything said so far.

    Attributes:
        n_saved: segments that are on disk.
    """

    targets: Mapping[ResponseFormat, Path]
    model: str
    segments: list[Segment] = field(default_factory=list)
    n_saved: int = 0

    def add(self, final: Final) -> None:
        """Add what an utterance says."""
        if self.targets:
            self.segments += final.transcript.segments

    async def keep_saved(self) -> None:
        """Write what is new, again and again, until cancelled."""
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            if len(self.segments) > self.n_saved:
                self.n_saved = len(self.segments)
                with suppress(OSError):  # the end tells
                    self._save()

    def finish(self) -> None:
        """Write everything, and tell where."""
        self._save()
        for target in self.targets.values():
            tell(f"{target}: written")

    def _save(self) -> None:
        for form, target in self.targets.items():
            target.write_bytes(self._rendered(form))

    def _rendered(self, form: ResponseFormat) -> bytes:
        transcript = Transcript(
            task=Task.TRANSCRIBE,
            text=join_text(self.segments),
            language=None,
            duration_s=self.segments[-1].end_s if self.segments else 0.0,
            segments=tuple(self.segments),
            model=self.model,
        )
        return render(transcript, RenderOptions(form, f"cli-{uuid4().hex}", int(time.time()))).body


@contextmanager
def _subtitles(targets: Mapping[ResponseFormat, Path | None], model: str) -> Iterator[_Subtitles]:
    """Write subtitles when the block ends, however it does; if nothing was heard, only a good end.

    Raises: OSError.
    """
    subtitles = _Subtitles({form: path for form, path in targets.items() if path}, model)
    for target in subtitles.targets.values():
        target.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield subtitles
    except BaseException:
        if subtitles.segments:
            subtitles.finish()
        raise
    subtitles.finish()


async def _run(job: _Job, captions: Captions, subtitles: _Subtitles) -> LoquentError | None:
    """Listen to the end; return why words may be missing, if some may."""
    platform = LocalPlatform(job.settings)
    captions.hint(f"loading {job.model}")
    async with platform.running():
        with _sound(job, platform, captions.warn) as sound:
            async with platform.live.open(job.request(sound)) as session:
                captions.hint("listening; Ctrl-C ends")
                return await _follow(session, sound, captions, subtitles)


@contextmanager
def _sound(job: _Job, platform: LocalPlatform, warn: Callable[[str], None]) -> Iterator[Sound]:
    if job.file is None:
        with open_microphone(job.device, warn) as sound:
            yield sound
        return
    is_piped = job.file == _FROM_INPUT
    sound = standard_input() if is_piped else recording(platform.listening.decoder, job.file)
    yield paced(sound) if job.is_realtime else sound


async def _follow(
    session: LiveSession, sound: Sound, captions: Captions, subtitles: _Subtitles
) -> LoquentError | None:
    """Show what is heard; whatever ends the sound, what was said by then is still understood."""
    hearing = asyncio.create_task(_hear(session, sound))
    showing = asyncio.create_task(_show(session.updates(), captions, subtitles))
    saving = asyncio.create_task(subtitles.keep_saved())
    try:
        await asyncio.wait([hearing, showing], return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        captions.hint("finishing; Ctrl-C again ends at once")
        raise
    finally:
        saving.cancel()
        hearing.cancel()
        await asyncio.wait([hearing])
        await session.finish()
        failure = await showing
    await hearing
    return failure


async def _hear(session: LiveSession, sound: Sound) -> None:
    async with aclosing(sound.pieces) as pieces:
        async for piece in pieces:
            await _completed(session.hear(piece))


async def _completed(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` to its end, before a cancellation that comes meanwhile takes effect."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _show(
    updates: AsyncIterator[LiveUpdate], captions: Captions, subtitles: _Subtitles
) -> LoquentError | None:
    """Show updates to their end; return why words may be missing, if some may."""
    failures: list[LoquentError] = []
    n_finals = 0
    async for update in updates:
        if isinstance(update, Partial):
            captions.show(update.text)
        elif isinstance(update, Final):
            n_finals += 1
            for line in spoken_text(update.transcript).split("\n"):
                captions.add(line)
            subtitles.add(update)
            failures += [update.error] if update.error else []
    if not failures:
        return None
    return EngineError(
        f"words may be missing from {len(failures)} of {n_finals} utterances: {failures[0].message}"
    )
