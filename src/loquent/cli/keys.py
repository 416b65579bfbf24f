"""`loquent keys`: make keys, list them, give them another secret, end them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from loquent.api.admin.schemas import AccountBudget, Ended, KeyAnswer, KeyList, NewKeyAnswer
from loquent.cli import key_options as options
from loquent.cli.administering import Office, administered
from loquent.cli.console import answers, tell
from loquent.cli.homes import home_id
from loquent.domain.accounts import Reach, Scope
from loquent.render.lines import on_one_line
from loquent.settings import load_settings

keys_app = typer.Typer(no_args_is_help=True, help="Make, list, rotate and revoke keys.")


@keys_app.command("create")
def create_key(  # noqa: PLR0913 - a command line has as many options as it has
    *,
    name: options.Name,
    project: options.ProjectOption = None,
    organisation: options.OrganisationOption = None,
    scope: options.Scopes = None,
    reach: options.ReachOption = Reach.PROJECT,
    model: options.Models = None,
    provider: options.Providers = None,
    eu_native: options.EuNative = False,
    exact: options.Exact = False,
    deployment: options.Deployments = None,
    expires: options.Expires = None,
    requests_per_minute: options.PerMinute = None,
    audio_seconds_per_minute: options.PerMinute = None,
    characters_per_minute: options.PerMinute = None,
    concurrent_requests: options.AtOnce = None,
    concurrent_sessions: options.AtOnce = None,
    budget: options.BudgetOption = None,
    soft_budget: options.SoftBudget = None,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """Make a key, and write it to standard output; nobody can show it again.

    Without --server it is made in the database that the settings name on this machine, whether a
    server runs or not.
    """
    if organisation is not None and project is None:
        raise typer.BadParameter("name the --project in it, too", param_hint="--organisation")
    limits = {
        "requests_per_minute": requests_per_minute,
        "audio_seconds_per_minute": audio_seconds_per_minute,
        "characters_per_minute": characters_per_minute,
        "concurrent_requests": concurrent_requests,
        "concurrent_sessions": concurrent_sessions,
    }
    terms = options.TermsOptions(model, provider, eu_native, exact, budget, soft_budget, deployment)
    fields = _named(
        name=name,
        scopes=[each.value for each in scope or [Scope.INFERENCE]],
        reach=reach.value,
        expires_at=options.end_of(expires),
        limits=_named(**limits) or None,
        **terms.fields(),
    )

    async def create(office: Office) -> tuple[NewKeyAnswer, bool]:
        where = await home_id(office, project, organisation)
        made = await office.create_key({**fields, **_named(project_id=where)})
        return made, len((await office.keys()).data) == 1 if office.is_here else False

    made, is_first = administered(server, load_settings(), create)
    _write(made, json=json)
    tell(f"{made.id}: made in {made.project_id}, for {_scopes(made)}. It is shown this once.")
    if is_first:
        tell("From now on a server on this database asks everybody for a key.")


@keys_app.command("ls")
def list_keys(
    *,
    project: options.ProjectOption = None,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """List keys: whose they are, what they are for, whether they open anything."""

    async def find(office: Office) -> tuple[KeyList, Mapping[str, str]]:
        names = {each.id: each.name for each in (await office.projects()).data}
        return await office.keys(), names

    found, names = administered(server, load_settings(), find)
    if project is not None:
        kept = [key for key in found.data if project in (key.project_id, names.get(key.project_id))]
        found = KeyList(data=kept)
    if json:
        typer.echo(found.model_dump_json(indent=2))
    elif found.data:
        answers.print(_table(found, names))
    else:
        tell("there is no such key; `loquent keys create --name NAME` makes one")


@keys_app.command("show")
def show_key(
    key_id: options.KeyId, *, server: options.Server = None, json: options.Json = False
) -> None:
    """Show a key without its secret, and what is left of its budget."""

    async def find(office: Office) -> KeyAnswer:
        return await office.key(key_id)

    key = administered(server, load_settings(), find)
    if json:
        typer.echo(key.model_dump_json(indent=2))
        return
    table = Table(show_header=False, box=None)
    for field, value in _lines(key).items():
        table.add_row(field, escape(value))
    answers.print(table)


@keys_app.command("rotate")
def rotate_key(
    key_id: options.KeyId,
    *,
    overlap: options.Overlap = "24h",
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """Give a key another secret, and write it to standard output."""
    seconds = options.overlap_s(overlap)

    async def rotate(office: Office) -> NewKeyAnswer:
        return await office.rotate_key(key_id, seconds)

    rotated = administered(server, load_settings(), rotate)
    _write(rotated, json=json)
    old = f"opens until {rotated.rotating_until}" if rotated.rotating_until else "has ended"
    tell(f"{rotated.id}: this is the key now, shown this once. The one before {old}.")


@keys_app.command("revoke")
def revoke_key(
    key_id: options.KeyId,
    *,
    keep_children: options.KeepChildren = False,
    server: options.Server = None,
    json: options.Json = False,
) -> None:
    """End a key for good, and those that it made."""

    async def revoke(office: Office) -> Ended:
        return await office.revoke_key(key_id, keep_children=keep_children)

    ended = administered(server, load_settings(), revoke)
    if json:
        typer.echo(ended.model_dump_json(indent=2))
    tell(f"{ended.id}: revoked; running servers know within a second")


def _write(key: NewKeyAnswer, *, json: bool) -> None:
    typer.echo(key.model_dump_json(indent=2) if json else key.key)


def _named(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _table(found: KeyList, names: Mapping[str, str]) -> Table:
    columns = ("name", "project", "scopes", "state", "expires", "budget")
    table = Table(Column("id", no_wrap=True), *columns, box=None)
    for key in found.data:
        table.add_row(
            key.id,
            _shown(key.name),
            _shown(names.get(key.project_id, key.project_id)),
            _scopes(key),
            key.state,
            key.expires_at or "never",
            _budget(key.budget),
        )
    return table


def _lines(key: KeyAnswer) -> Mapping[str, str]:
    """Return what there is to tell of a key, line by line."""
    limits = {
        name.replace("_", " "): str(value)
        for name, value in key.limits.model_dump().items()
        if value is not None
    }
    optional = {
        "made by": key.parent_id,
        "revoked": key.revoked_at,
        "rotating until": key.rotating_until,
        "models": ", ".join(key.models or ()),
        "providers": ", ".join(key.allowed_providers or ()),
        "EU only": "yes" if key.eu_native else "",
        "quantization": "" if key.allow_quantization else "no",
        "deployments": ", ".join(key.deployments or ()),
        **limits,
        "budget": _budget(key.budget),
        **_balance(key.budget),
    }
    return {
        "id": key.id,
        "name": on_one_line(key.name),
        "project": key.project_id,
        "scopes": _scopes(key),
        "reach": key.reach,
        "state": key.state,
        "made": key.created_at,
        "expires": key.expires_at or "never",
        **{name: on_one_line(value) for name, value in optional.items() if value},
    }


def _balance(budget: AccountBudget | None) -> Mapping[str, str]:
    if budget is None or budget.spent is None:
        return {}
    left = {"remaining": _money(budget.remaining, budget)} if budget.remaining else {}
    return {"spent": _money(budget.spent, budget), **left}


def _budget(budget: AccountBudget | None) -> str:
    if budget is None:
        return ""
    period = "in total" if budget.period == "total" else f"a {budget.period}"
    amount = _money(budget.hard, budget) if budget.hard else ""
    warning = f"warning at {_money(budget.soft, budget)}" if budget.soft else ""
    return f"{', '.join(filter(None, (amount, warning)))} {period}"


def _money(amount: str, budget: AccountBudget) -> str:
    """Write an amount with as many decimals as it needs, two at least."""
    whole, _, decimals = amount.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')} {budget.currency}"


def _scopes(key: KeyAnswer) -> str:
    return ", ".join(key.scopes)


def _shown(text: str) -> str:
    return escape(on_one_line(text))
