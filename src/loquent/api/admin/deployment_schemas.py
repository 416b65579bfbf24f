"""The shapes of answers about deployments; computes nothing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from loquent.api.admin.schemas import AccountLimits, Strict
from loquent.api.schemas import LoadedModel
from loquent.domain.deployments import DeploymentState


class DeploymentEngine(BaseModel):
    """How its models are run; null for what the server has been told."""

    device: str | None
    compute_type: str | None
    beam_size: int | None
    best_of: int | None
    n_threads: int | None
    max_batch: int | None
    context: Literal["adaptive", "exact"] | None


class DeploymentReplicas(BaseModel):
    """How many copies of each model work side by side, at least and at most."""

    min: int
    max: int


class DeploymentQueue(BaseModel):
    """When work is refused; null for what the server has been told."""

    max_wait_s: float | None
    max_live_sessions: int | None


class DeploymentStanding(BaseModel):
    """What a deployment does on the server that answers; `replicas` can serve now, by model."""

    state: DeploymentState
    message: str
    replicas: dict[str, int]
    models: list[LoadedModel]


class DeploymentAnswer(BaseModel):
    """A deployment; moments are in UTC.

    It answers at `base_url`, and at the host name `host`; `status` is null where nothing is run.
    """

    id: str
    object: Literal["deployment"] = "deployment"
    models: list[str]
    project_id: str | None
    engine: DeploymentEngine
    replicas: DeploymentReplicas
    queue: DeploymentQueue
    idle_unload_s: float
    limits: AccountLimits
    region: str
    base_url: str
    host: str
    status: DeploymentStanding | None
    created_at: str
    closed_at: str | None


class DeploymentList(BaseModel):
    """The oldest first; those that have ended, too."""

    object: Literal["list"] = "list"
    data: list[DeploymentAnswer]


class EndedDeployment(BaseModel):
    """A deployment that takes nothing new; it stays listed."""

    id: str
    object: Literal["deployment"] = "deployment"
    deleted: Literal[True] = True


class DeploymentEventAnswer(BaseModel):
    """One thing that happened; `number` grows with each."""

    object: Literal["deployment.event"] = "deployment.event"
    number: int
    at: str
    level: str
    message: str


class DeploymentEventList(BaseModel):
    """What happened on the server that answers, the oldest first."""

    object: Literal["list"] = "list"
    data: list[DeploymentEventAnswer]


class DeploymentsQuestion(Strict):
    """Which deployments."""

    project: str | None = Field(default=None, description="only those of this one")


class EventsQuestion(Strict):
    """Which events."""

    after: int = Field(default=0, ge=0, description="only those of higher numbers")
    follow: bool = Field(default=False, description="as server-sent events, and what comes, too")
