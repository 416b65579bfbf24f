"""How large a module and a function may grow; today's exceptions are listed and may only shrink."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.assets import ROOT

SOURCE = ROOT / "src" / "loquent"
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 60

LONGER_MODULES: Mapping[str, int] = {}
"""Module -> its lines today."""

LONGER_FUNCTIONS: Mapping[str, int] = {}
"""Module:function -> its lines today."""


def _modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the functions of a module with their lines, decorators not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{_name(path)}:{node.name}", node.end_lineno - node.lineno + 1


def test_no_module_outgrows_its_reader() -> None:
    sizes = {_name(path): len(path.read_text().splitlines()) for path in _modules()}
    assert {name: n for name, n in sizes.items() if n > MAX_MODULE_LINES} == LONGER_MODULES


def test_no_function_outgrows_its_reader() -> None:
    sizes = dict(function for path in _modules() for function in _functions(path))
    assert {name: n for name, n in sizes.items() if n > MAX_FUNCTION_LINES} == LONGER_FUNCTIONS


def test_rooms_start_with_a_sentence_and_hold_no_code_of_their_own() -> None:
    """A room's `__init__` names what it offers: a docstring, imports, constants, functions."""
    for path in SOURCE.rglob("__init__.py"):
        body = ast.parse(path.read_text()).body
        assert ast.get_docstring(ast.Module(body, [])), path
        assert not [node for node in body if isinstance(node, ast.If | ast.For | ast.With)], path
