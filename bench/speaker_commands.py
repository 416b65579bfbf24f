"""Commands that measure who speaks; they are those of `python -m bench` that start with speakers.

They need libraries of the dependency group `bench`, which `make .venv/.bench` installs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from bench import speakers, speakers_known, speakers_robust, speakers_speed, speakers_words
from bench.conversations import REPORT, TUNE
from bench.results import show

commands = typer.Typer()

Model = Annotated[str, typer.Option(help="Id of an installed model that transcribes.")]


class Half(StrEnum):
    """Which conversations are composed."""

    REPORT = "report"
    TUNE = "tune"


@commands.command("speakers")
def check_speakers(
    *,
    half: Annotated[Half, typer.Option(help="Conversations to tell of.")] = Half.REPORT,
    peer: Annotated[
        bool, typer.Option(help="Hear all with sherpa-onnx too; an hour more if it is tuned first.")
    ] = False,
    peer_threshold: Annotated[
        float | None,
        typer.Option(help="Its best threshold, where a run has found it already."),
    ] = None,
) -> None:
    """Errors and counts of speakers, beside sherpa-onnx on the same weights if it is here."""
    seeds = REPORT if half is Half.REPORT else TUNE
    for table in speakers.tell_apart(seeds, has_peer=peer, peer_threshold=peer_threshold):
        show(table)


@commands.command("speakers-robust")
def check_robustness() -> None:
    """Counts of speakers in louder, fainter, narrower and noisier copies."""
    show(speakers_robust.robustness())


@commands.command("speakers-words")
def check_words(model: Model = "whisper-base") -> None:
    """Whether words are given to whoever says them."""
    show(speakers_words.attribution(model))


@commands.command("speakers-known")
def check_known() -> None:
    """Whether known voices are called by name, and nobody else is."""
    show(speakers_known.names_given())


@commands.command("speakers-speed")
def check_speed(model: Model = "whisper-base") -> None:
    """Time, processor and memory of telling speakers apart."""
    for table in speakers_speed.cost(model):
        show(table)
