"""`loquent route`: where a request would go, and why."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from loquent.api.route_schemas import RouteAnswer, RouteCandidate
from loquent.api.routes import ROUTE_PATH, RouteQuestion, explained
from loquent.cli.asking import Question, asked
from loquent.cli.console import answers, tell
from loquent.domain.endpoints import Detail, Preference
from loquent.domain.model import Capability
from loquent.settings import Settings, load_settings
from loquent.wiring import LocalPlatform

route_app = typer.Typer(no_args_is_help=True, help="Tell where requests go.")


@route_app.command("explain")
def explain(  # noqa: PLR0913 - a command line has as many options as it has
    model: Annotated[str, typer.Argument(help="The name that a request would use.")],
    *,
    capability: Annotated[
        Capability, typer.Option("--for", help="What would be asked of it.")
    ] = Capability.TRANSCRIPTION,
    detail: Annotated[
        list[Detail] | None, typer.Option(help="What the answer must tell; repeat it for more.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1 code.")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="Length of the recording.")] = 60.0,
    characters: Annotated[int, typer.Option(min=0, help="Length of the text to speak.")] = 0,
    preference: Annotated[
        Preference, typer.Option(help="What matters most.")
    ] = Preference.BALANCED,
    provider: Annotated[
        list[str] | None, typer.Option(help="Only this provider; repeat it for more.")
    ] = None,
    eu_native: Annotated[bool, typer.Option("--eu-native", help="Only EU providers.")] = False,
    exact: Annotated[
        bool, typer.Option("--no-quantization", help="No weights of less than 16 bits.")
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(help="Ask a running server, which has measured: http://127.0.0.1:8000"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer as POST /v1/route does.")] = False,
) -> None:
    """List every endpoint that a request could go to: the first one serves, the last ones cannot.

    Without --server nothing has been measured yet: times are what providers state.
    """
    settings = load_settings()
    question = RouteQuestion(
        model=model,
        capability=capability,
        details=detail,
        language=language,
        audio_seconds=seconds,
        characters=characters,
        preference=preference,
        allowed_providers=provider,
        eu_native=eu_native,
        allow_quantization=not exact,
    )
    answer = _asked(server, question, settings) if server else _worked_out(question, settings)
    if json:
        typer.echo(answer.model_dump_json(indent=2))
        return
    answers.print(_table(answer))
    if answer.choice is None:
        tell("nobody can serve this request now")


def _worked_out(question: RouteQuestion, settings: Settings) -> RouteAnswer:
    platform = LocalPlatform(settings)
    currency = platform.providing.catalog.currency
    return explained(question.need(), platform.routing.planner, currency)


def _asked(server: str, question: RouteQuestion, settings: Settings) -> RouteAnswer:
    body = question.model_dump(mode="json", exclude_none=True)
    return asked(server, Question("POST", ROUTE_PATH, body=body), RouteAnswer, settings)


def _table(answer: RouteAnswer) -> Table:
    table = Table(
        Column("endpoint", no_wrap=True),
        "state",
        Column("score", justify="right"),
        Column(f"price in {answer.currency}", justify="right"),
        Column("seconds", justify="right"),
        "remarks",
        box=None,
    )
    for candidate in answer.candidates:
        score = "" if candidate.score is None else f"{candidate.score:.3f}"
        table.add_row(
            escape(candidate.endpoint),
            _state(candidate, answer.choice),
            score,
            candidate.price,
            f"{candidate.expected_seconds:.1f}",
            escape(_remarks(candidate)),
        )
    return table


def _state(candidate: RouteCandidate, choice: str | None) -> str:
    if candidate.endpoint == choice:
        return "serves"
    if not candidate.is_able:
        return "cannot"
    return "next" if candidate.is_up else f"down for {candidate.retry_in_seconds:.0f} s"


def _remarks(candidate: RouteCandidate) -> str:
    made = [f"{', '.join(candidate.derived)} made here"] if candidate.derived else []
    lost = [f"no effect: {', '.join(candidate.ignored)}"] if candidate.ignored else []
    return "; ".join([*(r.reason for r in candidate.reasons), *made, *lost])
