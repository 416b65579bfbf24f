"""`python -m bench`: measure, and write the tables to the terminal and to bench/results/."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import accuracy, endurance, meaning, serving, speech, stress
from bench.corpus import has_set
from tests.assets import data_dir

app = typer.Typer(help=__doc__, add_completion=False)

RESULTS = Path(__file__).parent / "results"

Model = Annotated[str, typer.Option(help="Id of an installed model.")]


@app.callback(invoke_without_command=True)
def everything(context: typer.Context) -> None:
    """Run the measurements that need no more than minutes."""
    if context.invoked_subcommand is None:
        compare()
        check_meaning()
        check_serving()
        check_speech()


@app.command("accuracy")
def compare(
    sets: Annotated[list[str] | None, typer.Argument(help="Names of sets; all if none.")] = None,
    model: Model = "whisper-base",
) -> None:
    """Word error rate and speed beside faster-whisper on the same weights, in the same run."""
    _show(accuracy.compare(sets or accuracy.SETS, model))


@app.command("meaning")
def check_meaning(model: Model = "whisper-base") -> None:
    """Text invented where nobody speaks, and translations to be read."""
    if not has_set("no_speech"):
        typer.echo("no_speech and multilingual_short are not on this machine")
        return
    _show(meaning.invented(model))
    _show(meaning.translated(model))


@app.command("serving")
def check_serving(model: Model = "whisper-base") -> None:
    """Throughput, latency and fairness of the server beside faster-whisper."""
    _show(serving.latency(model))
    _show(serving.throughput(model))
    _show(serving.crowding(model))


@app.command("speech")
def check_speech(model: Model = "whisper-base") -> None:
    """How well, how soon and how fast texts are spoken, and whether every format is whole."""
    _show(speech.round_trip(model))
    _show(speech.first_sound())
    _show(speech.sharing(model))
    _show(speech.formats())


@app.command("speech-speed")
def check_speech_speed() -> None:
    """A whole text beside kokoro-onnx, which must be installed for this."""
    _show(speech.whole(data_dir() / "models" / "kokoro"))


@app.command("speech-memory")
def check_speech_memory() -> None:
    """Memory of a server over a hundred long texts."""
    _show(speech.memory())


@app.command("memory")
def check_memory(
    hours: Annotated[float, typer.Option(help="Length of the recording.")] = 1.0,
    model: Model = "whisper-base",
) -> None:
    """Peak memory of a server over a long recording."""
    _show(endurance.memory_over_length(hours, model))


@app.command("loops")
def check_loops(
    hours: Annotated[float, typer.Option(help="Length of all cuts together.")] = 1.0,
    model: Model = "whisper-base",
) -> None:
    """Repetition loops in speech that is repetitive and cut at random."""
    _show(stress.loops(hours, model))


@app.command("cycles")
def check_cycles(
    n_cycles: Annotated[int, typer.Option("--cycles", help="Loads and unloads.")] = 200,
    model: Model = "whisper-tiny.en",
) -> None:
    """Memory that loading and unloading a model leaves behind."""
    _show(stress.load_cycles(n_cycles, model))


@app.command("fresh")
def check_fresh() -> None:
    """Time from a clean checkout with empty caches to the first transcript."""
    _show(endurance.first_transcript())


def _show(table: Table) -> None:
    Console().print(table)
    RESULTS.mkdir(exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    name = str(table.title).split(",")[0].lower().replace(" ", "-")
    with (RESULTS / f"{stamp}-{name}.txt").open("w", encoding="utf-8") as file:
        Console(file=file, width=200).print(table)


app()
