"""The reference in docs/ against the code that it describes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from loquent.api import forms
from loquent.api.app import ApiOptions, create_app
from loquent.api.dialects import DIALECTS
from loquent.api.diarization import OFFERED_FORMATS
from loquent.api.errors import TABLE
from loquent.api.fields import FieldReader
from loquent.api.form_schema import diarization_body, request_body
from loquent.api.forms import FormRules, parse_transcription, parse_translation
from loquent.api.live.closing import CODES, DONE, IDLE
from loquent.api.routes import RouteQuestion
from loquent.api.routing_fields import limits_schema
from loquent.api.speech_call import AudioFields
from loquent.api.subtitle_question import SubtitleQuestion
from loquent.api.transcriptions import Parse
from loquent.codec.sniff import ACCEPTED_FORMATS
from loquent.domain.errors import InvalidRequestError, LoquentError
from loquent.domain.request import SpeechDetection
from loquent.routing.price_list import Feature
from loquent.settings import Settings, load_settings
from loquent.wiring import build_app
from tests.assets import DATA_DIR, ROOT
from tests.fakes.services import fake_services

PAGES = ROOT / "docs" / "reference"
MINIMAL = (("model", "whisper-1"),)
SAMPLES = {
    "language": "en",
    "languages[]": "en",
    "prompt": "Dear all,",
    "keywords[]": "Loquent",
    "response_format": "json",
    "temperature": "0.5",
    "timestamp_granularities[]": "word",
    "include[]": "logprobs",
    "stream": "false",
    "chunking_strategy": "auto",
    "hotwords": "Loquent",
    "beam_size": "2",
    "best_of": "2",
    "diarise": "true",
    "diarize": "true",
    "num_speakers": "2",
    "min_speakers": "2",
    "max_speakers": "2",
    "channels": "separate",
    "max_line_width": "32",
    "max_line_count": "1",
    "max_cps": "17",
    "min_cue_duration": "1",
    "max_cue_duration": "6",
    "highlight_words": "true",
    "preference": "balanced",
    "allowed_providers[]": "local",
    "eu_native": "false",
    "allow_quantization": "true",
}
"""A value of each field that a transcription accepts."""

NEEDED = {
    "timestamp_granularities[]": ("response_format", "verbose_json"),
    **dict.fromkeys(
        ("num_speakers", "min_speakers", "max_speakers", "channels"), ("diarise", "true")
    ),
    **dict.fromkeys(
        (
            "max_line_width",
            "max_line_count",
            "max_cps",
            "min_cue_duration",
            "max_cue_duration",
            "highlight_words",
        ),
        ("response_format", "vtt"),
    ),
}
"""What a field needs beside it."""

_CODE_GIVEN = re.compile(r'\bcode="(\w+)"')
_HEADER = re.compile(r'"(x-[a-z-]+)"')
_NOT_FOR_CALLERS = {"x-accel-buffering", "x-api-key"}
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


def _page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text()


def _rows(page: str) -> Iterator[list[str]]:
    """Yield the cells of every row of every table."""
    for line in page.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def test_the_generated_parts_are_current() -> None:
    script = ROOT / "scripts" / "write-reference"
    outcome = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, f"{outcome.stderr}run scripts/write-reference"


def test_every_setting_is_described_with_its_variable() -> None:
    described = {tuple(_quoted(" ".join(row[:2]))) for row in _rows(_page("settings"))}
    wanted = {(name, f"LOQUENT_{name.upper()}") for name in Settings.model_fields}
    assert wanted <= described


def _kinds(root: type[LoquentError] = LoquentError) -> Iterator[type[LoquentError]]:
    yield root
    for kind in root.__subclasses__():
        if kind.__module__ == LoquentError.__module__:  # a room may tell more of one of them
            yield from _kinds(kind)


def test_every_error_has_a_row_of_its_own_in_the_table_of_statuses() -> None:
    assert set(_kinds()) == set(TABLE)


def test_every_error_is_described_as_it_is_sent() -> None:
    described = {tuple(row[:4]) for row in _rows(_page("errors")) if row[1].isdecimal()}
    codes = {LoquentError: "internal_error", InvalidRequestError: "null"}
    sent = {
        (
            f"`{codes.get(kind, kind.code)}`",
            str(row.status),
            f"`{row.type}`",
            "yes" if kind.retryable else "no",
        )
        for kind, row in TABLE.items()
        if kind.code or kind in codes
    }
    assert described == sent


def test_every_code_that_is_given_in_passing_is_described() -> None:
    texts = (path.read_text() for path in (ROOT / "src").rglob("*.py"))
    given = {code for text in texts for code in _CODE_GIVEN.findall(text)}
    assert given <= set(_quoted(_page("errors")))


def _routes() -> list[APIRoute]:
    app = build_app(load_settings(data_dir=DATA_DIR))
    return [route for route in app.routes if isinstance(route, APIRoute)]


def _addresses() -> set[str]:
    """List the method and path of every route."""
    app = create_app(fake_services(), ApiOptions())
    return {
        f"{method} {re.sub(r':[a-z]+', '', route.path)}"
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def test_every_address_is_described_and_every_one_described_exists() -> None:
    quoted = (_quoted(row[0]) for row in _rows(_page("http")))
    described = {names[0] for names in quoted if names and " /" in names[0]}
    prefixed = {
        name.replace(" /v1/", f" {prefix}/") for name in described for prefix in ("/v1", "/v0", "")
    }
    # Without a prefix, what follows is asked of the deployment itself.
    prefixed = {name for name in prefixed if " /deployments" not in name}
    assert prefixed == _addresses() | {"GET /openapi.json"}


def _fields() -> dict[str, list[str]]:
    """Return the rows of the table of form fields by the name on the wire."""
    rows = [row for row in _rows(_page("http")) if len(row) == 6]
    return {name: row for row in rows for name in _quoted(row[0])}


@pytest.mark.parametrize("prefix", DIALECTS)
@pytest.mark.parametrize("is_translation", [False, True])
def test_every_field_of_the_schema_is_described(prefix: str, *, is_translation: bool) -> None:
    body = request_body(DIALECTS[prefix], is_translation=is_translation)["requestBody"]
    schema = body["content"]["multipart/form-data"]["schema"]
    described = _fields()
    for name, field in schema["properties"].items():
        values, default = described[name][1:3]
        for value in [*field.get("enum", ()), *field.get("items", {}).get("enum", ())]:
            assert f"`{value}`" in values, name
        if "default" in field:
            assert f"`{str(field['default']).lower()}`" in default, name
    assert [described[name][2] for name in schema["required"]] == ["required"] * 2


@pytest.mark.parametrize("parse", [parse_transcription, parse_translation])
def test_every_field_that_is_read_is_described(
    monkeypatch: pytest.MonkeyPatch, parse: Parse
) -> None:
    readers: list[FieldReader] = []

    class NotedReader(FieldReader):
        def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
            super().__init__(fields)
            readers.append(self)

    monkeypatch.setattr(forms, "FieldReader", NotedReader)
    parse(MINIMAL, FormRules())
    described = {name.removesuffix("[]") for name in _fields()}
    assert set(readers[0].known) <= described


@pytest.mark.parametrize(
    ("fields", "heading"),
    [
        (AudioFields, "## Speech"),
        (RouteQuestion, "## Dry run"),
        (SubtitleQuestion, "## Subtitles"),
    ],
)
def test_every_field_of_a_json_body_is_described(fields: type[BaseModel], heading: str) -> None:
    section = _page("http").partition(f"\n{heading}\n")[2].partition("\n## ")[0]
    described = {name for row in _rows(section) for name in _quoted(row[0])}
    schema = fields.model_json_schema()
    assert set(schema["properties"]) <= described
    for kind in schema.get("$defs", {}).values():
        assert set(kind.get("enum") or kind["properties"]) <= set(_quoted(section))


def test_every_feature_of_the_price_list_is_described() -> None:
    section = _page("http").partition("\n## Prices\n")[2].partition("\n## ")[0]
    assert set(Feature) <= set(_quoted(section))


def test_every_routing_field_is_described_wherever_it_is_read() -> None:
    names = {name.removesuffix("[]") for name in limits_schema()}
    guide = (PAGES.parent / "routing.md").read_text()
    assert names <= {name for row in _rows(guide) for name in _quoted(row[0])}
    assert {f"?{name}=" for name in names} <= set(_quoted(_page("live")))


def test_every_field_of_a_diarization_is_described_among_speakers() -> None:
    body = diarization_body("any", OFFERED_FORMATS)["requestBody"]
    schema = body["content"]["multipart/form-data"]["schema"]
    section = _page("http").partition("## Speakers")[2].partition("\n## ")[0]
    described = set(_quoted(section.partition("**Who speaks when, without words.**")[2]))
    assert set(schema["properties"]) <= described
    assert set(schema["properties"]["response_format"]["enum"]) <= described


def test_there_is_a_sample_of_every_field_that_may_be_sent() -> None:
    paired = {"known_speaker_names[]", "known_speaker_references[]"}
    apart = {"file", "model", "model_extensions"}
    assert set(SAMPLES) == set(_fields()) - paired - apart


def _form(name: str) -> tuple[tuple[str, str], ...]:
    """Return a form with the sample of one field, and what it needs."""
    needed = [NEEDED[name]] if name in NEEDED else []
    return (*MINIMAL, *needed, (name, SAMPLES[name]))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_field_works_in_translations_exactly_if_the_table_says_so(name: str) -> None:
    said = _fields()[name][4]
    call = parse_translation(_form(name), FormRules())
    assert call.ignored == ((name.removesuffix("[]"),) if said == "ignored" else ())


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_honoured_in_transcriptions(name: str) -> None:
    call = parse_transcription(_form(name), FormRules())
    assert call.ignored == ()


def test_the_defaults_of_speech_detection_are_described() -> None:
    described = {row[0]: row[-1] for row in _rows(_page("http")) if len(row) == 3}
    for name in ("threshold", "prefix_padding_ms", "silence_duration_ms"):
        assert described[f"`{name}`"] == f"`{getattr(SpeechDetection(), name)}`"


def test_the_accepted_formats_are_described() -> None:
    assert ", ".join(ACCEPTED_FORMATS) in " ".join(_page("http").split())


def test_every_header_is_described() -> None:
    texts = (path.read_text() for path in (ROOT / "src" / "loquent" / "api").rglob("*.py"))
    headers = {name for text in texts for name in _HEADER.findall(text)} - _NOT_FOR_CALLERS
    assert "x-request-id" in headers
    assert headers <= set(_quoted(_page("http")))


async def test_every_metric_is_described_and_every_one_described_exists() -> None:
    show_metrics = next(route.endpoint for route in _routes() if route.path == "/metrics")
    text = (await show_metrics()).body.decode()
    names = {name for name in re.findall(r"# HELP (\w+)", text) if not name.endswith("_created")}
    quoted = (_quoted(row[0]) for row in _rows(_page("http")))
    assert {name[0] for name in quoted if name and name[0].startswith("loquent_")} == names


@pytest.mark.parametrize("page", sorted(PAGES.parent.rglob("*.md")), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = [page.parent / target for target in _LINK.findall(page.read_text())]
    assert [target for target in targets if not target.exists()] == []


def test_every_close_code_is_described() -> None:
    described = {row[0] for row in _rows(_page("live"))}
    assert {str(code) for code in (*CODES.values(), DONE, IDLE)} <= described
