"""Commands that measure the router; they are those of `python -m bench` that start with router.

They need no model and no network: the providers are stand-ins on this machine.
"""

from __future__ import annotations

from typing import Annotated

import typer

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
