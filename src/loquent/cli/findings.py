"""What an examination found, as a table or JSON that may be shown to anybody; examines nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

from rich.markup import escape
from rich.table import Column, Table

from loquent.cli.redaction import Redactor
from loquent.render.lines import on_one_line


class State(StrEnum):
    """How something is."""

    OK = "ok"
    NOTE = "note"
    """It works, and there is something to know."""
    BROKEN = "broken"


_STYLES = {State.OK: "green", State.NOTE: "yellow", State.BROKEN: "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        advice: what to do about it, "" where there is nothing to do.
    """

    subject: str
    state: State
    found: str
    advice: str = ""


def good(subject: str, found: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(subject, State.OK, found)


def shareable(findings: Sequence[Finding], secrets: Sequence[str]) -> list[Finding]:
    """Return findings without secrets, and without whose home they were found in."""
    clean = _cleaner(secrets)
    return [replace(each, found=clean(each.found), advice=clean(each.advice)) for each in findings]


def findings_table(findings: Sequence[Finding]) -> Table:
    """Lay findings out for people."""
    table = Table(Column("checked", no_wrap=True), "state", "found", "what to do", box=None)
    for each in findings:
        state = f"[{_STYLES[each.state]}]{each.state}[/]"
        table.add_row(each.subject, state, escape(each.found), escape(each.advice))
    return table


def findings_json(findings: Sequence[Finding]) -> str:
    """Lay findings out for programs."""
    is_ok = all(each.state is not State.BROKEN for each in findings)
    return json.dumps({"ok": is_ok, "findings": [asdict(each) for each in findings]}, indent=2)


def _cleaner(secrets: Sequence[str]) -> Callable[[str], str]:
    redactor, home = Redactor(secrets), str(Path.home())

    def clean(text: str) -> str:
        text = redactor.text(on_one_line(text))
        return text.replace(home, "~") if len(home) > 1 else text

    return clean
