"""Writes the log to standard error, without secrets and without what callers say; knows no event.

What libraries tell below WARNING is left out, whatever the level: they show the frames of sockets,
the query of each URL and the values of statements, and nobody can tell a transcript by its looks.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from loquent.cli.redaction import Redactor, failure_places, names_secret
from loquent.render.lines import on_one_line
from loquent.settings import Settings

OWN: Final = "loquent"

_PASSWORD: Final = re.compile(r"://[^:/?#@]*:(.+)@")


def log_to_stderr(settings: Settings) -> None:
    """Write one line per event: JSON for machines, colours for a person at a terminal."""
    least_severe = logging.getLevelNamesMapping()[settings.log_level.upper()]
    redactor = Redactor(secrets_of(settings))
    processors = chain(redactor, is_terminal=sys.stderr.isatty())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(least_severe),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    # Where records are made, since libraries may bring writers of their own.
    logging.setLogRecordFactory(record_factory(redactor))
    writer = logging.StreamHandler(sys.stderr)
    writer.setFormatter(_Lines(processors))
    writer.addFilter(_is_for_us)
    root = logging.getLogger()
    root.handlers[:] = [writer]
    root.setLevel(max(least_severe, logging.WARNING))
    logging.getLogger(OWN).setLevel(least_severe)
    # A second Ctrl-C cancels whatever still runs; that is no error of anybody.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "CancelledError" not in record.getMessage()
    )


def chain(redactor: Redactor, *, is_terminal: bool) -> Sequence[Processor]:
    """Return what an event goes through on its way to a line; nothing sees it before it is fit."""
    return (
        Redaction(redactor),
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer(),
    )


class Redaction:
    """Leaves of an event what anybody may read; of an exception its type and its places."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        cause = _exception(event.pop("exc_info", None))
        fit = {name: self._redactor.named(name, value) for name, value in event.items()}
        return fit | {"frames": failure_places(cause)} if cause else fit


def record_factory(redactor: Redactor) -> Any:
    """Return what makes records of `logging` whose message holds all that is left to tell."""

    def make(*args: Any, **named: Any) -> logging.LogRecord:
        record = logging.LogRecord(*args, **named)
        record.msg, record.args = redactor.text(_message(record)), ()
        cause = _exception(record.exc_info)
        record.exc_info = record.exc_text = None
        if cause:
            record.frames = failure_places(cause)
        return record

    return make


def secrets_of(settings: Settings) -> frozenset[str]:
    """Return every value of the settings that nobody should read."""
    return frozenset(_secrets("", settings.model_dump()))


class _Lines(logging.Formatter):
    """Sends a record the way of all events."""

    def __init__(self, processors: Sequence[Processor]) -> None:
        super().__init__()
        self._processors = processors

    def format(self, record: logging.LogRecord) -> str:
        event: Any = {"event": record.getMessage(), "logger": record.name}
        if frames := getattr(record, "frames", None):
            event["frames"] = frames
        for process in self._processors:
            event = process(None, record.levelname.lower(), event)
        return str(event)


def _is_for_us(record: logging.LogRecord) -> bool:
    """Tell whether a record may be written: libraries may lower the levels of their own loggers."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == OWN


def _message(record: logging.LogRecord) -> str:
    """Return the message on one line."""
    try:
        message = record.getMessage()
    except (TypeError, ValueError):  # it does not fit its arguments, which nobody should read
        message = str(record.msg)
    if record.name == "asyncio":  # what failed is told in the first line, with what in the others
        message = message.partition("\n")[0]
    return on_one_line(message)


def _exception(told: object) -> BaseException | None:
    """Return the exception that an event tells of: itself, as `sys.exc_info` has it, or True."""
    if isinstance(told, BaseException):
        return told
    if isinstance(told, tuple):
        return _exception(told[1])
    return sys.exc_info()[1] if told else None


def _secrets(name: str, value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        value, name = value.get_secret_value(), "secret"
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _secrets(str(key), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _secrets(name, each)
    elif isinstance(value, str):
        if names_secret(name):
            yield value
        if found := _PASSWORD.search(value):
            yield from (found[1], unquote(found[1]))
