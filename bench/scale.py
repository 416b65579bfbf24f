"""Commands that write docs/scale.md: the simulation, and what a gateway pays for a stream."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import scale_gateway, scale_page, scale_plot, scale_scenarios
from bench.results import RESULTS, show

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scale.md"
IMAGES = ROOT / "docs" / "images"
KEPT = RESULTS / "scale.json"
"""What the tables of the page are made of."""

COST = "scale-cost.svg"
N_DIGITS = 6

commands = typer.Typer()


@commands.command("scale")
def simulate(
    *,
    tables_only: Annotated[
        bool, typer.Option("--tables", help="Only what follows from the results that are kept.")
    ] = False,
) -> None:
    """Simulate days past one machine, and write docs/scale.md with its pictures; minutes."""
    if not tables_only:
        KEPT.write_text(told(scale_scenarios.everything()), encoding="utf-8")
        (IMAGES / "scale-day.svg").write_text(scale_plot.day(), encoding="utf-8")
        (IMAGES / "scale-zone.svg").write_text(scale_plot.zone(), encoding="utf-8")
    (IMAGES / COST).write_text(scale_plot.cost(), encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(scale_page.filled(page, kept()), encoding="utf-8")
    typer.echo(f"{PAGE.relative_to(ROOT)} is written")


@commands.command("scale-gateway")
def check_gateway(
    model: Annotated[str, typer.Option(help="Id of an installed model.")] = "whisper-base",
) -> None:
    """What an open live stream costs the server's own process, without the model."""
    show(scale_gateway.gateway(model, {}))


def kept() -> Mapping[str, Any]:
    """Return the results that the page stands on."""
    results: Mapping[str, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return results


def told(results: object) -> str:
    """Return results as they are kept, rounded so that machines agree on them."""
    return json.dumps(_rounded(results), indent=1) + "\n"


def _rounded(value: object) -> object:
    match value:
        case Mapping():
            return {str(key): _rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [_rounded(each) for each in value]
        case float() if math.isfinite(value):
            return float(f"{value:.{N_DIGITS}g}")
        case float():
            return None
        case _:
            return value
