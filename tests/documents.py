"""The fenced blocks of README and docs: what language they are in, and whether tests run them.

A block in one of the languages `RUN` is run by tests/live/test_document_blocks.py, unless the line
before it says `<!-- not run: why -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.assets import ROOT

PAGES: Final = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

RUN: Final = frozenset({"sh", "python", "js"})
SHOWN: Final = frozenset({"json", "nginx", "text", "toml", "yaml"})
"""Languages of what is looked at: answers, settings, files of other programs."""

GENERATED: Final = "generated:"
"""Begins a comment before what a script writes, which has tests of its own."""

_FENCE = re.compile(r"^```(\w*)$")
_COMMENT = re.compile(r"^<!-- (.+) -->$")
_NOT_RUN = "not run:"


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block.

    Attributes:
        line: number of its first line, the fence's.
        comment: what stands in the comment on the line before, empty where there is none.
    """

    page: Path
    line: int
    language: str
    text: str
    comment: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def reason(self) -> str | None:
        """Why no test runs it; None if one does."""
        if not self.comment.startswith(_NOT_RUN):
            return None
        return self.comment.removeprefix(_NOT_RUN).strip()

    @property
    def is_run(self) -> bool:
        """Whether tests run it."""
        return self.language in RUN and self.reason is None


def blocks() -> list[Block]:
    """Return every fenced block of every page, in order."""
    return [block for page in PAGES for block in _blocks(page)]


def loose_comments() -> list[str]:
    """Return the pages that say that something is not run, with no block on the next line."""
    loose = []
    for page in PAGES:
        said = page.read_text().count(f"<!-- {_NOT_RUN}")
        if said != sum(block.reason is not None for block in _blocks(page)):
            loose.append(page.name)
    return loose


def _blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text().splitlines()
    numbers = iter(range(len(lines)))
    for first in numbers:
        opened = _FENCE.match(lines[first])
        if not opened:
            continue
        last = next(number for number in numbers if lines[number] == "```")
        comment = _COMMENT.match(lines[first - 1]) if first else None
        text = "\n".join(lines[first + 1 : last]) + "\n"
        yield Block(page, first + 1, opened[1], text, comment[1] if comment else "")
