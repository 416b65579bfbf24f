"""What deployments are to be like, and what can be wrong with that for anybody; knows no rights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal

from loquent.accounting.terms import LIMIT_NAMES
from loquent.domain.deployments import (
    DEFAULT_ENGINE,
    DEFAULT_IDLE_S,
    DEFAULT_QUEUE,
    DEFAULT_REPLICAS,
    Deployment,
    EngineChoice,
    QueueChoice,
    Replicas,
)
from loquent.domain.errors import InvalidRequestError
from loquent.domain.rates import NO_LIMITS, RateLimits

MAX_MODELS: Final = 16
MAX_REPLICAS: Final = 64
MAX_REGION_CHARACTERS: Final = 100

ID_PATTERN: Final = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""One label of a host name. Source: RFC 1123, 2.1."""

_ID: Final = re.compile(ID_PATTERN)


@dataclass(frozen=True, slots=True)
class DeploymentWish:
    """A deployment that is to be made, or what one is to become.

    Attributes:
        id: None for one that nobody has. A deployment keeps its own.
        project_id: None for that of the maker; for whoever reaches the whole server, none at all.
            A deployment stays where it was made.
    """

    models: tuple[str, ...]
    id: str | None = None
    project_id: str | None = None
    engine: EngineChoice = DEFAULT_ENGINE
    queue: QueueChoice = DEFAULT_QUEUE
    replicas: Replicas = DEFAULT_REPLICAS
    idle_unload_s: float = DEFAULT_IDLE_S
    limits: RateLimits = NO_LIMITS
    region: str = ""


def wish_of(deployment: Deployment) -> DeploymentWish:
    """Return what would make such a deployment."""
    names = (field.name for field in fields(DeploymentWish))
    return DeploymentWish(**{name: getattr(deployment, name) for name in names})


def checked_wish(wish: DeploymentWish) -> DeploymentWish:
    """Return a wish that can be fulfilled.

    Raises: InvalidRequestError: naming the field at fault.
    """
    if wish.id is not None and not _ID.fullmatch(wish.id):
        raise InvalidRequestError(
            "id: it becomes part of a host name. Use 1 to 63 lower-case letters, digits and"
            " hyphens, with a letter or digit at both ends.",
            param="id",
        )
    _check_models(wish.models)
    _check_replicas(wish.replicas)
    if len(wish.region) > MAX_REGION_CHARACTERS or not wish.region.isprintable():
        raise InvalidRequestError(
            f"region: write at most {MAX_REGION_CHARACTERS} printable characters on one line.",
            param="region",
        )
    return wish


def fields_of(wish: DeploymentWish) -> Mapping[str, object]:
    """Return each field of a wish by its name on the wire, but for its id."""
    engine, exact = wish.engine, wish.engine.exact
    names = (field.name for field in fields(EngineChoice) if field.name != "exact")
    return {
        "models": ", ".join(wish.models) or None,
        "project_id": wish.project_id,
        **{f"engine.{name}": getattr(engine, name) for name in names},
        "engine.context": None if exact is None else context_of(is_exact=exact),
        "queue.max_wait_s": wish.queue.max_wait_s,
        "queue.max_live_sessions": wish.queue.max_live_sessions,
        "replicas.min": wish.replicas.least,
        "replicas.max": wish.replicas.most,
        "idle_unload_s": wish.idle_unload_s,
        **{f"limits.{name}": getattr(wish.limits, name) for name in LIMIT_NAMES},
        "region": wish.region or None,
    }


def context_of(*, is_exact: bool) -> Literal["adaptive", "exact"]:
    """Say how much Whisper hears at a time, as spelled on the wire."""
    return "exact" if is_exact else "adaptive"


def _check_models(models: tuple[str, ...]) -> None:
    if not 1 <= len(models) <= MAX_MODELS:
        raise InvalidRequestError(
            f"models: name 1 to {MAX_MODELS}; the first one serves who names none.",
            param="models",
        )
    repeated = next((name for name in models if models.count(name) > 1), None)
    if repeated is not None:
        raise InvalidRequestError(
            f"models: {repeated!r} stands there twice. Name each model once; `replicas` says how"
            " many copies of it work.",
            param="models",
        )


def _check_replicas(replicas: Replicas) -> None:
    if not 1 <= replicas.most <= MAX_REPLICAS:
        raise InvalidRequestError(
            f"replicas.max: write a whole number from 1 to {MAX_REPLICAS}.", param="replicas.max"
        )
    if not 0 <= replicas.least <= replicas.most:
        raise InvalidRequestError(
            f"replicas.min: write a whole number from 0 to `replicas.max`, {replicas.most}; with 0"
            " nothing is in memory while nobody asks.",
            param="replicas.min",
        )
