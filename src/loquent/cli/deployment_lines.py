"""From a deployment to what a person reads of it; asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from loquent.api.admin.deployment_schemas import DeploymentAnswer
from loquent.cli.deployment_addresses import base_url, host_url
from loquent.render.lines import on_one_line

NOT_RUN: Final = "not run here"


def row_of(deployment: DeploymentAnswer, served: str = NOT_RUN) -> Sequence[str]:
    """Return a line of a table: id, models, project, replicas, state, region.

    Args:
        served: how far it is, where the answer itself does not say.
    """
    return (
        deployment.id,
        on_one_line(", ".join(deployment.models)),
        deployment.project_id or "all",
        _replicas(deployment),
        _state(deployment, served),
        on_one_line(deployment.region),
    )


def lines_of(deployment: DeploymentAnswer, server: str, served: str = NOT_RUN) -> Mapping[str, str]:
    """Return what there is to tell, line by line; `served` as above."""
    status, bounds = deployment.status, deployment.replicas
    serving = {f"copies of {name}": n for name, n in (status.replicas if status else {}).items()}
    given: Mapping[str, Any] = {
        **deployment.engine.model_dump(),
        **deployment.queue.model_dump(),
        **deployment.limits.model_dump(),
    }
    optional = {
        "message": status.message if status else "",
        "ended": deployment.closed_at,
        **serving,
        **{name.replace("_", " "): value for name, value in given.items()},
        "region": deployment.region,
    }
    shown = {name: str(value) for name, value in optional.items() if value not in (None, "")}
    return {
        "id": deployment.id,
        "base URL": base_url(deployment.id, server),
        "host name": host_url(deployment.host, server),
        "models": on_one_line(", ".join(deployment.models)),
        "project": deployment.project_id or "all",
        "state": _state(deployment, served),
        "replicas": f"{bounds.min} to {bounds.max}",
        "idle unload s": f"{deployment.idle_unload_s:g}",
        "made": deployment.created_at,
        **{name: on_one_line(value) for name, value in shown.items()},
    }


def _replicas(deployment: DeploymentAnswer) -> str:
    """Say how many copies can serve now, if that is known, of how many: "2 of 1-4"."""
    bounds, status = deployment.replicas, deployment.status
    allowed = f"{bounds.min}-{bounds.max}" if bounds.min != bounds.max else str(bounds.max)
    if status is None:
        return allowed
    serving = "/".join(str(n) for n in status.replicas.values())
    return f"{serving or '0'} of {allowed}"


def _state(deployment: DeploymentAnswer, served: str) -> str:
    if deployment.status:
        return deployment.status.state
    return "ended" if deployment.closed_at else served
