"""`client.audio.translations`: openai's, with Loquent's fields and answers typed."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Required, overload

from openai import Omit
from openai.resources.audio import AsyncTranslations as OpenAiAsyncTranslations
from openai.resources.audio import Translations as OpenAiTranslations
from openai.types.audio.transcription_create_params import ChunkingStrategy
from typing_extensions import Unpack

from loquent.client.answers import Transcript, VerboseTranscript, is_to_be_read, read, unread
from loquent.client.fields import Extras, RequestOptions, names, parted

if TYPE_CHECKING:
    from openai._types import FileTypes

_create: Final = inspect.unwrap(OpenAiTranslations.create)
_create_async: Final = inspect.unwrap(OpenAiAsyncTranslations.create)
"""Without the warning that OpenAI's own service is going to end them."""


class TranslationExtras(Extras, total=False):
    """What translations may be asked for beyond OpenAI's fields; most as for transcriptions."""

    chunking_strategy: ChunkingStrategy
    keywords: Sequence[str]
    known_speaker_names: Sequence[str]
    known_speaker_references: Sequence[str]


_OURS: Final = names(TranslationExtras)


class Fields(TranslationExtras, RequestOptions, total=False):
    """The fields of a translation that do not decide what its answer is; see OpenAI's too."""

    file: Required[FileTypes]
    model: Required[str]
    prompt: str | Omit
    temperature: float | Omit


class AsJson(Fields, total=False):
    """Fields whose answer is a `Transcript`."""

    response_format: Literal["json"] | Omit


class AsVerboseJson(Fields):
    """Fields whose answer is a `VerboseTranscript`."""

    response_format: Literal["verbose_json"]


class AsText(Fields):
    """Fields whose answer is a text."""

    response_format: Literal["text", "srt", "vtt"]


class Translations(OpenAiTranslations):
    """What is said in recordings, in English."""

    @overload  # type: ignore[override]  # openai's fields are taken as a whole
    def create(self, **fields: Unpack[AsJson]) -> Transcript: ...
    @overload
    def create(self, **fields: Unpack[AsVerboseJson]) -> VerboseTranscript: ...
    @overload
    def create(self, **fields: Unpack[AsText]) -> str: ...
    def create(self, **fields: Any) -> Any:
        """Translate a recording; arguments as openai's client takes them, and the extras.

        Raises: openai.APIError: the class of the status, as ever.
        """
        sent = parted(fields, _OURS)
        if not is_to_be_read(sent):
            return _create(self, **sent)
        return read(_create(self, **unread(sent)), fields.get("response_format"))


class AsyncTranslations(OpenAiAsyncTranslations):
    """What is said in recordings, in English."""

    @overload  # type: ignore[override]  # openai's fields are taken as a whole
    async def create(self, **fields: Unpack[AsJson]) -> Transcript: ...
    @overload
    async def create(self, **fields: Unpack[AsVerboseJson]) -> VerboseTranscript: ...
    @overload
    async def create(self, **fields: Unpack[AsText]) -> str: ...
    async def create(self, **fields: Any) -> Any:
        """Translate a recording; arguments as openai's client takes them, and the extras.

        Raises: openai.APIError: the class of the status, as ever.
        """
        sent = parted(fields, _OURS)
        if not is_to_be_read(sent):
            return await _create_async(self, **sent)
        return read(await _create_async(self, **unread(sent)), fields.get("response_format"))
