"""The options that say what a key is to be like, for every command that makes one; runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from loquent.accounting.key_acts import MAX_OVERLAP_S
from loquent.accounting.terms import instant
from loquent.api.admin.bodies import MAX_LIMIT
from loquent.domain.accounts import BudgetPeriod, Reach, Scope

_SPAN: Final = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}

Server = Annotated[
    str | None,
    typer.Option(help="A running server, by the key in LOQUENT_API_KEY: http://127.0.0.1:8000"),
]
Json = Annotated[bool, typer.Option("--json", help="Answer as the admin API does.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `loquent keys ls` shows it.")]

Name = Annotated[str, typer.Option(help="What you will know it by.")]
ProjectOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name or id; made here if there is none.")
]
OrganisationOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Of the project; made here if there is none.")
]
Scopes = Annotated[
    list[Scope] | None,
    typer.Option("--scope", help="What it is for; repeat it for more. inference if left out."),
]
ReachOption = Annotated[
    Reach, typer.Option(help="Of whose usage and keys its scopes usage and admin speak.")
]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="Only this one; repeat it for more.")
]
Providers = Annotated[
    list[str] | None,
    typer.Option("--provider", help="Only this one, local for this machine; repeat it for more."),
]
EuNative = Annotated[bool, typer.Option("--eu-native", help="Only EU providers.")]
Deployments = Annotated[
    list[str] | None,
    typer.Option(
        "--deployment",
        metavar="ID",
        help="Opens this one and nothing that all share; repeat it for more.",
    ),
]
Exact = Annotated[bool, typer.Option("--no-quantization", help="No weights of less than 16 bits.")]
Expires = Annotated[
    str | None, typer.Option(metavar="WHEN", help="90d, 12h, or a day, UTC: 2027-01-01")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(metavar="AMOUNT/PERIOD", help="Nothing goes beyond it: 10.00/month, 5/day"),
]
SoftBudget = Annotated[
    str | None, typer.Option(metavar="AMOUNT/PERIOD", help="Answers carry a warning beyond it.")
]
PerMinute = Annotated[int | None, typer.Option(min=1, max=MAX_LIMIT, help="At most so many.")]
AtOnce = Annotated[
    int | None, typer.Option(min=1, max=MAX_LIMIT, help="At most so many at the same time.")
]
Overlap = Annotated[
    str, typer.Option(metavar="TIME", help="How long the secret before still opens: 24h, 0s")
]
KeepChildren = Annotated[
    bool,
    typer.Option("--keep-children", help="What it made goes on, with what bounded it as its own."),
]


@dataclass(frozen=True)
class TermsOptions:
    """The options that bound a key, as they were given."""

    models: list[str] | None = None
    providers: list[str] | None = None
    eu_native: bool = False
    exact: bool = False
    budget: str | None = None
    soft_budget: str | None = None
    deployments: list[str] | None = None

    def fields(self) -> dict[str, Any]:
        """Return the fields of a body.

        Raises: typer.BadParameter: naming the option at fault.
        """
        named = {
            "models": self.models,
            "allowed_providers": self.providers,
            "eu_native": self.eu_native or None,
            "allow_quantization": False if self.exact else None,
            "deployments": self.deployments,
            "budget": self._budget(),
        }
        return {name: value for name, value in named.items() if value is not None and value != []}

    def _budget(self) -> dict[str, str] | None:
        hard, soft = _amount("--budget", self.budget), _amount("--soft-budget", self.soft_budget)
        periods = {each[1] for each in (hard, soft) if each}
        if len(periods) > 1:
            raise typer.BadParameter(
                "give --budget and --soft-budget for the same period", param_hint="--soft-budget"
            )
        amounts = {name: each[0] for name, each in (("hard", hard), ("soft", soft)) if each}
        return {"period": periods.pop(), **amounts} if amounts else None


def end_of(expires: str | None) -> str | None:
    """Return when a key expires, as the admin API takes it.

    Raises: typer.BadParameter.
    """
    if expires is None or not _SPAN.fullmatch(expires):
        return expires
    try:
        end = datetime.now(UTC) + timedelta(seconds=span_s(expires))
    except OverflowError:
        raise typer.BadParameter("this is too far away", param_hint="--expires") from None
    return instant(end.replace(microsecond=0))


def span_s(text: str, option: str = "--expires") -> int:
    """Return a span of time in seconds.

    Raises: typer.BadParameter.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time such as 24h or 7d", param_hint=option)
    return int(found[1]) * _SECONDS[found[2]]


def overlap_s(text: str) -> int:
    """Return how long two secrets are good side by side.

    Raises: typer.BadParameter.
    """
    seconds = span_s(text, "--overlap")
    if seconds > MAX_OVERLAP_S:
        raise typer.BadParameter("at most 30d", param_hint="--overlap")
    return seconds


def _amount(option: str, text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    amount, mark, period = text.partition("/")
    if not mark or period not in set(BudgetPeriod):
        raise typer.BadParameter(
            f"{text!r} is not AMOUNT/PERIOD, with one of {', '.join(BudgetPeriod)} as period",
            param_hint=option,
        )
    return amount, period
