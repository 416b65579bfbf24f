"""Receives the form of a request and what lies in it; knows no field's meaning and no answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeAlias, TypeVar

from starlette.requests import Request

from loquent.api.options import ApiOptions
from loquent.api.references import keep_references
from loquent.api.speaker_fields import NamedVoice
from loquent.api.uploads import receive_form, refuse_declared_length, remove
from loquent.domain.audio import AudioSource
from loquent.domain.speakers import KnownSpeaker

Fields: TypeAlias = tuple[tuple[str, str], ...]


class NamesVoices(Protocol):
    """A form understood, which may name voices whose recordings it holds as text."""

    @property
    def voices(self) -> tuple[NamedVoice, ...]: ...

    def knowing(self, known: tuple[KnownSpeaker, ...]) -> Self:
        """Return the call with its voices as recordings on disk."""
        ...


CallT = TypeVar("CallT", bound=NamesVoices)


@dataclass(frozen=True, slots=True)
class Received(Generic[CallT]):
    """A request in full.

    Attributes:
        file_name: what the sender calls the recording; empty where it has no name.
    """

    call: CallT
    source: AudioSource
    file_name: str


async def receive_call(
    request: Request,
    parse: Callable[[Fields], CallT],
    options: ApiOptions,
    owned: AsyncExitStack,
) -> Received[CallT]:
    """Read the form of `request` to its end, and understand it.

    Of the text of the form nothing is kept but what `parse` keeps.

    Args:
        owned: removes every recording when it is closed.

    Raises: InvalidRequestError, UnsupportedMediaTypeError, PayloadTooLargeError,
        InvalidAudioError; ClientDisconnect; OSError where the disk is full.
    """
    limits, directory = options.limits, options.upload_directory
    headers = request.headers
    refuse_declared_length(headers.get("content-length"), limits)
    form = await receive_form(headers.get("content-type"), request.stream(), limits, directory)
    owned.callback(remove, form.source)
    call = parse(form.fields)
    if call.voices:
        known = await keep_references(call.voices, limits.max_reference_bytes, directory, owned)
        call = call.knowing(known)
    return Received(call, form.source, form.file_name)
