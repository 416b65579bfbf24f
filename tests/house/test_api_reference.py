"""The page that is written from the OpenAPI document, and what that document says of itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from loquent.api.address_groups import GROUPS, group_of
from loquent.api.app import ApiOptions, create_app
from tests.assets import ROOT
from tests.fakes.services import fake_services

SCRIPT = ROOT / "scripts" / "write-api-reference"
DOCUMENT = create_app(fake_services(), ApiOptions()).openapi()
OPERATIONS = [
    (f"{method} {path}", operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
]


def test_the_page_is_current() -> None:
    outcome = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, f"{outcome.stderr}run scripts/write-api-reference"


def _sent(operation: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name and the schema of all that an operation takes."""
    for parameter in operation.get("parameters", ()):
        yield parameter["name"], parameter
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from content["schema"]["properties"].items()


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_all_that_may_be_sent_says_what_it_means(name: str, operation: Mapping[str, Any]) -> None:
    assert operation["description"].endswith(".")
    for field, schema in _sent(operation):
        variants = (schema, *schema.get("anyOf", ()))
        assert any(variant.get("description") for variant in variants), field


def test_every_group_is_known_and_used() -> None:
    assert {tag for _, operation in OPERATIONS for tag in operation["tags"]} == set(GROUPS)
    assert [tag["name"] for tag in DOCUMENT["tags"]] == list(GROUPS)


@pytest.mark.parametrize("prefix", ["/v1", "/v0", ""])
@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("/audio/transcriptions", "Recordings"),
        ("/audio/speech", "Speech"),
        ("/speech/transcriptions", "Recordings"),
        ("/audio/voices", "Models and voices"),
        ("/models/{id}/pull", "Models and voices"),
        ("/status", "Server"),
    ],
)
def test_an_address_is_in_the_same_group_under_every_prefix(
    prefix: str, path: str, group: str
) -> None:
    assert group_of(prefix + path) == group
