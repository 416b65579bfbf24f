"""What addresses are about, for OpenAPI: their groups, and what stands in their templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from loquent.api.dialects import DIALECTS

GROUPS: Final[Mapping[str, str]] = {
    "Recordings": "What is said in a recording, by whom, and as subtitles.",
    "Speech": "A text, spoken.",
    "Live": "What is said while it is said.",
    "Models and voices": "Who can serve.",
    "Routing and prices": "Where a request would go, and what that costs.",
    "Usage": "What was used.",
    "Accounts": "Organisations, their projects, and keys.",
    "Deployments": "Models that are served apart.",
    "Server": "How the server is.",
}
"""Group -> what it is about, in the order in which they are shown."""

_BEGINNINGS: Final[Mapping[str, str]] = {
    "/audio/models": "Models and voices",
    "/audio/voices": "Models and voices",
    "/audio/speech": "Speech",
    "/audio": "Recordings",
    "/speech": "Recordings",
    "/subtitles": "Recordings",
    "/realtime": "Live",
    "/models": "Models and voices",
    "/catalog": "Models and voices",
    "/route": "Routing and prices",
    "/pricing": "Routing and prices",
    "/usage": "Usage",
    "/admin": "Accounts",
    "/deployments": "Deployments",
}
"""How addresses begin -> their group; the first that fits."""

_PARTS: Final[Mapping[str, str]] = {
    "id": "id or alias of a model; it may hold slashes",
    "organisation_id": "id of an organisation",
    "project_id": "id of a project",
    "key_id": "id of a key, which is no secret",
    "deployment_id": "id of a deployment",
}
"""What stands in a template -> what it means."""


def group_of(path: str) -> str:
    """Return the group of an address, with or without a prefix."""
    first, _, rest = path.removeprefix("/").partition("/")
    place = f"/{rest}" if f"/{first}" in DIALECTS else path
    fitting = (group for start, group in _BEGINNINGS.items() if place.startswith(start))
    return next(fitting, "Server")


def described_parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter with its meaning, if it stands in a template."""
    meaning = _PARTS.get(parameter["name"]) if parameter["in"] == "path" else None
    return {**parameter, **({"description": meaning} if meaning else {})}
