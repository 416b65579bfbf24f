"""`loquent models`: what is here, what can be had, get it, drop it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress, TaskID
from rich.table import Column, Table

from loquent.cli.console import EXIT_FAILURE, answers, download_progress, tell
from loquent.domain.errors import LoquentError
from loquent.settings import load_settings
from loquent.wiring import InstalledModel, ModelStore, Phase, PullEvent, build_store

models_app = typer.Typer(no_args_is_help=True, help="List, fetch and remove models.")

MEGABYTE = 1_000_000


@models_app.command("ls")
def list_models() -> None:
    """List installed models and those that can be pulled by name."""
    store = build_store(load_settings())
    installed = {model.id: model for model in store.installed()}
    table = Table(
        Column("model", no_wrap=True),
        "capabilities",
        "runs as",
        "licence",
        "installed",
        "from",
        box=None,
    )
    listed = {entry.id: entry.card() for entry in store.known()}
    cards = listed | {model.id: model.card for model in installed.values()}
    for model_id, card in sorted(cards.items()):
        model = installed.get(model_id)
        table.add_row(
            model_id,
            ", ".join(sorted(card.capabilities)) or "-",
            card.quantization,
            card.license,
            _megabytes(model) if model else "no",
            model.source if model else "",
        )
    answers.print(table)


@models_app.command("pull")
def pull_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(help='Ids as `ls` shows them, or "owner/name\\[@revision]" on the hub.'),
    ] = None,
    *,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Pull what a fresh install starts with.")
    ] = False,
) -> None:
    """Fetch models, verify them and keep them; one that is here and intact is left alone.

    Interrupt it at any time: the next pull goes on where this one stopped.
    """
    store = build_store(load_settings())
    wanted = [*(names or ()), *(store.defaults() if defaults else ())]
    if not wanted:
        raise typer.BadParameter("name at least one model, or say --defaults")
    failed = [name for name in wanted if not _is_pulled(store, name)]
    if failed:
        raise typer.Exit(EXIT_FAILURE)


@models_app.command("rm")
def remove_models(
    names: Annotated[list[str], typer.Argument(help="Ids of installed models.")],
) -> None:
    """Delete models from this machine."""
    store = build_store(load_settings())
    for name in names:
        store.remove(name)
        tell(f"{name}: removed")


def _megabytes(model: InstalledModel) -> str:
    size = model.n_bytes / MEGABYTE
    return f"{size:.0f} MB" if size >= 1 else f"{size:.1f} MB"


def _is_pulled(store: ModelStore, name: str) -> bool:
    """Pull a model and tell how it went; those after it get their turn in any case."""
    try:
        model = _pull(store, name)
    except LoquentError as exc:
        tell(f"error: {exc.message}")
        return False
    tell(f"{model.id}: ready ({_megabytes(model)})")
    return True


def _pull(store: ModelStore, name: str) -> InstalledModel:
    with download_progress() as progress:
        task = progress.add_task(escape(name), total=None, phase="")
        return store.pull(name, lambda event: _show(progress, task, event))


def _show(progress: Progress, task: TaskID, event: PullEvent) -> None:
    if event.phase is Phase.DOWNLOADING:
        progress.update(task, completed=event.bytes_done, total=event.bytes_total)
    source = f" from {event.source}" if event.source and event.phase is not Phase.DONE else ""
    progress.update(task, phase=f"{event.phase.value}{source}")
    if event.message:
        tell(f"{event.model_id}: {event.source} {event.message}")
