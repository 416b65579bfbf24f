"""What a cluster is told of a model that it is to run; knows no cluster."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field, TypeAdapter

from loquent import __version__
from loquent.domain.deployments import Replicas
from loquent.engines.host.performers import EngineSpec, Scalar

APP_PREFIX: Final = "loquent-"
"""Of the names of our applications; others on the cluster are let alone."""

SHARED: Final = "shared"
"""Stands in names for the models that belong to no deployment."""

_CONFIG = ConfigDict(strict=True, extra="forbid")
_DIGEST_CHARACTERS: Final = 12
_SLUG_CHARACTERS: Final = 40
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


class Trade(StrEnum):
    """What a model does."""

    LISTENING = "listening"
    SPEAKING = "speaking"
    ANALYSING = "analysing"


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """How one model is run on a cluster; equal plans of several gateways share its copies.

    Attributes:
        model_id: as shelves call it.
        folder: where the gateway has the verified files; a node that lacks it has its own.
        options: fields of the engine's options.
        max_batch: stretches of speech recognised at once.
        least: copies, at least.
        most: copies, as long as work waits.
        n_cpus: reserved for each copy.
        n_gpus: reserved for each copy; several may share one.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG
    trade: Trade
    model_id: str
    engine: str
    folder: str
    options: Mapping[str, Scalar] = field(default_factory=dict)
    max_batch: Annotated[int, Field(ge=1)] = 8
    least: Annotated[int, Field(ge=0)] = 1
    most: Annotated[int, Field(ge=1)] = 1
    n_cpus: Annotated[float, Field(ge=0)] = 1.0
    n_gpus: Annotated[float, Field(ge=0)] = 0.0
    deployment: str = SHARED

    @property
    def name(self) -> str:
        """What the cluster calls it: the same wherever the same is wanted, by this version."""
        told = {**asdict(self), "version": __version__}
        del told["folder"]  # each gateway has its own
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        slug = _NOT_IN_NAMES.sub("-", self.model_id.lower())[:_SLUG_CHARACTERS].strip("-")
        return f"{APP_PREFIX}{self.deployment}-{slug}-{digest[:_DIGEST_CHARACTERS]}"

    def to_json(self) -> str:
        """Return what `from_json` reads."""
        return _PLAN.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> ModelPlan:
        """Return what `to_json` wrote.

        Raises: pydantic.ValidationError.
        """
        return _PLAN.validate_json(text)


_SHARE_OF_OTHERS: Final = 0.5
"""What a copy that does not listen reserves of its threads: it works less of the time, and two such
models are to fit beside one that listens on a machine of two cores."""

_ONE: Final = Replicas()


@dataclass(frozen=True, slots=True)
class Share:
    """What the models of a server, or of a deployment, take of a cluster.

    Attributes:
        n_gpus: for each copy of a model that runs on one.
    """

    replicas: Replicas = _ONE
    max_batch: int = 8
    n_gpus: float = 1.0
    deployment: str = SHARED


def plan_of(spec: EngineSpec, trade: Trade, share: Share) -> ModelPlan:
    """Return how a cluster runs a model.

    Each copy gets the threads that its cores are reserved for. "All cores" means one here: copies
    beside each other use a machine as well, and may stand on several.
    """
    options = dict(spec.options)
    n_threads = int(options.get("n_threads") or 1)
    if "n_threads" in options:
        options["n_threads"] = n_threads
    if trade is Trade.ANALYSING:
        options["n_workers"] = n_threads
    share_of_time = 1.0 if trade is Trade.LISTENING else _SHARE_OF_OTHERS
    return ModelPlan(
        trade=trade,
        model_id=spec.model_id,
        engine=spec.engine,
        folder=str(spec.folder),
        options=options,
        max_batch=share.max_batch,
        least=share.replicas.least,
        most=share.replicas.most,
        n_cpus=n_threads * share_of_time,
        n_gpus=share.n_gpus if options.get("device") == "cuda" else 0.0,
        deployment=share.deployment,
    )


_PLAN: Final[TypeAdapter[ModelPlan]] = TypeAdapter(ModelPlan)
