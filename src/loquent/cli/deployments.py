"""`loquent deployments`: models that are served apart from everybody else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import typer
from rich.markup import escape
from rich.table import Column, Table

from loquent.api.admin.deployment_schemas import (
    DeploymentAnswer,
    DeploymentList,
    EndedDeployment,
)
from loquent.cli import deployment_options as options
from loquent.cli import key_options
from loquent.cli.administering import Fields
from loquent.cli.console import answers, tell
from loquent.cli.deployment_addresses import tell_addresses
from loquent.cli.deployment_events import write_events
from loquent.cli.deployment_lines import NOT_RUN, lines_of, row_of
from loquent.cli.deployment_offices import DeploymentOffice, deployed
from loquent.cli.deployment_options import named
from loquent.cli.deployment_serving import Served, all_served, nobody_answers, served
from loquent.cli.deployment_waiting import until_served, until_started
from loquent.cli.homes import home_id
from loquent.settings import load_settings

deployments_app = typer.Typer(
    no_args_is_help=True, help="Serve models apart: with settings, a queue and keys of their own."
)

_COLUMNS = ("models", "project", "replicas", "state", "region")


@deployments_app.command("create")
def create_deployment(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    model: options.Models,
    deployment_id: options.NewId = None,
    project: options.Project = None,
    device: options.DeviceOption = None,
    compute_type: options.Arithmetic = None,
    beam_size: options.BeamSize = None,
    best_of: options.BestOf = None,
    n_threads: options.Threads = None,
    max_batch: options.MaxBatch = None,
    context: options.ContextOption = None,
    least: options.Least = None,
    most: options.Most = None,
    max_wait_s: options.MaxWait = None,
    max_live_sessions: options.MaxSessions = None,
    idle_unload_s: options.IdleUnload = None,
    requests_per_minute: key_options.PerMinute = None,
    audio_seconds_per_minute: key_options.PerMinute = None,
    characters_per_minute: key_options.PerMinute = None,
    concurrent_requests: key_options.AtOnce = None,
    concurrent_sessions: key_options.AtOnce = None,
    region: options.Region = None,
    no_wait: options.NoWait = False,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """Make a deployment, wait until it can serve, and write its base URL to standard output.

    Without --server it is made in the database that the settings name on this machine, whether a
    server runs or not.
    """
    fields = named(
        models=model,
        id=deployment_id,
        engine=named(
            device=device and device.value,
            compute_type=compute_type,
            beam_size=beam_size,
            best_of=best_of,
            n_threads=n_threads,
            max_batch=max_batch,
            context=context and context.value,
        ),
        replicas=named(min=least, max=_at_least(most, least)),
        queue=named(max_wait_s=max_wait_s, max_live_sessions=max_live_sessions),
        idle_unload_s=idle_unload_s,
        limits=named(
            requests_per_minute=requests_per_minute,
            audio_seconds_per_minute=audio_seconds_per_minute,
            characters_per_minute=characters_per_minute,
            concurrent_requests=concurrent_requests,
            concurrent_sessions=concurrent_sessions,
        ),
        region=region,
    )
    made = _made(fields, project, server)
    made, state = (made, _state_of(made)) if no_wait else _waited_for(made, server)
    _tell_made(made, state, server, json=json)


@deployments_app.command("ls")
def list_deployments(
    *,
    all_of_them: options.All = False,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """List deployments: their models, copies that can serve, how far they are."""
    settings = load_settings()

    async def find(office: DeploymentOffice) -> DeploymentList:
        return await office.deployments()

    found = deployed(server, settings, find)
    if not all_of_them:
        found = DeploymentList(data=[each for each in found.data if each.closed_at is None])
    if json:
        typer.echo(found.model_dump_json(indent=2))
    elif found.data:
        _print_table(found, {} if server else _served_here(found.data))
    else:
        tell("there is no deployment; `loquent deployments create --model MODEL` makes one")


@deployments_app.command("show")
def show_deployment(
    deployment_id: options.Id,
    *,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """Show all there is to know of a deployment."""
    found = _shown(server, deployment_id)
    if json:
        typer.echo(found.model_dump_json(indent=2))
        return
    states = {} if server else _served_here([found])
    state = states.get(deployment_id, NOT_RUN)
    table = Table(show_header=False, box=None)
    for field, value in lines_of(found, server or load_settings().url, state).items():
        table.add_row(field, escape(value))
    answers.print(table)


@deployments_app.command("scale")
def scale_deployment(
    deployment_id: options.Id,
    *,
    least: options.Least = None,
    most: options.Most = None,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """Say how many copies of each model work side by side; what is left out stays as it is."""
    replicas = named(min=least, max=most)
    if not replicas:
        raise typer.BadParameter("say --min, --max or both")

    async def scale(office: DeploymentOffice) -> DeploymentAnswer:
        return await office.change_deployment(deployment_id, {"replicas": replicas})

    changed = deployed(server, load_settings(), scale)
    if json:
        typer.echo(changed.model_dump_json(indent=2))
    bounds = changed.replicas
    tell(f"{changed.id}: {bounds.min} to {bounds.max} of each model; servers know within a second")
    if server is None and _until_served_here(changed) is Served.NOWHERE:
        tell(f"{changed.id}: {nobody_answers(load_settings().url)}")


@deployments_app.command("rm")
def end_deployments(
    deployment_ids: options.Ids,
    *,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """End deployments for good; what runs may end, what they used stays written down."""

    async def end(office: DeploymentOffice) -> None:
        for each in deployment_ids:
            _tell_ended(await office.close_deployment(each), json=json)

    deployed(server, load_settings(), end)


@deployments_app.command("logs")
def show_events(
    deployment_id: options.Id,
    *,
    follow: options.Follow = False,
    after: options.After = 0,
    server: options.AnyServer = None,
    json: options.Json = False,
) -> None:
    """Tell what happened to a deployment on the server that is asked, the oldest first."""
    address = server or load_settings().url
    n_told = write_events(deployment_id, address, after=after, follows=follow, json=json)
    if follow:
        tell(f"{deployment_id}: there will be no more")
    elif not n_told:
        tell(f"{deployment_id}: this server remembers nothing of it")


def _made(fields: Fields, project: str | None, server: str | None) -> DeploymentAnswer:
    async def create(office: DeploymentOffice) -> DeploymentAnswer:
        where = await home_id(office.accounts, project, None)
        return await office.create_deployment({**fields, **named(project_id=where)})

    return deployed(server, load_settings(), create)


def _tell_made(made: DeploymentAnswer, state: str, server: str | None, *, json: bool) -> None:
    if json:
        typer.echo(made.model_dump_json(indent=2))
        tell(f"{made.id}: {state}")
    else:
        tell_addresses(made, server or load_settings().url, state)


def _waited_for(made: DeploymentAnswer, server: str | None) -> tuple[DeploymentAnswer, str]:
    """Wait for a deployment, and say how far it is.

    Raises: LoquentError.
    """
    if server is None:
        found = _until_served_here(made)
        return made, nobody_answers(load_settings().url) if found is Served.NOWHERE else found
    made = until_started(made, lambda: _shown(server, made.id))
    return made, _state_of(made)


def _until_served_here(deployment: DeploymentAnswer) -> Served:
    """Wait for the server of this machine, if one runs.

    Raises: LoquentError.
    """
    url = load_settings().url
    return until_served(deployment.id, lambda: served(url, deployment.id))


def _served_here(deployments: Sequence[DeploymentAnswer]) -> Mapping[str, str]:
    """Say how far those are that have not ended, as the server of this machine tells."""
    url = load_settings().url
    found = all_served(url, [each.id for each in deployments if each.closed_at is None])
    if Served.NOWHERE in found.values():
        tell(nobody_answers(url))
    return found


def _shown(server: str | None, deployment_id: str) -> DeploymentAnswer:
    async def find(office: DeploymentOffice) -> DeploymentAnswer:
        return await office.deployment(deployment_id)

    return deployed(server, load_settings(), find)


def _print_table(found: DeploymentList, states: Mapping[str, str]) -> None:
    table = Table(Column("id", no_wrap=True), *_COLUMNS, box=None)
    for each in found.data:
        table.add_row(*map(escape, row_of(each, states.get(each.id, NOT_RUN))))
    answers.print(table)


def _state_of(deployment: DeploymentAnswer) -> str:
    status = deployment.status
    return f"{status.state} {status.message}".strip() if status else "made"


def _at_least(most: int | None, least: int | None) -> int | None:
    """Return how many copies there may be: where only --min is given, as many as that."""
    return max(least, 1) if most is None and least is not None else most


def _tell_ended(ended: EndedDeployment, *, json: bool) -> None:
    if json:
        typer.echo(ended.model_dump_json(indent=2))
    tell(f"{ended.id}: ended; servers know within a second")
