"""`client.audio.transcriptions`: openai's, with Loquent's fields and answers typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Required, overload

from openai import AsyncStream, Omit, Stream
from openai.resources.audio import AsyncTranscriptions as OpenAiAsyncTranscriptions
from openai.resources.audio import Transcriptions as OpenAiTranscriptions
from openai.types.audio import TranscriptionStreamEvent
from openai.types.audio.transcription_create_params import ChunkingStrategy
from typing_extensions import Unpack

from loquent.client.answers import (
    DiarizedTranscript,
    Transcript,
    VerboseTranscript,
    is_to_be_read,
    read,
    unread,
)
from loquent.client.fields import Extras, RequestOptions, names, parted
from loquent.client.live import AsyncLiveSession, LiveSession
from loquent.client.live_values import LiveFields, live_options

if TYPE_CHECKING:
    from openai._types import FileTypes

_OURS: Final = names(Extras)


class Fields(Extras, RequestOptions, total=False):
    """The fields of a transcription that do not decide what its answer is; see OpenAI's too."""

    file: Required[FileTypes]
    model: Required[str]
    chunking_strategy: ChunkingStrategy | Omit | None
    include: list[Literal["logprobs"]] | Omit
    keywords: Sequence[str] | Omit
    known_speaker_names: Sequence[str] | Omit
    known_speaker_references: Sequence[str] | Omit
    language: str | Omit
    languages: Sequence[str] | Omit
    prompt: str | Omit
    temperature: float | Omit
    timestamp_granularities: list[Literal["word", "segment"]] | Omit


class Whole(Fields, total=False):
    """Fields whose answer comes in one piece."""

    stream: Literal[False] | Omit | None


class AsJson(Whole, total=False):
    """Fields whose answer is a `Transcript`."""

    response_format: Literal["json"] | Omit


class AsVerboseJson(Whole):
    """Fields whose answer is a `VerboseTranscript`."""

    response_format: Literal["verbose_json"]


class AsDiarizedJson(Whole):
    """Fields whose answer is a `DiarizedTranscript`."""

    response_format: Literal["diarized_json"]


class AsText(Whole):
    """Fields whose answer is a text."""

    response_format: Literal["text", "srt", "vtt"]


class AsStream(Fields, total=False):
    """Fields whose answer comes piece by piece."""

    stream: Required[Literal[True]]
    response_format: Literal["json", "text", "diarized_json"] | Omit


class Transcriptions(OpenAiTranscriptions):
    """What is said in recordings, and live."""

    @overload  # type: ignore[override]  # openai's fields, which are many, are taken as a whole
    def create(self, **fields: Unpack[AsJson]) -> Transcript: ...
    @overload
    def create(self, **fields: Unpack[AsVerboseJson]) -> VerboseTranscript: ...
    @overload
    def create(self, **fields: Unpack[AsDiarizedJson]) -> DiarizedTranscript: ...
    @overload
    def create(self, **fields: Unpack[AsText]) -> str: ...
    @overload
    def create(self, **fields: Unpack[AsStream]) -> Stream[TranscriptionStreamEvent]: ...
    def create(self, **fields: Any) -> Any:
        """Transcribe a recording; arguments as openai's client takes them, and `Extras`.

        Raises: openai.APIError: the class of the status, as ever.
        """
        sent = parted(fields, _OURS)
        if not is_to_be_read(sent):
            return super().create(**sent)
        return read(super().create(**unread(sent)), fields.get("response_format"))

    def live(self, *, model: str, **fields: Unpack[LiveFields]) -> LiveSession:
        """Open a live session, as a context manager: send sound, and read what is said.

        Raises: ValueError: for turns by hand in a dialect without them.
        """
        return LiveSession(self._client, live_options(model, fields))


class AsyncTranscriptions(OpenAiAsyncTranscriptions):
    """What is said in recordings, and live."""

    @overload  # type: ignore[override]  # openai's fields, which are many, are taken as a whole
    async def create(self, **fields: Unpack[AsJson]) -> Transcript: ...
    @overload
    async def create(self, **fields: Unpack[AsVerboseJson]) -> VerboseTranscript: ...
    @overload
    async def create(self, **fields: Unpack[AsDiarizedJson]) -> DiarizedTranscript: ...
    @overload
    async def create(self, **fields: Unpack[AsText]) -> str: ...
    @overload
    async def create(self, **fields: Unpack[AsStream]) -> AsyncStream[TranscriptionStreamEvent]: ...
    async def create(self, **fields: Any) -> Any:
        """Transcribe a recording; arguments as openai's client takes them, and `Extras`.

        Raises: openai.APIError: the class of the status, as ever.
        """
        sent = parted(fields, _OURS)
        if not is_to_be_read(sent):
            return await super().create(**sent)
        return read(await super().create(**unread(sent)), fields.get("response_format"))

    def live(self, *, model: str, **fields: Unpack[LiveFields]) -> AsyncLiveSession:
        """Open a live session, as a context manager: send sound, and read what is said.

        Raises: ValueError: for turns by hand in a dialect without them.
        """
        return AsyncLiveSession(self._client, live_options(model, fields))
