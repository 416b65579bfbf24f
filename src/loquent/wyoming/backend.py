"""Ask a running Loquent by its HTTP addresses; knows no Wyoming."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from loquent.api.schemas import Model, ModelList, SpeakingVoice, VoiceList
from loquent.domain.errors import (
    InvalidRequestError,
    LoquentError,
    UpstreamError,
    UpstreamUnavailableError,
)
from loquent.domain.model import Capability
from loquent.wyoming.wishes import Listening, SoundFormat, Voice

SPEECH_RATE_HZ = 24_000
"""What `pcm` has on the wire: 16 bits, one channel."""

_SPEECH_MODEL = "tts-1"
"""The name by which every server knows its own model that speaks."""

_MACHINE = "espeak"
"""Speaks most languages, and every one like a machine."""

_TIMEOUT = httpx2.Timeout(120.0, connect=5.0)
"""A model that is not in memory is loaded first."""

Answer = TypeVar("Answer", bound=BaseModel)


class Heard(BaseModel):
    """What was said; `language` as an English name where it is known."""

    text: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What serves where a client does not say.

    Attributes:
        voice: "" for the first of the model.
    """

    model: str = "whisper-1"
    voice: str = ""


class Backend:
    """The server behind this one. A context manager.

    Args:
        address: such as http://127.0.0.1:8000.
        key: "" for none.
    """

    def __init__(self, address: str, key: str, defaults: Defaults) -> None:
        self._address = address.rstrip("/")
        self._defaults = defaults
        headers = {"authorization": f"Bearer {key}"} if key else {}
        with self._explained():
            self._client = httpx2.AsyncClient(
                base_url=f"{self._address}/v1", headers=headers, timeout=_TIMEOUT
            )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def models(self) -> list[Model]:
        """Return the models that listen, each once, the default first.

        Raises: LoquentError.
        """
        query = {"capability": Capability.TRANSCRIPTION.value}
        listed = (await self._asked(ModelList, "GET", "/models", params=query)).data
        first = [model.served_by for model in listed if model.id == self._defaults.model]
        found = {model.id: model for model in listed if model.id == model.served_by}
        return sorted(found.values(), key=lambda model: model.id not in first)

    async def voices(self) -> list[SpeakingVoice]:
        """Return who can speak, those that sound like people first.

        Raises: LoquentError.
        """
        voices = (await self._asked(VoiceList, "GET", "/audio/voices")).voices
        return sorted(voices, key=lambda voice: voice.model == _MACHINE)

    async def transcribe(self, sound: bytes, form: SoundFormat, wish: Listening) -> Heard:
        """Return what is said in bare sound.

        Raises: LoquentError.
        """
        fields: dict[str, str | list[str]] = {
            "model": wish.name or self._defaults.model,
            "response_format": "json",
        }
        if wish.language_code:
            fields["language"] = wish.language_code
        if wish.keywords:
            fields["keywords[]"] = wish.keywords
        file = ("speech.wav", _wav(sound, form), "audio/wav")
        return await self._asked(
            Heard, "POST", "/audio/transcriptions", files={"file": file}, data=fields
        )

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[bytes]:
        """Yield the sound of a text as it comes, in whole samples.

        Raises: LoquentError.
        """
        who = await self._cast(voice)
        body = {**who, "input": text, "response_format": "pcm"}
        with self._explained():
            async with self._client.stream("POST", "/audio/speech", json=body) as response:
                if not response.is_success:
                    raise _refused(response.status_code, await response.aread())
                left = b""
                async for piece in response.aiter_bytes():
                    sound = left + piece
                    n_whole = len(sound) - len(sound) % 2
                    left = sound[n_whole:]
                    if n_whole:
                        yield sound[:n_whole]

    async def _cast(self, wanted: Voice) -> dict[str, str]:
        """Find the model and the voice for a wish."""
        if not (wanted.name or wanted.language):
            wanted = Voice(name=self._defaults.voice)
            if not wanted.name:
                return {"model": _SPEECH_MODEL}
        voices = await self.voices()
        named = [voice for voice in voices if wanted.name == voice.id]
        found = named if wanted.name else _speaking(voices, wanted.language or "")
        if found:
            return {"model": found[0].model, "voice": found[0].id}
        if wanted.name:  # another name for a voice, or a mix
            return {"model": _SPEECH_MODEL, "voice": wanted.name}
        raise InvalidRequestError(f"No voice speaks {wanted.language!r}.", param="voice")

    async def _asked(self, kind: type[Answer], method: str, path: str, **content: Any) -> Answer:
        with self._explained():
            response = await self._client.request(method, path, **content)
        if not response.is_success:
            raise _refused(response.status_code, response.content)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise UpstreamError("The server does not answer as Loquent does.") from error

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UpstreamUnavailableError(
                f"Loquent cannot be asked at {self._address}; start it with `loquent serve`,"
                " or say where it is with --server."
            ) from error


def _speaking(voices: Sequence[SpeakingVoice], language: str) -> list[SpeakingVoice]:
    """Return the voices of a language, those of that very region before others."""
    tag = language.replace("_", "-").lower()
    found = [voice for voice in voices if _primary(voice.language) == _primary(tag)]
    return sorted(found, key=lambda v: (v.model == _MACHINE, v.language.lower() != tag))


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()


def _wav(sound: bytes, form: SoundFormat) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setframerate(form.rate)
        writer.setsampwidth(form.width)
        writer.setnchannels(form.channels)
        writer.writeframes(sound)
    return file.getvalue()


def _refused(status: int, body: bytes) -> LoquentError:
    """Return the error that the server told."""
    try:
        error = json.loads(body)["error"]
        return LoquentError(str(error["message"]), code=error.get("code"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return UpstreamError(f"The server answers with status {status}, and not as Loquent does.")
