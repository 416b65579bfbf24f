"""The options that say how speakers are told apart, for every command that does; runs nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from loquent.api.speaker_fields import MAX_NAME_CHARACTERS, MAX_SPEAKERS
from loquent.domain.audio import AudioSource
from loquent.domain.speakers import (
    MAX_REFERENCE_S,
    MIN_REFERENCE_S,
    Channels,
    KnownSpeaker,
    SpeakerSearch,
)

Diarise = Annotated[
    bool, typer.Option("--diarise", "--diarize", help="Say who speaks; subtitles get the names.")
]
NSpeakers = Annotated[
    int | None,
    typer.Option(
        "--speakers", min=1, max=MAX_SPEAKERS, help="How many there are; found out if unset."
    ),
]
MinSpeakers = Annotated[
    int | None,
    typer.Option("--min-speakers", min=1, max=MAX_SPEAKERS, help="There are at least so many."),
]
MaxSpeakers = Annotated[
    int | None,
    typer.Option("--max-speakers", min=1, max=MAX_SPEAKERS, help="There are at most so many."),
]
Known = Annotated[
    list[str] | None,
    typer.Option(
        "--known",
        metavar="NAME=FILE",
        help=f"Call a voice by its name; the file holds {MIN_REFERENCE_S:g} to "
        f"{MAX_REFERENCE_S:g} s of it alone. May be repeated.",
    ),
]
ChannelsOption = Annotated[
    Channels,
    typer.Option("--channels", help="Whether everybody is on each, or one speaker on each."),
]


@dataclass(frozen=True)
class SpeakerOptions:
    """The options as they were given."""

    n_speakers: int | None = None
    min_speakers: int | None = None
    max_speakers: int | None = None
    known: tuple[str, ...] = ()
    channels: Channels = Channels.MIXED

    def search(self) -> SpeakerSearch:
        """Return what they ask for.

        Raises: typer.BadParameter: naming the option at fault.
        """
        least, most = self.min_speakers, self.max_speakers
        if self.channels is Channels.SEPARATE and replace(self, channels=Channels.MIXED) != _NONE:
            raise typer.BadParameter(
                "separate takes each channel for one speaker; leave the other options out",
                param_hint="--channels",
            )
        if self.n_speakers is not None and (least or most):
            raise typer.BadParameter(
                "give the number of speakers or bounds of it, not both", param_hint="--speakers"
            )
        if least and most and least > most:
            raise typer.BadParameter(
                f"{least} is more than --max-speakers {most}", param_hint="--min-speakers"
            )
        return SpeakerSearch(
            self.n_speakers,
            min_speakers=least or SpeakerSearch().min_speakers,
            max_speakers=most,
            known=_known_speakers(self.known),
            channels=self.channels,
        )

    def search_if(self, *, is_wanted: bool) -> SpeakerSearch | None:
        """Return what they ask for, or None where speakers are not wanted.

        Raises: typer.BadParameter: also if they say how, and nothing says that they are.
        """
        if is_wanted:
            return self.search()
        if self != _NONE:
            raise typer.BadParameter(
                "they say how to tell speakers apart; add --diarise to do so",
                param_hint="--speakers, --min-speakers, --max-speakers, --known, --channels",
            )
        return None


_NONE = SpeakerOptions()


def _known_speakers(pairs: tuple[str, ...]) -> tuple[KnownSpeaker, ...]:
    known = tuple(_known_speaker(pair) for pair in pairs)
    names = [speaker.name for speaker in known]
    for name in names:
        if names.count(name) > 1:
            raise typer.BadParameter(f"{name} is there twice", param_hint="--known")
    return known


def _known_speaker(pair: str) -> KnownSpeaker:
    name, mark, file = pair.partition("=")
    name, path = name.strip(), Path(file)
    if not (name and mark and file):
        raise typer.BadParameter(f"{pair!r} is not NAME=FILE", param_hint="--known")
    if len(name) > MAX_NAME_CHARACTERS:
        raise typer.BadParameter(
            f"a name has at most {MAX_NAME_CHARACTERS} characters", param_hint="--known"
        )
    if not path.is_file():
        raise typer.BadParameter(f"{path}: there is no such file", param_hint="--known")
    return KnownSpeaker(name, AudioSource(path, path.stat().st_size))
