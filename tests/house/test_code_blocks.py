"""Every block of code in README and docs is run by tests, or says why not."""

from __future__ import annotations

import ast
import json
import tomllib

import pytest

from loquent.settings import Settings
from tests.documents import GENERATED, RUN, SHOWN, Block, blocks, loose_comments

BLOCKS = blocks()


def _in(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_names_its_language(block: Block) -> None:
    is_output = not block.language  # of a command, or written by a script
    assert is_output or block.language in RUN | SHOWN


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.reason is not None], ids=str)
def test_a_block_that_is_not_run_says_why(block: Block) -> None:
    assert block.language in RUN
    assert block.reason is not None
    assert len(block.reason.split()) >= 4


def test_no_comment_about_a_block_stands_alone() -> None:
    assert loose_comments() == []


def test_most_blocks_are_run() -> None:
    code = [block for block in BLOCKS if block.language in RUN]
    assert sum(block.is_run for block in code) > len(code) / 2


@pytest.mark.parametrize("block", _in("python"), ids=str)
def test_python_can_be_parsed(block: Block) -> None:
    assert ast.parse(block.text).body


@pytest.mark.parametrize("block", _in("toml"), ids=str)
def test_toml_holds_settings(block: Block) -> None:
    assert set(tomllib.loads(block.text)) <= set(Settings.model_fields)


@pytest.mark.parametrize(
    "block", [b for b in _in("json") if not b.comment.startswith(GENERATED)], ids=str
)
def test_json_can_be_parsed(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", _in("yaml"), ids=str)
def test_yaml_can_be_parsed(block: Block) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    assert yaml.safe_load(block.text)
