"""Commands that measure what stands between callers and those who serve them.

They need no network: the providers are stand-ins on this machine.
"""

from __future__ import annotations

from typing import Annotated

import typer

from bench.bookkeeping import bookkeeping
from bench.cold import cold_starts
from bench.results import show
from bench.router_failover import failover
from bench.router_overhead import overhead

commands = typer.Typer()


@commands.command("router-overhead")
def check_overhead(
    rate: Annotated[float, typer.Option(help="Requests a second.")] = 200.0,
    seconds: Annotated[float, typer.Option(help="Length of the load.")] = 30.0,
    *,
    with_ledger: Annotated[
        bool, typer.Option("--ledger", help="Write rows too, each of which waits for the disk.")
    ] = False,
) -> None:
    """How much later an answer comes through Loquent, which has one core for itself."""
    show(overhead(rate, seconds, ledger="" if with_ledger else "off"))


@commands.command("router-failover")
def check_failover(
    n_calls: Annotated[int, typer.Option("--requests", help="Through all faults.")] = 10_000,
    n_clients: Annotated[int, typer.Option("--clients", help="Callers at a time.")] = 4,
) -> None:
    """What callers notice of providers that fail in every way, while another one is well."""
    show(failover(n_calls, n_clients))


@commands.command("cold")
def check_cold(
    model: Annotated[str, typer.Option(help="Id of an installed model.")] = "whisper-base",
    n_runs: Annotated[int, typer.Option("--runs", help="Times that it falls asleep.")] = 5,
) -> None:
    """How long the first transcript of a deployment takes whose models are not in memory."""
    show(cold_starts(model, n_runs))


@commands.command("bookkeeping")
def check_bookkeeping(
    rate: Annotated[float, typer.Option(help="Requests a second of each kind.")] = 100.0,
    seconds: Annotated[float, typer.Option(help="Length of the load.")] = 30.0,
    ledger: Annotated[str, typer.Option(help="URL of a database; SQLite if left out.")] = "",
) -> None:
    """How much later an answer comes for its caller's key, limits and row in the ledger."""
    goal_ms = 4.0 if ledger.startswith("postgresql") else 2.0
    show(bookkeeping(rate, seconds, ledger, goal_ms))
