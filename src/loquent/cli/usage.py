"""`loquent usage`: what was used, by whom, and at what price."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from loquent.api.usage_csv import report_csv
from loquent.api.usage_report import kept, usage_report
from loquent.api.usage_routes import USAGE_PATH
from loquent.api.usage_schemas import UsageFigures, UsageQuestion, UsageReport
from loquent.cli.asking import Question, asked
from loquent.cli.console import answers, tell
from loquent.domain.accounts import OPERATOR
from loquent.domain.model import Capability
from loquent.domain.usage import UsageGroup
from loquent.render.lines import on_one_line
from loquent.settings import Settings, load_settings
from loquent.wiring import LocalPlatform, open_ledger

_DAY = ["%Y-%m-%d"]
_FIGURES = ("requests", "failed", "audio", "characters", "tokens in", "tokens out", "price")


def show_usage(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    by: Annotated[
        list[UsageGroup] | None,
        typer.Option(help="What each line has in common; repeat it for more. By day if left out."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=_DAY, metavar="DATE", help="The first day, UTC: 2026-11-01"),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=_DAY, metavar="DATE", help="The last day, UTC: 2026-11-30"),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only what this key asked for.")] = None,
    project: Annotated[str | None, typer.Option(help="Only what its keys asked for.")] = None,
    model: Annotated[str | None, typer.Option(help="Only what this model served.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only what it served.")] = None,
    deployment: Annotated[str | None, typer.Option(help="Only what came through it.")] = None,
    capability: Annotated[Capability | None, typer.Option("--for", help="Only this work.")] = None,
    server: Annotated[
        str | None,
        typer.Option(help="Ask a running server, with its key: http://127.0.0.1:8000"),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV, without the total.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Answer as GET /v1/usage does.")] = False,
) -> None:
    """Sum up what was used: requests, sound, characters, tokens and their price.

    Without --server the ledger that the settings name is read on this machine.
    """
    if csv and json:
        raise typer.BadParameter("choose one of --csv and --json")
    settings = load_settings()
    question = UsageQuestion(
        since=since.date() if since else None,
        until=until.date() if until else None,
        key=key,
        project=project,
        model=model,
        provider=provider,
        capability=capability,
        deployment=deployment,
        group_by=list(by or [UsageGroup.DAY]),
    )
    report = _asked(server, question, settings) if server else _read(question, settings)
    if csv:
        typer.echo(report_csv(report), nl=False)
    elif json:
        typer.echo(report.model_dump_json(indent=2))
    elif report.data:
        answers.print(_table(report))
    else:
        tell(
            "no request is written down that fits; a server writes each one when it ends."
            " Without --since, --until and the other limits every one of them counts."
        )


def _read(question: UsageQuestion, settings: Settings) -> UsageReport:
    currency = LocalPlatform(settings).providing.catalog.currency

    async def read() -> UsageReport:
        async with open_ledger(settings) as ledger:
            return await usage_report(kept(ledger), question, currency, OPERATOR)

    return asyncio.run(read())


def _asked(server: str, question: UsageQuestion, settings: Settings) -> UsageReport:
    question.query()  # refuses the same here as there
    query = question.model_dump(mode="json", exclude_none=True)
    return asked(server, Question("GET", USAGE_PATH, query=query), UsageReport, settings)


def _table(report: UsageReport) -> Table:
    figures = [Column(name, justify="right", no_wrap=True) for name in _FIGURES]
    table = Table(*report.group_by, *figures, box=None)
    for line in report.data:
        groups = [escape(on_one_line(line.group[group])) or "-" for group in report.group_by]
        table.add_row(*groups, *_cells(line, line.price, line.currency))
    total = report.total
    blank = [""] * (len(report.group_by) - 1)
    table.add_row("total", *blank, *_cells(total, total.price, total.currency))
    return table


def _cells(figures: UsageFigures, price: str | None, currency: str | None) -> Sequence[str]:
    return (
        str(figures.requests),
        str(figures.failed),
        _duration(figures.audio_ms),
        str(figures.characters),
        str(figures.text_tokens + figures.audio_tokens),
        str(figures.output_tokens),
        f"{price} {currency}" if price else "several currencies",
    )


def _duration(audio_ms: int) -> str:
    """Write a length in hours, minutes and seconds; what is begun of a second counts."""
    minutes, seconds = divmod(-(-audio_ms // 1_000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
