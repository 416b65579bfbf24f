"""`loquent bench`: how fast this machine listens and speaks."""

from __future__ import annotations

import asyncio
import json as json_format
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from loquent.cli.checkup import SPEECH_MODEL
from loquent.cli.console import answers, errors
from loquent.cli.machine import gigabytes, memory_bytes, n_cores, processor, software
from loquent.cli.trials import Spoken, Understood, speak, understand
from loquent.domain.errors import InvalidRequestError
from loquent.settings import Settings, load_settings
from loquent.wiring import LocalPlatform, sample_recording

SENTENCES = (
    "Good morning, how can I help you today?",
    "The train to the coast leaves at a quarter past nine, from platform four.",
    "Please put the milk back into the fridge before you go.",
    "It rained all night, and in the morning the garden smelled of wet earth.",
    "Nobody had told her that the meeting was moved to Thursday.",
)

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """How fast one model was.

    Attributes:
        sound_s: heard or made in one run, on average.
        first_run_s: of the run that loaded the model.
        typical_s: median of the runs after it.
        first_sound_s: median time to the first sound; None for one that listens.
        times_real_time: seconds of sound that are worked through in one second.
        memory_bytes: of the process that holds the model; 0 where unknown.
    """

    work: str
    model: str
    n_runs: int
    sound_s: float
    first_run_s: float
    typical_s: float
    first_sound_s: float | None
    times_real_time: float
    memory_bytes: int


def bench(
    *,
    model: Annotated[str | None, typer.Option(help="Listens; the default model if unset.")] = None,
    speech_model: Annotated[str, typer.Option(help="Speaks.")] = SPEECH_MODEL,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="Runs of each, after a first.")] = 5,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Listen to this recording, not to the sample.", exists=True, dir_okay=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Measure how fast local models listen and speak, one request at a time; no server is needed.

    The first run of each loads the model and does not count for the rest.
    """
    settings = load_settings()
    plan = _Plan(
        settings, model or settings.default_model, speech_model, runs, _recording(file, settings)
    )
    results = asyncio.run(_measured(plan))
    if json:
        typer.echo(json_format.dumps(_report(results), indent=2))
    else:
        answers.print(escape(f"{_machine()}\n{software()}\n"))
        answers.print(_table(results))


@dataclass(frozen=True)
class _Plan:
    settings: Settings
    model: str
    speech_model: str
    n_runs: int
    recording: Path


def _recording(file: Path | None, settings: Settings) -> Path:
    found = file or sample_recording(settings)
    if found is None:
        raise InvalidRequestError(
            "there is no sample to listen to: loquent models pull sample-speech, or name a --file"
        )
    return found


async def _measured(plan: _Plan) -> Sequence[Result]:
    platform = LocalPlatform(plan.settings.model_copy(update={"speech_cache_bytes": 0}))
    heard: list[Understood] = []
    said: list[Spoken] = []
    with errors.status("measuring") as status:
        async with platform.running():
            for run in range(plan.n_runs + 1):
                status.update(f"listening, run {run} of {plan.n_runs}")
                heard.append(await understand(platform, plan.model, plan.recording, None))
            for run in range(plan.n_runs + 1):
                status.update(f"speaking, run {run} of {plan.n_runs}")
                sentence = SENTENCES[run % len(SENTENCES)]
                said.append(await speak(platform, plan.speech_model, sentence))
            memory = {each.model: each.memory_bytes for each in platform.activity()}
    return [
        _listening(heard, memory.get(heard[0].model, 0)),
        _speaking(said, memory.get(said[0].model, 0)),
    ]


def _listening(runs: Sequence[Understood], n_bytes: int) -> Result:
    return _result("listen", runs, None, n_bytes)


def _speaking(runs: Sequence[Spoken], n_bytes: int) -> Result:
    return _result("speak", runs, median(run.first_s for run in runs[1:]), n_bytes)


def _result(
    work: str,
    runs: Sequence[Understood] | Sequence[Spoken],
    first_sound_s: float | None,
    n_bytes: int,
) -> Result:
    first, *rest = runs
    sound_s = sum(run.duration_s for run in rest)
    return Result(
        work=work,
        model=first.model,
        n_runs=len(rest),
        sound_s=sound_s / len(rest),
        first_run_s=first.took_s,
        typical_s=median(run.took_s for run in rest),
        first_sound_s=first_sound_s,
        times_real_time=sound_s / sum(run.took_s for run in rest),
        memory_bytes=n_bytes,
    )


def _machine() -> str:
    known = memory_bytes()
    return f"{processor()}, {n_cores()} cores" + (f", {gigabytes(known[0])}" if known else "")


def _report(results: Sequence[Result]) -> dict[str, object]:
    return {
        "machine": _machine(),
        "software": software(),
        "results": [asdict(result) for result in results],
    }


def _table(results: Sequence[Result]) -> Table:
    names = ("sound", "first run", "typical", "to first sound", "x real time", "memory", "runs")
    table = Table("", "model", *(Column(name, justify="right") for name in names), box=None)
    for each in results:
        table.add_row(
            each.work,
            escape(each.model),
            f"{each.sound_s:.1f} s",
            f"{each.first_run_s:.2f} s",
            f"{each.typical_s:.2f} s",
            "-" if each.first_sound_s is None else f"{each.first_sound_s:.2f} s",
            f"{each.times_real_time:.1f}",
            f"{each.memory_bytes // MEGABYTE} MB" if each.memory_bytes else "-",
            str(each.n_runs),
        )
    return table
