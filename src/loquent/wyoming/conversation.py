"""Answer the events of one Wyoming connection; knows no socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable
from wyoming.ping import Pong
from wyoming.tts import SynthesizeStopped

from loquent.domain.errors import (
    InvalidRequestError,
    LoquentError,
    PayloadTooLargeError,
    UnsupportedOptionError,
)
from loquent.wyoming.backend import SPEECH_RATE_HZ, Backend
from loquent.wyoming.describing import describe
from loquent.wyoming.sentences import Sentences
from loquent.wyoming.wishes import Listening, SoundFormat, Speaking, Text, Voice, parse

MAX_SOUND_BYTES = 26_214_400
"""As much as a server takes unless its operator says otherwise: 13 minutes as satellites send."""

_SAMPLE_BYTES = 2
_PLAIN_TEXT = "text"

Tell = Callable[[Eventable], Awaitable[None]]


class Conversation:
    """What one client said so far.

    Args:
        tell: sends an event to the client.
        name: by which this service is shown to people.
    """

    def __init__(self, backend: Backend, tell: Tell, name: str) -> None:
        self._backend = backend
        self._tell = tell
        self._name = name
        self._listening = Listening()
        self._sound: _Sound | None = None
        self._writing: _Writing | None = None
        self._answers: dict[str, Callable[[Event], Awaitable[None]]] = {
            "describe": self._describe,
            "ping": self._pong,
            "transcribe": self._expect,
            "audio-start": self._begin_sound,
            "audio-chunk": self._hear,
            "audio-stop": self._understand,
            "synthesize": self._speak,
            "synthesize-start": self._begin_text,
            "synthesize-chunk": self._read,
            "synthesize-stop": self._end_text,
        }

    async def take(self, event: Event) -> None:
        """Answer an event; one that means nothing here is left alone, as the protocol asks.

        Raises: LoquentError: the next event can be taken all the same.
        """
        if answer := self._answers.get(event.type):
            await answer(event)

    async def _describe(self, _event: Event) -> None:
        models, voices = await self._backend.models(), await self._backend.voices()
        await self._tell(describe(self._name, models, voices))

    async def _pong(self, event: Event) -> None:
        text = event.data.get("text")
        await self._tell(Pong(text=text if isinstance(text, str) else None))

    async def _expect(self, event: Event) -> None:
        self._listening = Listening()
        self._listening = parse(Listening, event.data)

    async def _begin_sound(self, event: Event) -> None:
        self._sound = None
        self._sound = _Sound(parse(SoundFormat, event.data))

    async def _hear(self, event: Event) -> None:
        if self._sound is not None:  # else it began with an error, which was told
            self._sound.add(event.payload or b"")

    async def _understand(self, _event: Event) -> None:
        sound, wish = self._sound, self._listening
        self._sound, self._listening = None, Listening()
        if sound is None:
            raise InvalidRequestError("audio-stop came without a sound before it.")
        heard = await self._backend.transcribe(sound.whole(), sound.form, wish)
        await self._tell(Transcript(text=heard.text, language=heard.language))

    async def _speak(self, event: Event) -> None:
        if self._writing is not None:
            return  # the whole text once more, for servers that do not take it in pieces
        text, voice = parse(Text, event.data).text, _voice(event.data)
        await self._say(text, voice)

    async def _begin_text(self, event: Event) -> None:
        self._writing = _Writing(None)  # what follows is taken, even if nobody can speak it
        self._writing = _Writing(_voice(event.data))

    async def _read(self, event: Event) -> None:
        if self._writing is not None:
            await self._say_in(self._writing, self._writing.text.add(parse(Text, event.data).text))

    async def _end_text(self, _event: Event) -> None:
        writing, self._writing = self._writing, None
        try:
            if writing is not None:
                await self._say_in(writing, writing.text.rest())
        except LoquentError as error:
            await self._tell(told(error))
        await self._tell(SynthesizeStopped())

    async def _say_in(self, writing: _Writing, text: str) -> None:
        """Speak a part of a text, unless a part before it failed."""
        voice = writing.voice
        if voice is None or not text:
            return
        writing.voice = None
        await self._say(text, voice)
        writing.voice = voice

    async def _say(self, text: str, voice: Voice) -> None:
        form = {"rate": SPEECH_RATE_HZ, "width": _SAMPLE_BYTES, "channels": 1}
        has_begun = False
        async with aclosing(self._backend.speak(text, voice)) as pieces:
            async for piece in pieces:
                if not has_begun:
                    await self._tell(AudioStart(**form))
                has_begun = True
                await self._tell(AudioChunk(audio=piece, **form))
        await self._tell(AudioStop())


def told(error: LoquentError) -> Error:
    """Return an error as clients are told of it."""
    return Error(text=error.message, code=error.code)


class _Sound:
    """A sound while it comes in."""

    def __init__(self, form: SoundFormat) -> None:
        self.form = form
        self._bytes = bytearray()
        self._is_too_long = False

    def add(self, piece: bytes) -> None:
        self._is_too_long |= len(self._bytes) + len(piece) > MAX_SOUND_BYTES
        if not self._is_too_long:
            self._bytes += piece

    def whole(self) -> bytes:
        """Return all of it. Raises: PayloadTooLargeError."""
        if self._is_too_long:
            raise PayloadTooLargeError(f"A sound has at most {MAX_SOUND_BYTES} bytes.")
        return bytes(self._bytes)


class _Writing:
    """A text that is spoken while it is written; `voice` is None once that failed."""

    def __init__(self, voice: Voice | None) -> None:
        self.voice = voice
        self.text = Sentences()


def _voice(content: dict[str, Any]) -> Voice:
    wish = parse(Speaking, content)
    if wish.text_format not in (None, _PLAIN_TEXT):
        raise UnsupportedOptionError("Only plain text is spoken here.", param="text_format")
    return wish.voice or Voice()
