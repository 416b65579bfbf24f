"""How the log is written: redacted first, then as one line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog

from loquent.cli.logs import Redaction, chain, log_to_stderr, secrets_of
from loquent.cli.redaction import REDACTED, Redactor
from loquent.settings import Settings, load_settings

KEY = "the-key-of-everybody"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("loquent")
    uvicorn = logging.getLogger("uvicorn.error")
    handlers, filters, levels = root.handlers[:], uvicorn.filters[:], (root.level, own.level)
    factory = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(factory)
    root.handlers[:], uvicorn.filters[:] = handlers, filters
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    structlog.reset_defaults()


def settings(tmp_path: Path, **more: Any) -> Settings:
    return load_settings(data_dir=tmp_path, api_key=KEY, **more)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written to standard error since the last call."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail(text: str) -> None:
    raise ValueError(text)


def test_an_event_is_one_line_without_secrets(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log_to_stderr(settings(tmp_path))
    log = structlog.get_logger("loquent.test")
    log.warning("two\r\nlines\u2028or three", model="a\nb", text="to be", reason=f"wrong: {KEY}")
    log.debug("a detail")
    (line,) = lines(capsys)
    assert line.pop("timestamp")
    assert line == {
        "event": "two\r\nlines\u2028or three",
        "level": "warning",
        "model": "a\nb",
        "text": REDACTED,
        "reason": f"wrong: {REDACTED}",
    }


def test_a_record_of_a_library_is_an_event_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log_to_stderr(settings(tmp_path))
    logging.getLogger("redis").warning("lost %s\n(%r)", "redis://:open@host", {"password": "x y"})
    (line,) = lines(capsys)
    assert line.pop("timestamp")
    assert line == {
        "event": f"lost redis://{REDACTED}@host ({{'password': {REDACTED}}})",
        "level": "warning",
        "logger": "redis",
    }


@pytest.mark.parametrize("level", ["debug", "info", "warning"])
def test_libraries_tell_no_details(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, level: str
) -> None:
    log_to_stderr(settings(tmp_path, log_level=level))
    chatty = logging.getLogger("websockets.of.a.test")
    chatty.setLevel(logging.DEBUG)
    chatty.debug("< TEXT 'to be or not to be'")
    chatty.info("HTTP Request: GET https://host/?hotwords=to+be")
    assert lines(capsys) == []


def test_our_own_details_come_where_they_are_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log_to_stderr(settings(tmp_path, log_level="debug"))
    logging.getLogger("loquent.engines").debug("engine %d: order %d", 1, 2)
    structlog.get_logger().debug("request")
    assert [line["event"] for line in lines(capsys)] == ["engine 1: order 2", "request"]


def test_of_an_exception_types_and_places_are_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log_to_stderr(settings(tmp_path))
    try:
        fail("to be or not to be")
    except ValueError as error:
        logging.getLogger("uvicorn.error").exception("failed")
        logging.getLogger("uvicorn.error").warning("failed", exc_info=error)
        structlog.get_logger().exception("failed")
        structlog.get_logger().warning("failed", exc_info=error)
    told = lines(capsys)
    assert [line["event"] for line in told] == ["failed"] * 4
    assert all(line["frames"][0] == "ValueError" for line in told)
    assert all(line["frames"][-1].endswith(" in fail") for line in told)
    assert "to be" not in str(told)


def test_what_a_task_failed_with_is_not_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log_to_stderr(settings(tmp_path))
    told = "Task exception was never retrieved\nfuture: <Task exception=ValueError('to be')>"
    logging.getLogger("asyncio").error(told)
    assert [line["event"] for line in lines(capsys)] == ["Task exception was never retrieved"]


def test_writers_that_libraries_bring_get_no_secret(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log_to_stderr(settings(tmp_path))
    own, library = StringIO(), logging.getLogger("library.of.a.test")
    library.addHandler(writer := logging.StreamHandler(own))
    try:
        try:
            fail("to be")
        except ValueError:
            library.exception("Bearer %s", "abc")
    finally:
        library.removeHandler(writer)
    assert own.getvalue() == f"Bearer {REDACTED}\n"


def test_arguments_that_do_not_fit_are_left_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log_to_stderr(settings(tmp_path))
    logging.getLogger("library").warning("%d of %d, 50 %", "to be")
    logging.getLogger("library").warning("%d", "or not to be")
    assert [line["event"] for line in lines(capsys)] == ["%d of %d, 50 %", "%d"]


def test_a_second_ctrl_c_is_no_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log_to_stderr(settings(tmp_path))
    logging.getLogger("uvicorn.error").error("Traceback\nasyncio.exceptions.CancelledError")
    assert lines(capsys) == []


@pytest.mark.parametrize("is_terminal", [True, False])
def test_every_event_is_made_fit_first(*, is_terminal: bool) -> None:
    first, *_ = chain(Redactor(), is_terminal=is_terminal)
    assert isinstance(first, Redaction)


def test_the_secrets_of_the_settings_are_known(tmp_path: Path) -> None:
    found = secrets_of(
        settings(
            tmp_path,
            key_pepper="p" * 32,
            ledger="postgresql+psycopg://user:one%2Ftwo@host/usage",
            redis_url="rediss://:three/four@host:6379/0",
            providers={"a": {"api_key": "five", "endpoints": [{"model": "m", "token": "six"}]}},
        )
    )
    assert {KEY, "p" * 32, "one%2Ftwo", "one/two", "three/four", "five", "six"} <= found
    assert not found & {"m", "a", "whisper-base", "user", "host"}
