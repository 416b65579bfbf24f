"""One live session: sound in, work to the model, updates out; the listener decides, this does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

import numpy as np

from loquent.codec.bare_sound import BareSound
from loquent.domain.audio import Samples, SpeechRegion
from loquent.domain.errors import InvalidRequestError, LoquentError
from loquent.domain.live import Final, LiveActivity, LiveRequest, LiveUpdate, SpeechStopped
from loquent.domain.transcript import Task
from loquent.pipeline.rolling_audio import RollingAudio
from loquent.ports import (
    Lane,
    Recognition,
    RecognitionOptions,
    SpeechRecognizer,
    VoiceActivityStream,
)
from loquent.realtime.commands import Command, Drop, Effort, Recognise, Release, Tell
from loquent.realtime.ladder import Ladder
from loquent.realtime.listener import Listener
from loquent.realtime.outbox import Outbox
from loquent.realtime.voices import BringAnalyst, SpeakerWatch, Window

MAX_HELD_S = 30.0
"""Sound that is held, for its final text or to be heard again; beyond this no more is taken in."""

PIECE_BYTES = 16_384
"""Sound that comes faster than it is spoken is taken in by pieces of this size, of half a second at
16 kHz: so nobody else waits, and guesses are made on the way."""

_FRAME_SAMPLES = 512
"""What the detector judges at a time."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session works with.

    Attributes:
        ladder: shared by all sessions of the model.
        analyst: brings what tells voices apart, once somebody wants to know who speaks.
    """

    model_id: str
    recognizer: SpeechRecognizer
    activity: VoiceActivityStream
    ladder: Ladder
    analyst: BringAnalyst
    clock: Callable[[], float] = time.monotonic


class LocalLiveSession:
    """A `LiveSession` on a local model."""

    def __init__(self, name: str, request: LiveRequest, parts: Parts) -> None:
        self._name = name
        self._request = request
        self._parts = parts
        self._sound = BareSound(request.sound)
        self._audio = RollingAudio()
        self._listener = Listener(request, parts.model_id, parts.ladder.pace)
        self._outbox = Outbox()
        self._speakers = SpeakerWatch(parts.analyst)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._progress = asyncio.Event()
        self._began_s = parts.clock()
        self._stopped_s: dict[int, float] = {}
        self._lag_s = 0.0
        self._is_finishing = False

    async def prepare(self) -> None:
        """Bring what the request needs beside the model.

        Raises: OverloadedError, ModelNotFoundError, ModelLoadError, ModelNotReadyError.
        """
        await self._speakers.switch(is_on=self._request.speakers)

    async def hear(self, sound: bytes) -> None:
        """Take the next bytes, cut anywhere; waits where too much has not been understood yet."""
        for begin in range(0, len(sound), PIECE_BYTES):
            await self._take_in(self._sound.push(sound[begin : begin + PIECE_BYTES]))

    async def commit(self) -> int | None:
        """End the utterance here, whatever is being said."""
        number, commands = self._listener.commit(self._audio.duration_s)
        self._do(commands)
        return number

    async def clear(self) -> None:
        """Forget what came since the last utterance ended."""
        self._do(self._listener.clear(self._audio.duration_s))

    async def configure(self, request: LiveRequest) -> None:
        """Go on under other terms; what was heard is kept.

        Raises: InvalidRequestError; what `prepare` does. Then nothing has changed.
        """
        is_other_sound = request.sound != self._request.sound
        if is_other_sound and self._audio.duration_s:
            raise InvalidRequestError(
                "the format of the sound cannot change once some has been sent", param="format"
            )
        await self._speakers.switch(is_on=request.speakers)
        if is_other_sound:
            self._sound = BareSound(request.sound)
        self._request = request
        self._listener.configure(request)

    async def finish(self) -> None:
        """End the stream; the last updates follow, then `updates` ends."""
        await self._take_in(self._sound.finish())
        silence = np.zeros(_FRAME_SAMPLES, dtype=np.float32)
        self._do(self._listener.hear(await self._parts.activity.probabilities(silence)))
        self._is_finishing = True
        self._do(self._listener.finish(self._audio.duration_s))

    def updates(self) -> AsyncGenerator[LiveUpdate]:
        """Yield what is found out, as soon as it is."""
        return self._outbox.read()

    def activity(self) -> LiveActivity:
        """Return how it is doing."""
        now_s = self._parts.clock()
        waited_s = [now_s - stopped_s for stopped_s in self._stopped_s.values()]
        return LiveActivity(
            id=self._name,
            model=self._parts.model_id,
            age_s=now_s - self._began_s,
            heard_s=self._audio.duration_s,
            lag_s=max([self._lag_s, *waited_s]),
            cadence_s=self._parts.ladder.pace.cadence_s,
            n_shown=self._listener.n_shown,
            n_changed=self._listener.n_changed,
        )

    async def close(self) -> None:
        """Stop all work, and free what is held."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._outbox.end()

    async def _take_in(self, samples: Samples) -> None:
        probabilities = await self._parts.activity.probabilities(samples)
        self._audio.append(samples)
        self._parts.ladder.pass_time(self._parts.clock())
        self._listener.pace = self._parts.ladder.pace
        self._do(self._listener.hear(probabilities))
        while self._audio.held_s > MAX_HELD_S and self._tasks:
            self._progress.clear()
            await self._progress.wait()
            self._do(self._listener.hear(()))
        await self._outbox.wait_for_room()

    def _do(self, commands: Iterable[Command]) -> None:
        for command in commands:
            match command:
                case Recognise():
                    self._start(command)
                case Drop(number):
                    if task := self._tasks.get(number):
                        task.cancel()
                case Tell(update):
                    self._tell(update)
                case Release(before_s):
                    self._audio.release_before(before_s)
                case _:
                    assert_never(command)
        if self._is_finishing and self._listener.is_idle:
            self._outbox.end()

    def _tell(self, update: LiveUpdate) -> None:
        if isinstance(update, SpeechStopped):
            self._stopped_s[update.utterance] = self._parts.clock()
        elif isinstance(update, Final):
            self._lag_s = self._parts.clock() - self._stopped_s.pop(update.utterance)
            update = self._speakers.named(update)
        self._outbox.put(update)

    def _start(self, job: Recognise) -> None:
        samples = self._audio.cut(SpeechRegion(job.known_s, job.end_s))
        windows = self._speakers.windows(job, self._audio)
        task = asyncio.create_task(self._recognise(job, samples, windows))
        self._tasks[job.number] = task
        task.add_done_callback(partial(self._end, job.number))

    def _end(self, number: int, task: asyncio.Task[None]) -> None:
        del self._tasks[number]
        self._progress.set()
        if not task.cancelled() and (failure := task.exception()):
            self._outbox.end(failure)

    async def _recognise(self, job: Recognise, samples: Samples, windows: Sequence[Window]) -> None:
        began_s = self._parts.clock()
        try:
            recognition = await self._understood(job, samples, windows)
        except LoquentError as error:
            self._do(self._listener.failed(job.number, error))
            return
        now_s = self._parts.clock()
        self._parts.ladder.observe(job.effort, now_s - began_s, now_s)
        self._listener.pace = self._parts.ladder.pace
        self._do(self._listener.recognised(job.number, recognition))

    async def _understood(
        self, job: Recognise, samples: Samples, windows: Sequence[Window]
    ) -> Recognition:
        """Recognise, and hear in `windows` at the same time who speaks."""
        if not windows:
            return await self._result(job, samples)
        found, heard = await asyncio.gather(
            self._result(job, samples),
            self._speakers.hear(job, windows, due_s=self._parts.clock()),
            return_exceptions=True,
        )
        if isinstance(heard, BaseException):
            raise heard
        if isinstance(found, BaseException):
            raise found
        return found

    async def _result(self, job: Recognise, samples: Samples) -> Recognition:
        options = _options(self._request, job, self._name)
        return await self._parts.recognizer.recognize(samples, options)


def _options(request: LiveRequest, job: Recognise, share: str) -> RecognitionOptions:
    is_draft = job.effort is Effort.DRAFT
    return RecognitionOptions(
        task=Task.TRANSCRIBE,
        language=job.language,
        prompt=request.prompt,
        hotwords=request.hotwords,
        word_timestamps=True,
        token_scores=request.token_scores and not is_draft,
        is_draft=is_draft,
        known=job.known,
        known_s=job.start_s - job.known_s,
        prefix=job.prefix,
        lane=Lane.LIVE_PARTIAL if is_draft else Lane.LIVE_FINAL,
        share=share,
    )
