"""`client.audio.speech`: openai's, with Loquent's fields typed, and captions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, Required

from openai import HttpxBinaryResponseContent, Omit, omit
from openai.resources.audio import AsyncSpeech as OpenAiAsyncSpeech
from openai.resources.audio import Speech as OpenAiSpeech
from openai.types.audio.speech_create_params import Voice
from typing_extensions import Unpack

from loquent.client.fields import RequestOptions, SharedExtras, SubtitleFields, names, parted

if TYPE_CHECKING:
    from openai._response import (
        AsyncResponseContextManager,
        AsyncStreamedBinaryAPIResponse,
        ResponseContextManager,
        StreamedBinaryAPIResponse,
    )

_CAPTIONS: Final = "/audio/speech/captions"


class SpokenFields(SharedExtras, RequestOptions, total=False):
    """What is said, by whom and how.

    Attributes:
        voice: the model's first if unset.
        language: how the text is read, such as en-GB; that of the voice if unset.
    """

    input: Required[str]
    model: Required[str]
    voice: Voice | Omit
    instructions: str | Omit
    speed: float | Omit
    language: str


class SpeechFields(SpokenFields, total=False):
    """The fields of speech; see OpenAI's too.

    Attributes:
        sample_rate: of the file in Hz.
        timestamps: `word` to be told in events when each word is heard.
    """

    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm", "mulaw"] | Omit
    stream_format: Literal["audio", "sse"] | Omit
    sample_rate: int
    timestamps: Literal["none", "word"]


class CaptionFields(SpokenFields, SubtitleFields, total=False):
    """The fields of captions."""

    response_format: Literal["vtt", "srt"]


_OURS: Final = names(SharedExtras) | {"language", "sample_rate", "timestamps"}
_OF_CAPTIONS: Final = names(CaptionFields) - names(RequestOptions)


def _sent(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"voice": omit, **parted(fields, _OURS)}


def _captions_request(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what openai's client takes for an address that it does not know."""
    sent = parted(fields, _OF_CAPTIONS)
    kept = {"extra_headers": "headers", "extra_query": "params", "timeout": "timeout"}
    options = {kept[name]: value for name, value in sent.items() if name in kept and value}
    return {"body": sent["extra_body"], "options": options, "cast_to": str}


class StreamedSpeech:
    """`with_streaming_response`: the sound while it is being made."""

    def __init__(self, speech: OpenAiSpeech) -> None:
        self._openai_own = speech.with_streaming_response

    def create(
        self, **fields: Unpack[SpeechFields]
    ) -> ResponseContextManager[StreamedBinaryAPIResponse]:
        """Speak a text, as a context manager; its answer is read by `iter_bytes`."""
        return self._openai_own.create(**_sent(fields))


class AsyncStreamedSpeech:
    """`with_streaming_response`: the sound while it is being made."""

    def __init__(self, speech: OpenAiAsyncSpeech) -> None:
        self._openai_own = speech.with_streaming_response

    def create(
        self, **fields: Unpack[SpeechFields]
    ) -> AsyncResponseContextManager[AsyncStreamedBinaryAPIResponse]:
        """Speak a text, as a context manager; its answer is read by `iter_bytes`."""
        return self._openai_own.create(**_sent(fields))


class Speech(OpenAiSpeech):
    """Text to sound."""

    def create(self, **fields: Unpack[SpeechFields]) -> HttpxBinaryResponseContent:
        """Speak a text; arguments as openai's client takes them, and the extras.

        Raises: openai.APIError: the class of the status, as ever.
        """
        return super().create(**_sent(fields))

    @cached_property
    def with_streaming_response(self) -> StreamedSpeech:  # type: ignore[override]  # it takes more
        """The same, with the sound while it is being made."""
        return StreamedSpeech(OpenAiSpeech(self._client))

    def captions(self, **fields: Unpack[CaptionFields]) -> str:
        """Tell when each word of a text would be heard, as subtitles; vtt unless asked for srt."""
        answer: str = self._client.post(_CAPTIONS, **_captions_request(fields))
        return answer


class AsyncSpeech(OpenAiAsyncSpeech):
    """Text to sound."""

    async def create(self, **fields: Unpack[SpeechFields]) -> HttpxBinaryResponseContent:
        """Speak a text; arguments as openai's client takes them, and the extras.

        Raises: openai.APIError: the class of the status, as ever.
        """
        return await super().create(**_sent(fields))

    @cached_property
    def with_streaming_response(self) -> AsyncStreamedSpeech:  # type: ignore[override]  # too
        """The same, with the sound while it is being made."""
        return AsyncStreamedSpeech(OpenAiAsyncSpeech(self._client))

    async def captions(self, **fields: Unpack[CaptionFields]) -> str:
        """Tell when each word of a text would be heard, as subtitles; vtt unless asked for srt."""
        answer: str = await self._client.post(_CAPTIONS, **_captions_request(fields))
        return answer
