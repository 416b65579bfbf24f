"""Every link in the documents leads somewhere, on the page that it names and in the site."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.assets import ROOT

DOCS = ROOT / "docs"
SITE = ROOT / "zensical.toml"
PAGES = sorted(
    [
        *(ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CHANGELOG")),
        *DOCS.rglob("*.md"),
    ]
)

_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+(?:\([^()]*\))?)[^()]*\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_OUTSIDE = re.compile(r"[a-z]+:")
_FILE = re.compile(r"(?<![\w/.-])(?:deploy|examples|requirements|scripts|tests)/[\w./-]*\w")


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def _links(page: Path) -> tuple[str, ...]:
    """Return where the links of a page lead, but for other hosts."""
    prose = _SPAN.sub("`code`", _FENCE.sub("", page.read_text()))
    return tuple(link for link in _LINK.findall(prose) if not _OUTSIDE.match(link))


@cache
def _anchors(page: Path) -> frozenset[str]:
    """Return the anchors that the headings of a page make."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", page.read_text())):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        kept = [c for c in text if c in " -_" or unicodedata.category(c)[0] in "LN"]
        found.add("".join(kept).replace(" ", "-"))
    return frozenset(found)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in _links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (
            anchor and (target.suffix != ".md" or anchor not in _anchors(target))
        ):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=_name)
def test_no_page_of_the_site_leads_out_of_it(page: Path) -> None:
    """A site made of docs/ has nothing else of the repository."""
    paths = [link.partition("#")[0] for link in _links(page)]
    outside = [path for path in paths if not (page.parent / path).resolve().is_relative_to(DOCS)]
    assert outside == []


def _places(entry: Any) -> list[str]:
    """Return the pages under an entry of the navigation: a page, a list, or a title with either."""
    if isinstance(entry, str):
        return [entry]
    entries = entry.values() if isinstance(entry, dict) else entry
    return [place for each in entries for place in _places(each)]


def test_the_site_has_every_page_once() -> None:
    listed = _places(tomllib.loads(SITE.read_text())["project"]["nav"])
    pages = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    assert sorted(listed) == pages


def test_images_have_words_for_those_who_do_not_see_them() -> None:
    silent = [_name(page) for page in PAGES if re.search(r"!\[\s*\]\(", page.read_text())]
    assert silent == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = {path.rstrip("./") for path in _FILE.findall(page.read_text())}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
