"""Writes what a server tells of a deployment's past and present; keeps nothing."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from loquent.api.admin.deployment_schemas import DeploymentEventAnswer, DeploymentEventList
from loquent.cli.asking import Question, asked, followed
from loquent.cli.deployment_offices import path_of
from loquent.domain.errors import LoquentError, PermissionDeniedError
from loquent.settings import load_settings


def write_events(deployment_id: str, server: str, *, after: int, follows: bool, json: bool) -> int:
    """Write what happened, and return how many events that were.

    Raises: LoquentError: teaching how to get at it where the key may not.
    """
    try:
        return _write(_events(deployment_id, server, after, follows=follows), json=json)
    except PermissionDeniedError as error:
        raise LoquentError(
            f"{error.message} It is sent as LOQUENT_API_KEY; once the first key is made, everybody"
            " needs one. Without any, read the log that `loquent serve` writes: what went wrong"
            " with a deployment stands there, too."
        ) from error


def _events(
    deployment_id: str, server: str, after: int, *, follows: bool
) -> Iterable[DeploymentEventAnswer]:
    more = {"follow": "true"} if follows else {}
    query = {"after": str(after), **more}
    question = Question("GET", f"{path_of(deployment_id)}/events", query=query)
    if follows:
        return followed(server, question, DeploymentEventAnswer, load_settings())
    return asked(server, question, DeploymentEventList, load_settings()).data


def _write(events: Iterable[DeploymentEventAnswer], *, json: bool) -> int:
    n_told = 0
    for event in events:
        n_told += 1
        line = f"{event.at} {event.level:7} {event.message}"
        typer.echo(event.model_dump_json() if json else line)
    return n_told
