"""The options that say how subtitles are cut, for every command that writes them; cuts nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from loquent.api.subtitle_fields import (
    CHARACTERS_PER_SECOND,
    LEAST_DURATIONS_S,
    LINE_COUNTS,
    LINE_WIDTHS,
    MOST_DURATIONS_S,
    SubtitleWish,
)
from loquent.domain.errors import LoquentError
from loquent.render import ResponseFormat, SubtitleOptions

MaxLineWidth = Annotated[
    int | None,
    typer.Option(
        min=LINE_WIDTHS[0],
        max=LINE_WIDTHS[1],
        help="Cells of a line in subtitles; a full-width character takes two.",
    ),
]
MaxLineCount = Annotated[
    int | None,
    typer.Option(min=LINE_COUNTS[0], max=LINE_COUNTS[1], help="Lines of a cue in subtitles."),
]
MaxCps = Annotated[
    float | None,
    typer.Option(
        min=CHARACTERS_PER_SECOND[0],
        max=CHARACTERS_PER_SECOND[1],
        help="Characters of a cue for each second that it stays.",
    ),
]
MinCueDuration = Annotated[
    float | None,
    typer.Option(
        min=LEAST_DURATIONS_S[0],
        max=LEAST_DURATIONS_S[1],
        help="Seconds that a cue stays at least.",
    ),
]
MaxCueDuration = Annotated[
    float | None,
    typer.Option(
        min=MOST_DURATIONS_S[0], max=MOST_DURATIONS_S[1], help="Seconds that a cue stays at most."
    ),
]
HighlightWords = Annotated[
    bool, typer.Option("--highlight-words", help="In vtt: tell when each word begins.")
]


def subtitle_options(wish: SubtitleWish, form: ResponseFormat) -> SubtitleOptions | None:
    """Return how subtitles are to be cut; None where nothing is said.

    Raises: typer.BadParameter: naming the option at fault.
    """
    try:
        return wish.options(form)
    except LoquentError as error:
        option = f"--{(error.param or '').replace('_', '-')}"
        raise typer.BadParameter(error.message, param_hint=option) from error
