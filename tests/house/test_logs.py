"""Whatever is logged goes one way, and that way begins with taking secrets out."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.assets import ROOT

SOURCE = ROOT / "src" / "loquent"

WAYS_OUT = {
    *("structlog.configure", "structlog.configure_once", "logging.basicConfig"),
    *("logging.config.dictConfig", "logging.StreamHandler", "logging.FileHandler"),
}
"""What decides where the log goes, and in which shape."""

ONLY = "cli/logs.py"


def _modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield _name(path), ast.parse(path.read_text())


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _called(module: ast.Module) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}


def test_one_module_decides_where_the_log_goes() -> None:
    assert {name for name, module in _modules() if _called(module) & WAYS_OUT} == {ONLY}


def test_the_way_of_an_event_begins_with_taking_secrets_out() -> None:
    module = ast.parse((SOURCE / ONLY).read_text())
    (chain,) = (
        node for node in module.body if isinstance(node, ast.FunctionDef) and node.name == "chain"
    )
    (answer,) = (node for node in ast.walk(chain) if isinstance(node, ast.Return))
    assert isinstance(answer.value, ast.Tuple)
    assert ast.unparse(answer.value.elts[0]) == "Redaction(redactor)"
    (configured,) = (
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "structlog.configure"
    )
    assert "processors" in {ast.unparse(word.value) for word in configured.keywords}


def test_no_event_is_logged_with_the_text_of_a_traceback() -> None:
    """An exception's text may quote the caller; `exc_info` is reduced to types and places."""
    found = {name for name, module in _modules() if "traceback.format_exc" in _called(module)}
    assert not found
