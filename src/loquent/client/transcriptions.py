"""`client.audio.transcriptions`: openai's, with Loquent's fields and answers typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, overload

import httpx2
from openai import AsyncStream, NotGiven, Omit, Stream, omit
from openai.resources.audio import AsyncTranscriptions as OpenAiAsyncTranscriptions
from openai.resources.audio import Transcriptions as OpenAiTranscriptions
from openai.types.audio import TranscriptionStreamEvent
from openai.types.audio.transcription_create_params import ChunkingStrategy
from typing_extensions import Unpack

from loquent.client.answers import DiarizedTranscript, Receipt, Transcript, VerboseTranscript
from loquent.client.fields import Extras, parted
from loquent.client.live import AsyncLiveSession, LiveSession
from loquent.client.live_values import LiveFields, live_options

if TYPE_CHECKING:
    from openai._types import FileTypes

_RAW_HEADER: Final = "X-Stainless-Raw-Response"
"""With it openai's client asks its own methods for an answer that is not read yet."""

_Answer: TypeAlias = Transcript | VerboseTranscript | DiarizedTranscript

_TYPES: Final[Mapping[str, type[_Answer]]] = {
    "verbose_json": VerboseTranscript,
    "diarized_json": DiarizedTranscript,
}
_TEXTS: Final = ("text", "srt", "vtt")


class Fields(Extras, total=False):
    """The fields of a transcription that do not decide what its answer is; see OpenAI's too."""

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
    extra_headers: Mapping[str, str | Omit] | None
    extra_query: Mapping[str, object] | None
    extra_body: object | None
    timeout: float | httpx2.Timeout | NotGiven | None


def _is_plain(fields: Mapping[str, Any]) -> bool:
    """Tell whether nobody wants the answer unread or as a stream."""
    return not fields.get("stream") and _RAW_HEADER not in (fields.get("extra_headers") or {})


def _read(raw: Any, form: object) -> _Answer | str:
    """Read an answer as its form has it, and its headers."""
    if form in _TEXTS:
        return str(raw.parse(to=str))
    answer: _Answer = raw.parse(to=_TYPES.get(str(form), Transcript))
    answer.receipt = Receipt.of(raw.headers)
    return answer


class Transcriptions(OpenAiTranscriptions):
    """What is said in recordings, and live."""

    @overload  # type: ignore[override]  # openai's fields, which are many, are taken as a whole
    def create(
        self,
        *,
        file: FileTypes,
        model: str,
        response_format: Literal["json"] | Omit = omit,
        stream: Literal[False] | Omit | None = omit,
        **fields: Unpack[Fields],
    ) -> Transcript: ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str,
        response_format: Literal["verbose_json"],
        stream: Literal[False] | Omit | None = omit,
        **fields: Unpack[Fields],
    ) -> VerboseTranscript: ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str,
        response_format: Literal["diarized_json"],
        stream: Literal[False] | Omit | None = omit,
        **fields: Unpack[Fields],
    ) -> DiarizedTranscript: ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str,
        response_format: Literal["text", "srt", "vtt"],
        stream: Literal[False] | Omit | None = omit,
        **fields: Unpack[Fields],
    ) -> str: ...
    @overload
    def create(
        self,
        *,
        file: FileTypes,
        model: str,
        stream: Literal[True],
        response_format: Literal["json", "text", "diarized_json"] | Omit = omit,
        **fields: Unpack[Fields],
    ) -> Stream[TranscriptionStreamEvent]: ...
    def create(self, **fields: Any) -> Any:
        """Transcribe a recording; arguments as openai's client takes them, and `Extras`.

        Raises: openai.APIError: the class of the status, as ever.
        """
        sent = parted(fields)
        if not _is_plain(sent):
            return super().create(**sent)
        openai_own = OpenAiTranscriptions(self._client)
        return _read(openai_own.with_raw_response.create(**sent), fields.get("response_format"))

    def live(self, *, model: str, **fields: Unpack[LiveFields]) -> LiveSession:
        """Open a live session, as a context manager: send sound, and read what is said."""
        return LiveSession(self._client, live_options(model, fields))


class AsyncTranscriptions(OpenAiAsyncTranscriptions):
    """What is said in recordings, and live."""

    @overload  # type: ignore[override]  # openai's fields, which are many, are taken as a whole
    async def create(
        self,
        *,
        file: FileTypes,
        model: str,
        response_format: Literal["json"] | Omit = omit,
        stream: Literal[False] | Omit | None = omit,
        **fields: Unpack[Fields],
    ) -> Transcript: ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str,
        response_format: Literal["verbose_json"],
        stream: Literal[False] | Omit | None = omit,
        **fields: Unpack[Fields],
    ) -> VerboseTranscript: ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str,
        response_format: Literal["diarized_json"],
        stream: Literal[False] | Omit | None = omit,
        **fields: Unpack[Fields],
    ) -> DiarizedTranscript: ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str,
        response_format: Literal["text", "srt", "vtt"],
        stream: Literal[False] | Omit | None = omit,
        **fields: Unpack[Fields],
    ) -> str: ...
    @overload
    async def create(
        self,
        *,
        file: FileTypes,
        model: str,
        stream: Literal[True],
        response_format: Literal["json", "text", "diarized_json"] | Omit = omit,
        **fields: Unpack[Fields],
    ) -> AsyncStream[TranscriptionStreamEvent]: ...
    async def create(self, **fields: Any) -> Any:
        """Transcribe a recording; arguments as openai's client takes them, and `Extras`.

        Raises: openai.APIError: the class of the status, as ever.
        """
        sent = parted(fields)
        if not _is_plain(sent):
            return await super().create(**sent)
        openai_own = OpenAiAsyncTranscriptions(self._client)
        raw = await openai_own.with_raw_response.create(**sent)
        return _read(raw, fields.get("response_format"))

    def live(self, *, model: str, **fields: Unpack[LiveFields]) -> AsyncLiveSession:
        """Open a live session, as a context manager: send sound, and read what is said."""
        return AsyncLiveSession(self._client, live_options(model, fields))
