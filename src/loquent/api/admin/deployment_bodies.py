"""What is sent about deployments: read strictly, turned into wishes; decides no right."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from loquent.accounting.deployment_wishes import MAX_MODELS, MAX_REGION_CHARACTERS, MAX_REPLICAS
from loquent.accounting.deployment_wishes import DeploymentWish as Wish
from loquent.api.admin.bodies import LimitFields
from loquent.api.live.openai_fields import StrictPart
from loquent.domain.deployments import (
    DEFAULT_ENGINE,
    DEFAULT_IDLE_S,
    DEFAULT_QUEUE,
    DEFAULT_REPLICAS,
    EngineChoice,
    QueueChoice,
    Replicas,
)
from loquent.domain.rates import NO_LIMITS

MAX_S = 1_000_000_000
MAX_THREADS = 1024
MAX_SESSIONS = 1_000_000

ComputeType: TypeAlias = Literal[
    "default", "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16",
    "int16", "float16", "bfloat16", "float32",
]  # fmt: skip

_Model: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Models: TypeAlias = Annotated[list[_Model], Field(min_length=1, max_length=MAX_MODELS)]
_Id: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Region: TypeAlias = Annotated[str, StringConstraints(max_length=MAX_REGION_CHARACTERS)]
_Seconds: TypeAlias = Annotated[float, Field(ge=0, le=MAX_S, allow_inf_nan=False)]
_Hypotheses: TypeAlias = Annotated[int, Field(ge=1, le=20)]


class EngineFields(StrictPart):
    """How models are run; null for what the server has been told."""

    device: Literal["cpu", "cuda", "auto"] | None = None
    compute_type: ComputeType | None = None
    beam_size: _Hypotheses | None = None
    best_of: _Hypotheses | None = None
    n_threads: Annotated[int, Field(ge=0, le=MAX_THREADS)] | None = None
    max_batch: Annotated[int, Field(ge=1, le=64)] | None = None
    context: Literal["adaptive", "exact"] | None = Field(
        default=None, description="exact: Whisper always hears 30 s, as it was trained"
    )

    def over(self, engine: EngineChoice) -> EngineChoice:
        """Return what becomes of a choice."""
        given = self.model_fields_set
        named = {name: getattr(self, name) for name in given - {"context"}}
        if "context" in given:
            named["exact"] = None if self.context is None else self.context == "exact"
        return replace(engine, **named)


class QueueFields(StrictPart):
    """When work is refused; null for what the server has been told."""

    max_wait_s: _Seconds | None = Field(default=None, description="0 for never")
    max_live_sessions: Annotated[int, Field(ge=0, le=MAX_SESSIONS)] | None = Field(
        default=None, description="of one model, 0 for as many as it can follow"
    )

    def over(self, queue: QueueChoice) -> QueueChoice:
        """Return what becomes of a choice."""
        return replace(queue, **{name: getattr(self, name) for name in self.model_fields_set})


class ReplicaFields(StrictPart):
    """How many copies of each model work side by side; null for 1."""

    min: Annotated[int, Field(ge=0, le=MAX_REPLICAS)] | None = Field(
        default=None, description="0: nothing is in memory while nobody asks"
    )
    max: Annotated[int, Field(ge=1, le=MAX_REPLICAS)] | None = Field(
        default=None, description="as long as work waits"
    )

    def over(self, replicas: Replicas) -> Replicas:
        """Return what becomes of a number."""
        given, plain = self.model_fields_set, DEFAULT_REPLICAS
        least = plain.least if self.min is None else self.min
        most = plain.most if self.max is None else self.max
        return Replicas(
            least if "min" in given else replicas.least,
            most if "max" in given else replicas.most,
        )


class DeploymentFields(StrictPart):
    """What a deployment may be told later, too; null clears a field."""

    engine: EngineFields | None = None
    replicas: ReplicaFields | None = None
    queue: QueueFields | None = None
    idle_unload_s: _Seconds | None = Field(
        default=None,
        description="with `replicas.min` 0, models go that were not used for so long; 0 for never",
    )
    limits: LimitFields | None = Field(default=None, description="of all callers together")
    region: _Region | None = Field(default=None, description="where you say that it runs")

    def over(self, wish: Wish) -> Wish:
        """Return what becomes of a wish."""
        given = self.model_fields_set
        if "engine" in given:
            engine = self.engine.over(wish.engine) if self.engine else DEFAULT_ENGINE
            wish = replace(wish, engine=engine)
        if "replicas" in given:
            replicas = self.replicas.over(wish.replicas) if self.replicas else DEFAULT_REPLICAS
            wish = replace(wish, replicas=replicas)
        if "queue" in given:
            queue = self.queue.over(wish.queue) if self.queue else DEFAULT_QUEUE
            wish = replace(wish, queue=queue)
        if "idle_unload_s" in given:
            idle_s = DEFAULT_IDLE_S if self.idle_unload_s is None else self.idle_unload_s
            wish = replace(wish, idle_unload_s=idle_s)
        if "limits" in given:
            limits = self.limits.over(wish.limits) if self.limits else NO_LIMITS
            wish = replace(wish, limits=limits)
        return replace(wish, region=self.region or "") if "region" in given else wish


class NewDeployment(DeploymentFields):
    """A deployment that is to be made, in the project of whoever asks if none is named."""

    models: _Models = Field(description="installed ones; the first serves who names none")
    id: _Id | None = Field(
        default=None, description="a label of a host name; one is made up if there is none"
    )
    project_id: _Id | None = Field(
        default=None, description="whose keys it serves; null for all, with reach `server`"
    )

    def wish(self) -> Wish:
        """Return what is to be made."""
        return self.over(Wish(tuple(self.models), self.id, self.project_id))


class DeploymentPatch(DeploymentFields):
    """What is to become of a deployment."""

    models: _Models = Field(
        default=[], min_length=1, description="installed ones; the first serves who names none"
    )

    def edit(self, wish: Wish) -> Wish:
        """Return what it is to become."""
        return self.over(replace(wish, models=tuple(self.models) or wish.models))
