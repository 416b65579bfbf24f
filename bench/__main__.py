"""`python -m bench`: measure, and write the tables to the terminal and to bench/results/."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench import (
    accuracy,
    cluster,
    endurance,
    live,
    live_stress,
    live_vanish,
    meaning,
    preferences,
    preferences_plot,
    router,
    scale,
    serving,
    speech,
    stress,
)
from bench.corpus import has_set
from bench.results import show
from bench.speaker_commands import check_speakers, check_words, commands
from tests.assets import data_dir

app = typer.Typer(help=__doc__, add_completion=False)
app.add_typer(commands)
app.add_typer(router.commands)
app.add_typer(scale.commands)

Model = Annotated[str, typer.Option(help="Id of an installed model.")]

Variables = Annotated[
    list[str] | None,
    typer.Option("--set", help="Setting of the server, such as LOQUENT_N_THREADS=1."),
]


@app.callback(invoke_without_command=True)
def everything(context: typer.Context) -> None:
    """Run the measurements that need no more than minutes."""
    if context.invoked_subcommand is None:
        compare()
        check_meaning()
        check_serving()
        check_speech()
        check_speakers(peer=False)
        check_words()


@app.command("accuracy")
def compare(
    sets: Annotated[list[str] | None, typer.Argument(help="Names of sets; all if none.")] = None,
    model: Model = "whisper-base",
) -> None:
    """Word error rate and speed beside faster-whisper on the same weights, in the same run."""
    show(accuracy.compare(sets or accuracy.SETS, model))


@app.command("ray")
def check_ray(model: Model = "whisper-tiny.en", requests: int = 100, callers: int = 8) -> None:
    """What a Ray cluster costs each request, and what a second node of it brings."""
    show(cluster.overhead(model, requests))
    show(cluster.scaling(model, requests, callers))


@app.command("meaning")
def check_meaning(model: Model = "whisper-base") -> None:
    """Text invented where nobody speaks, and translations to be read."""
    if not has_set("no_speech"):
        typer.echo("no_speech and multilingual_short are not on this machine")
        return
    show(meaning.invented(model))
    show(meaning.translated(model))


@app.command("serving")
def check_serving(model: Model = "whisper-base") -> None:
    """Throughput, latency and fairness of the server beside faster-whisper."""
    show(serving.latency(model))
    show(serving.throughput(model))
    show(serving.crowding(model))


@app.command("speech")
def check_speech(model: Model = "whisper-base") -> None:
    """How well, how soon and how fast texts are spoken, and whether every format is whole."""
    show(speech.round_trip(model))
    show(speech.first_sound())
    show(speech.sharing(model))
    show(speech.formats())


@app.command("speech-speed")
def check_speech_speed() -> None:
    """A whole text beside kokoro-onnx, which must be installed for this."""
    show(speech.whole(data_dir() / "models" / "kokoro"))


@app.command("speech-memory")
def check_speech_memory() -> None:
    """Memory of a server over a hundred long texts."""
    show(speech.memory())


@app.command("memory")
def check_memory(
    hours: Annotated[float, typer.Option(help="Length of the recording.")] = 1.0,
    model: Model = "whisper-base",
) -> None:
    """Peak memory of a server over a long recording."""
    show(endurance.memory_over_length(hours, model))


@app.command("loops")
def check_loops(
    hours: Annotated[float, typer.Option(help="Length of all cuts together.")] = 1.0,
    model: Model = "whisper-base",
) -> None:
    """Repetition loops in speech that is repetitive and cut at random."""
    show(stress.loops(hours, model))


@app.command("cycles")
def check_cycles(
    n_cycles: Annotated[int, typer.Option("--cycles", help="Loads and unloads.")] = 200,
    model: Model = "whisper-tiny.en",
) -> None:
    """Memory that loading and unloading a model leaves behind."""
    show(stress.load_cycles(n_cycles, model))


@app.command("fresh")
def check_fresh() -> None:
    """Time from a clean checkout with empty caches to the first transcript."""
    show(endurance.first_transcript())


@app.command("live")
def check_live(
    model: Model = "whisper-base",
    runs: Annotated[int, typer.Option(help="The worst of so many counts.")] = 3,
    variables: Variables = None,
) -> None:
    """One live stream at the pace of speech: lags, flicker and word errors beside their goals."""
    show(live.one_stream(model, runs, _settings(variables)))


@app.command("live-load")
def check_live_load(
    *,
    model: Model = "whisper-base",
    clients: Annotated[str, typer.Option(help="How many at once, in turn.")] = "1,2,4,6,8",
    seconds: Annotated[float, typer.Option(help="Length of each stream.")] = 75.0,
    exact: Annotated[bool, typer.Option("--exact", help="Also hear 30 s each time.")] = False,
    variables: Variables = None,
) -> None:
    """How many live streams of continuous speech the server can carry."""
    counts = [int(count) for count in clients.split(",")]
    settings = _settings(variables)
    show(live.load(model, counts, seconds, settings, has_baseline=exact))


@app.command("live-silence")
def check_live_silence(
    model: Model = "whisper-base",
    minutes: Annotated[float, typer.Option(help="Length of all sounds together.")] = 10.0,
    pace: Annotated[float, typer.Option(help="Seconds of sound sent a second.")] = 4.0,
    variables: Variables = None,
) -> None:
    """Text invented in live streams where nobody speaks."""
    show(live_stress.silence(model, 60 * minutes, pace, _settings(variables)))


@app.command("live-overload")
def check_live_overload(
    model: Model = "whisper-base",
    capacity: Annotated[int, typer.Option(help="Streams that the server can carry.")] = 6,
    minutes: Annotated[float, typer.Option(help="Length of the load.")] = 3.0,
    variables: Variables = None,
) -> None:
    """Three times as many live streams as the server can carry, and the time after them."""
    show(live_stress.overload(model, capacity, 60 * minutes, _settings(variables)))


@app.command("live-vanish")
def check_live_vanish(
    model: Model = "whisper-tiny.en",
    n_cycles: Annotated[int, typer.Option("--cycles", help="Callers.")] = 1_000,
    variables: Variables = None,
) -> None:
    """What live callers leave behind that vanish without a word."""
    show(live_vanish.vanish(model, n_cycles, _settings(variables)))


@app.command("preferences")
def check_preferences(
    seeds: Annotated[int, typer.Option(help="Made-up days.")] = 10,
    requests: Annotated[int, typer.Option(help="Requests of each day.")] = 20_000,
    plot: Annotated[Path | None, typer.Option(help="File for a picture of the first day.")] = None,
) -> None:
    """What cost, speed and balance cost and take at changing endpoints, beside hindsight."""
    if plot is not None:
        plot.write_text(preferences_plot.of_day(0, requests), encoding="utf-8")
    scores = preferences.compared(range(seeds), requests)
    show(preferences.beside_hindsight(scores))


def _settings(variables: list[str] | None) -> dict[str, str]:
    return dict(variable.split("=", 1) for variable in variables or ())


app()
