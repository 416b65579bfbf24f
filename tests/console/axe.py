"""Asks axe-core what stands in the way of people who do not see, or do not point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.console.node_tools import node_modules

if TYPE_CHECKING:
    from playwright.sync_api import Page

SERIOUS = {"serious", "critical"}


def serious_findings(page: Page) -> list[str]:
    """Return what axe finds serious on the page as it is now."""
    page.evaluate((node_modules() / "axe-core" / "axe.min.js").read_text() + "; 0")
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]
