"""Models that are served apart from everybody else's, and how; serves nothing.

Source: the word and the address of a deployment are those of Ektos' dedicated deployments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from loquent.domain.activity import ModelActivity
from loquent.domain.rates import NO_LIMITS, RateLimits


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many copies of each model work side by side.

    Attributes:
        least: 0 lets go of all of them when nobody uses them.
        most: as long as work waits.
    """

    least: int = 1
    most: int = 1


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """How a deployment's models are run; None for what the server has been told.

    Attributes:
        device: "cpu", "cuda" or "auto".
        compute_type: arithmetic, as CTranslate2 names it.
        n_threads: of one decoding, 0 for all cores.
        exact: whether Whisper always hears 30 s, as it was trained.
        max_batch: stretches of speech decoded at once.
    """

    device: str | None = None
    compute_type: str | None = None
    n_threads: int | None = None
    beam_size: int | None = None
    best_of: int | None = None
    exact: bool | None = None
    max_batch: int | None = None


@dataclass(frozen=True, slots=True)
class QueueChoice:
    """When a deployment refuses work; None for what the server has been told.

    Attributes:
        max_wait_s: for new work that would wait longer, 0 for never.
        max_live_sessions: of one model, 0 for as many as it can follow.
    """

    max_wait_s: float | None = None
    max_live_sessions: int | None = None


DEFAULT_ENGINE = EngineChoice()
DEFAULT_QUEUE = QueueChoice()
DEFAULT_REPLICAS = Replicas()
DEFAULT_IDLE_S = 300.0


@dataclass(frozen=True, slots=True)
class Deployment:
    """Models that are served apart.

    Attributes:
        id: a label of a host name: lower-case letters, digits and hyphens.
        models: ids or other names of installed models; the first serves who names none.
        project_id: whose keys may use it; None for everybody's.
        idle_unload_s: with `replicas.least` 0, lets go of models that were not used for so long.
        limits: of all who use it together.
        region: where its operator says that it runs, "" where nothing is said.
        closed_at: when it ended.
    """

    id: str
    models: tuple[str, ...]
    created_at: datetime
    project_id: str | None = None
    engine: EngineChoice = EngineChoice()
    queue: QueueChoice = QueueChoice()
    replicas: Replicas = Replicas()
    idle_unload_s: float = DEFAULT_IDLE_S
    limits: RateLimits = NO_LIMITS
    region: str = ""
    closed_at: datetime | None = None


class DeploymentState(StrEnum):
    """How far a deployment is, as spelled on the wire."""

    STARTING = "starting"
    """Its models are being loaded."""
    READY = "ready"
    ASLEEP = "asleep"
    """Nothing is in memory; the next request loads it."""
    FAILED = "failed"
    """A model does not load; the next request tries again."""
    CLOSING = "closing"
    """What runs may end; nothing new is taken."""


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """What a deployment is doing on the server that is asked.

    Attributes:
        message: what a person needs to know of the state, often "".
        n_replicas: copies that can serve now, by model.
        models: those in memory or on their way there.
    """

    state: DeploymentState
    message: str = ""
    n_replicas: Mapping[str, int] = field(default_factory=dict)
    models: tuple[ModelActivity, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentEvent:
    """One thing that happened to a deployment, in words that hold nothing private.

    Attributes:
        at: UTC.
        number: grows by one with each event of a deployment.
        level: "info", "warning" or "error".
    """

    at: datetime
    number: int
    level: str
    message: str
