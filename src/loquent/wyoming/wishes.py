"""What clients of the Wyoming protocol may ask for, checked; knows no connection."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from loquent.domain.errors import InvalidRequestError

AUTOMATIC = "auto"
"""How some clients leave the language open."""


class SoundFormat(BaseModel):
    """What the bytes of a sound mean.

    Attributes:
        width: bytes of a sample.
    """

    rate: int = Field(ge=1_000, le=384_000)
    width: int = Field(ge=1, le=4)
    channels: int = Field(ge=1, le=32)


class Listening(BaseModel):
    """How a sound is to be understood.

    Attributes:
        name: of a model.
        transcript_names: what will likely be said; likelier than `transcript_terms`.
    """

    name: str | None = None
    language: str | None = None
    transcript_names: list[str] | None = None
    transcript_terms: list[str] | None = None

    @property
    def keywords(self) -> list[str]:
        return [*(self.transcript_names or ()), *(self.transcript_terms or ())]

    @property
    def language_code(self) -> str | None:
        """The language without its region, None where it shall be found out."""
        tag = (self.language or AUTOMATIC).replace("_", "-")
        return None if tag.lower() == AUTOMATIC else tag.partition("-")[0]


class Voice(BaseModel):
    """Who is to speak: somebody by name, else anybody who speaks a language."""

    name: str | None = None
    language: str | None = None


class Speaking(BaseModel):
    """How texts are to be spoken."""

    voice: Voice | None = None
    text_format: str | None = None


class Text(BaseModel):
    """A text, or a part of one."""

    text: str


Wish = TypeVar("Wish", bound=BaseModel)


def parse(kind: type[Wish], content: dict[str, Any]) -> Wish:
    """Return what an event asks for.

    Raises: InvalidRequestError: naming the field at fault.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidRequestError(f"{field}: {first['msg']}", param=field) from error
