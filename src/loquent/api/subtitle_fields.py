"""Reads the fields that say how subtitles are cut; knows no other field and no subtitle format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, Field

from loquent.api.fields import FieldReader
from loquent.domain.errors import InvalidRequestError, UnsupportedOptionError
from loquent.render import ResponseFormat, SubtitleOptions

LINE_WIDTHS: Final = (1, 200)
LINE_COUNTS: Final = (1, 5)
CHARACTERS_PER_SECOND: Final = (1, 100)
LEAST_DURATIONS_S: Final = (0, 30)
MOST_DURATIONS_S: Final = (0.5, 60)

SUBTITLES: Final = frozenset({ResponseFormat.SRT, ResponseFormat.VTT})


def _number(meaning: str, bounds: tuple[float, float]) -> Any:
    """Describe the numbers that a field takes."""
    return Field(ge=bounds[0], le=bounds[1], allow_inf_nan=False, description=meaning)


def _count(meaning: str, bounds: tuple[int, int]) -> Any:
    """Describe the whole numbers that a field takes."""
    return Field(ge=bounds[0], le=bounds[1], description=meaning)


_Width: TypeAlias = Annotated[
    int, _count("Cells of a line; a full-width character takes two.", LINE_WIDTHS)
]
_Count: TypeAlias = Annotated[int, _count("Lines of a cue.", LINE_COUNTS)]
_Pace: TypeAlias = Annotated[
    float, _number("Characters of a cue for each second.", CHARACTERS_PER_SECOND)
]
_Least: TypeAlias = Annotated[
    float, _number("Seconds that a cue stays at least.", LEAST_DURATIONS_S)
]
_Most: TypeAlias = Annotated[float, _number("Seconds that a cue stays at most.", MOST_DURATIONS_S)]
_Highlight: TypeAlias = Annotated[
    bool, Field(description="Tell when each word begins; in vtt alone.")
]


@dataclass(frozen=True, slots=True)
class SubtitleWish:
    """How a caller wants subtitles to be cut, by names on the wire; None where nothing is said."""

    max_line_width: int | None = None
    max_line_count: int | None = None
    max_cps: float | None = None
    min_cue_duration: float | None = None
    max_cue_duration: float | None = None
    highlight_words: bool | None = None

    def options(self, form: ResponseFormat) -> SubtitleOptions | None:
        """Return what is wished for; None where nothing is.

        Raises: InvalidRequestError, UnsupportedOptionError: naming the field at fault.
        """
        sent = self._sent()
        if not sent:
            return None
        _check_form(sent, form)
        given = {_ATTRIBUTES.get(name, name): value for name, value in sent.items()}
        options = replace(SubtitleOptions(), **given)
        if options.min_cue_s > options.max_cue_s:
            name = "min_cue_duration" if "min_cue_duration" in sent else "max_cue_duration"
            raise InvalidRequestError(
                f"min_cue_duration, {options.min_cue_s:g}, is more than max_cue_duration,"
                f" {options.max_cue_s:g}.",
                param=name,
            )
        return options

    def _sent(self) -> dict[str, Any]:
        """Return what asks for something."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {n: v for n, v in values.items() if v is not None and v is not False}


_ATTRIBUTES: Final[Mapping[str, str]] = MappingProxyType(
    {"min_cue_duration": "min_cue_s", "max_cue_duration": "max_cue_s"}
)


def _check_form(sent: Mapping[str, Any], form: ResponseFormat) -> None:
    name = next(iter(sent))
    if form not in SUBTITLES:
        raise UnsupportedOptionError(
            f"{name} needs response_format=srt or vtt, not '{form}'.", param=name
        )
    if "highlight_words" in sent and form is not ResponseFormat.VTT:
        raise UnsupportedOptionError(
            f"highlight_words needs response_format=vtt: {form} has no times of words.",
            param="highlight_words",
        )


def read_subtitles(reader: FieldReader, form: ResponseFormat) -> SubtitleOptions | None:
    """Read how subtitles are to be cut; None where nothing is said.

    Raises: InvalidRequestError, UnsupportedOptionError: naming the field at fault.
    """
    return SubtitleWish(
        max_line_width=reader.whole_number("max_line_width", *LINE_WIDTHS),
        max_line_count=reader.whole_number("max_line_count", *LINE_COUNTS),
        max_cps=reader.number("max_cps", *CHARACTERS_PER_SECOND),
        min_cue_duration=reader.number("min_cue_duration", *LEAST_DURATIONS_S),
        max_cue_duration=reader.number("max_cue_duration", *MOST_DURATIONS_S),
        highlight_words=reader.flag("highlight_words"),
    ).options(form)


class SubtitleFields(BaseModel):
    """The same fields of a JSON body."""

    max_line_width: _Width | None = None
    max_line_count: _Count | None = None
    max_cps: _Pace | None = None
    min_cue_duration: _Least | None = None
    max_cue_duration: _Most | None = None
    highlight_words: _Highlight | None = None

    def subtitles(self, form: ResponseFormat) -> SubtitleOptions | None:
        """Return what the fields say.

        Raises: InvalidRequestError, UnsupportedOptionError: as `read_subtitles` does.
        """
        names = [field.name for field in fields(SubtitleWish)]
        return SubtitleWish(**{name: getattr(self, name) for name in names}).options(form)


def subtitles_schema() -> dict[str, Any]:
    """Describe the fields of a form, for OpenAPI."""
    described = SubtitleFields.model_json_schema()["properties"]
    schema = {name: field["anyOf"][0] for name, field in described.items()}
    return {**schema, "highlight_words": {**schema["highlight_words"], "default": False}}
