"""`loquent doctor`: is everything there that Loquent needs, and does it work?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from loquent.cli.checkup import Patient, examine
from loquent.cli.console import EXIT_FAILURE, answers, errors
from loquent.cli.findings import Finding, State, findings_json, findings_table, shareable
from loquent.cli.logs import secrets_of
from loquent.settings import load_settings
from loquent.wiring import LocalPlatform

PASTED_WIDTH = 110
"""What fits where the table is shown to others."""


def doctor(
    *,
    online: Annotated[
        bool, typer.Option("--online", help="Ask providers, too, whether they can be reached.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Examine this installation: speak a sentence, understand it, look at all that it needs.

    What it prints holds no secret and may be shown to anybody. Exit code 1 says that something is
    broken.
    """
    settings = load_settings()
    patient = Patient(settings, LocalPlatform(settings), online)
    findings = shareable(asyncio.run(_examined(patient)), sorted(secrets_of(settings)))
    if json:
        typer.echo(findings_json(findings))
    else:
        width = min(answers.width, PASTED_WIDTH)
        answers.print(findings_table(findings), width=width, soft_wrap=False)
    if any(each.state is State.BROKEN for each in findings):
        raise typer.Exit(EXIT_FAILURE)


async def _examined(patient: Patient) -> Sequence[Finding]:
    findings: list[Finding] = []
    with errors.status("examining"):
        async for found in examine(patient):
            findings += found
    return findings
