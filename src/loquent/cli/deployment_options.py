"""The options that say what a deployment is to be like; runs nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, get_args

import typer

from loquent.accounting.deployment_wishes import MAX_REPLICAS
from loquent.api.admin.deployment_bodies import ComputeType


class Device(StrEnum):
    """Where models run."""

    CPU = "cpu"
    CUDA = "cuda"
    AUTO = "auto"


class Context(StrEnum):
    """How much Whisper hears at a time."""

    ADAPTIVE = "adaptive"
    EXACT = "exact"


def _arithmetic(text: str | None) -> str | None:
    if text is not None and text not in get_args(ComputeType):
        raise typer.BadParameter(f"use one of {', '.join(get_args(ComputeType))}")
    return text


Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="A running server, by the key in LOQUENT_API_KEY; this machine if left out.",
    ),
]
AnyServer = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="A running server, by the key in LOQUENT_API_KEY; that of the settings if left out.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer as /v1/deployments does.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `loquent deployments ls` shows it.")]
Ids = Annotated[
    list[str], typer.Argument(metavar="ID...", help="As `loquent deployments ls` shows them.")
]

Models = Annotated[
    list[str],
    typer.Option(
        "--model", help="An installed model; repeat it for more. The first serves who names none."
    ),
]
NewId = Annotated[
    str | None,
    typer.Option(
        "--id", metavar="ID", help="Letters, digits and hyphens, for its host name; one is made up."
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Name or id: serves the keys of this one alone; made here if there is none.",
    ),
]
DeviceOption = Annotated[Device | None, typer.Option(help="Where its models run.")]
Arithmetic = Annotated[
    str | None,
    typer.Option(
        "--compute-type",
        metavar="TYPE",
        callback=_arithmetic,
        help="Arithmetic, as CTranslate2 names it: int8, float16, ...",
    ),
]
BeamSize = Annotated[int | None, typer.Option(help="Hypotheses kept side by side.")]
BestOf = Annotated[int | None, typer.Option(help="Samples drawn at temperatures above 0.")]
Threads = Annotated[int | None, typer.Option("--threads", help="Of one decoding, 0 for all cores.")]
MaxBatch = Annotated[int | None, typer.Option(help="Stretches of speech decoded at once.")]
ContextOption = Annotated[
    Context | None, typer.Option(help="exact: Whisper always hears 30 s, as it was trained; slow.")
]
Least = Annotated[
    int | None,
    typer.Option(
        "--min",
        min=0,
        max=MAX_REPLICAS,
        help="Copies of each model at least; 0: none while nobody asks.",
    ),
]
Most = Annotated[
    int | None,
    typer.Option("--max", min=1, max=MAX_REPLICAS, help="At most, as long as work waits."),
]
MaxWait = Annotated[
    float | None,
    typer.Option("--max-wait", min=0, help="Refuse what would wait more seconds, 0 for never."),
]
MaxSessions = Annotated[
    int | None, typer.Option("--max-live-sessions", min=0, help="Of one model; 0 for any number.")
]
IdleUnload = Annotated[
    float | None,
    typer.Option(
        "--idle-unload",
        min=0,
        help="With --min 0: seconds without a request until models go; 0 for never.",
    ),
]
Region = Annotated[str | None, typer.Option(help="Where you say that it runs.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait until it can serve.")]
All = Annotated[bool, typer.Option("--all", help="Those that have ended, too.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until it ends, or Ctrl-C.")]
After = Annotated[int, typer.Option(min=0, help="Only events of higher numbers.")]


def named(**values: Any) -> dict[str, Any]:
    """Return what was given, as the fields of a body."""
    return {name: value for name, value in values.items() if value not in (None, {})}
