"""What stands in deploy/ against the code: it parses, and every setting and metric in it exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute

from loquent.settings import CONFIG_VARIABLE, Settings, load_settings
from loquent.wiring import build_app
from tests.assets import DATA_DIR, ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "loquent"
UNIT = DEPLOY / "loquent.service"
COMPOSE = sorted(DEPLOY.glob("compose*.yaml"))
PROGRAM = "/opt/loquent/bin/loquent"

LIMIT_S = 60.0

_VARIABLE = re.compile(r"\bLOQUENT_[A-Z0-9_]+\b")
_METRIC = re.compile(r"\bloquent_[a-z_]+\b")
_VALUE = re.compile(r"\.Values\.([A-Za-z.]+)")
_ACTION = re.compile(r"\{\{-?\s*(if|with|range|define|end)\b")
_COPIED = re.compile(r"^COPY (?!--from)(.+) \S+$", re.MULTILINE)


def _files() -> list[Path]:
    return sorted(path for path in DEPLOY.rglob("*") if path.is_file())


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _settings() -> set[str]:
    return {f"LOQUENT_{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    found = set(_VARIABLE.findall(path.read_text()))
    assert {name for name in found if not name.startswith("LOQUENT_PROVIDERS__")} <= _settings()


async def _metrics() -> set[str]:
    """Return every name under which Prometheus finds something."""
    app = build_app(load_settings(data_dir=DATA_DIR))
    route = next(r for r in app.routes if isinstance(r, APIRoute) and r.path == "/metrics")
    text = (await route.endpoint()).body.decode()
    names = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
        parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        names |= {name + part for part in parts}
    return names


def _asked() -> Iterator[tuple[str, str]]:
    """Yield every expression that is put to Prometheus, with the file that it stands in."""
    for group in _yaml(DEPLOY / "prometheus" / "alerts.yaml")["groups"]:
        yield from (("alerts", rule["expr"]) for rule in group["rules"])
    for panel in _dashboard()["panels"]:
        yield from (("dashboard", target["expr"]) for target in panel.get("targets", ()))
    for variable in _dashboard()["templating"]["list"]:
        yield "dashboard", variable["query"]
    yield "chart", _yaml(CHART / "values.yaml")["autoscaling"]["metric"]


def _dashboard() -> Any:
    return json.loads((DEPLOY / "grafana" / "loquent.json").read_text())


async def test_every_metric_that_is_asked_for_exists() -> None:
    known = await _metrics()
    asked = {name for _, expression in _asked() for name in _METRIC.findall(expression)}
    assert len(asked) > 20
    assert asked <= known


def test_every_expression_closes_what_it_opens() -> None:
    for file, expression in _asked():
        bare = re.sub(r'"[^"]*"', '""', expression)
        for opening, closing in ("()", "{}", "[]"):
            assert bare.count(opening) == bare.count(closing), f"{file}: {expression}"


def test_every_alert_says_what_it_means_and_where_to_look_first() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    for group in _yaml(DEPLOY / "prometheus" / "alerts.yaml")["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"]["summary"]
            assert rule["labels"]["severity"] in {"warning", "critical"}
            assert f"`{rule['alert']}`" in guide


def test_panels_lie_beside_each_other_and_have_ids_of_their_own() -> None:
    panels = _dashboard()["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_example_of_settings_holds_settings_also_where_it_is_commented_out() -> None:
    text = (DEPLOY / "loquent.toml").read_text()
    proposed = re.findall(r"^# (\[.+|[a-z_0-9-]+ = .+)$", text, re.MULTILINE)
    for part in (text, "\n".join(proposed)):
        assert tomllib.loads(part)
        assert set(tomllib.loads(part)) <= set(Settings.model_fields)


# Containers


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_composition_names_services_that_it_has(path: Path) -> None:
    services = _yaml(path)["services"]
    volumes = set(_yaml(path).get("volumes") or ())
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        assert {mount.partition(":")[0] for mount in service.get("volumes", ())} <= volumes


def test_what_the_image_copies_exists_and_reaches_the_builder() -> None:
    allowed = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for copied in _COPIED.findall((DEPLOY / "Dockerfile").read_text()):
        for name in copied.split():
            assert (ROOT / name).exists(), name
            assert any(name == each or name.startswith(f"{each}/") for each in allowed), name


@pytest.mark.parametrize("path", COMPOSE, ids=lambda path: path.name)
def test_a_composition_builds_a_target_that_the_image_has(path: Path) -> None:
    targets = set(re.findall(r"\bAS (\S+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    services = _yaml(path)["services"].values()
    assert {each["build"]["target"] for each in services if "build" in each} <= targets


def test_nothing_is_killed_while_requests_may_end() -> None:
    values = _yaml(CHART / "values.yaml")
    drained = values["terminationGracePeriodSeconds"] - values["preStopSeconds"]
    (stop,) = re.findall(r"^TimeoutStopSec=(\d+)s$", UNIT.read_text(), re.MULTILINE)
    graces = [
        service["stop_grace_period"]
        for path in COMPOSE
        for service in _yaml(path)["services"].values()
        if "stop_grace_period" in service
    ]
    for seconds in (drained, int(stop), *(int(grace.removesuffix("s")) for grace in graces)):
        assert seconds > Settings.model_fields["drain_s"].default


def test_the_locks_of_the_images_are_those_of_the_tests() -> None:
    base, server = (
        set(re.findall(r"^[a-z][^\s;]*==[^\s;]+", text, re.MULTILINE))
        for text in (
            (ROOT / "requirements" / name).read_text() for name in ("base.txt", "server.txt")
        )
    )
    assert base <= server
    assert {name.partition("=")[0] for name in server - base} >= {"psycopg", "redis"}


# systemd


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    outcome = _run("systemd-analyze", "verify", unit)
    assert (outcome.returncode, outcome.stderr.strip()) == (0, "")


# Helm


def _templates() -> list[Path]:
    return sorted((CHART / "templates").iterdir())


@pytest.mark.parametrize("path", _templates(), ids=lambda path: path.name)
def test_every_value_that_a_template_reads_has_a_default(path: Path) -> None:
    defaults = _yaml(CHART / "values.yaml")
    for dotted in _VALUE.findall(path.read_text()):
        value = defaults
        for name in dotted.rstrip(".").split("."):
            assert name in value, dotted
            value = value[name]


def test_every_value_is_read_by_some_template() -> None:
    read = {
        dotted.partition(".")[0]
        for path in _templates()
        for dotted in _VALUE.findall(path.read_text())
    }
    assert set(_yaml(CHART / "values.yaml")) == read


@pytest.mark.parametrize("path", _templates(), ids=lambda path: path.name)
def test_every_template_ends_what_it_begins(path: Path) -> None:
    depth = 0
    for word in _ACTION.findall(path.read_text()):
        depth += -1 if word == "end" else 1
        assert depth >= 0
    assert depth == 0


def test_the_settings_of_the_chart_are_settings() -> None:
    values = _yaml(CHART / "values.yaml")
    assert set(tomllib.loads(values["config"])) <= set(Settings.model_fields)


def test_a_service_called_loquent_does_not_change_settings() -> None:
    """Else a cluster adds LOQUENT_PORT=tcp://..., which is a setting of ours."""
    assert "enableServiceLinks: false" in (CHART / "templates" / "deployment.yaml").read_text()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--set", "autoscaling.enabled=true", "--set", "existingSecret=secrets"),
        ("--set", "persistence.enabled=false", "--set", "secrets.LOQUENT_API_KEY=key"),
    ],
)
def test_helm_renders_the_chart(options: tuple[str, ...]) -> None:
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed: the chart was not rendered here")
    assert _run("helm", "lint", CHART, *options).returncode == 0
    rendered = _run("helm", "template", "loquent", CHART, *options)
    assert rendered.returncode == 0, rendered.stderr
    kinds = {each["kind"] for each in yaml.safe_load_all(rendered.stdout) if each}
    assert {"Deployment", "Service", "ConfigMap"} <= kinds
    if shutil.which("kubeconform") is not None:
        checked = _run("kubeconform", "-strict", "-", given=rendered.stdout)
        assert checked.returncode == 0, checked.stdout


def _run(*command: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        input=given,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
