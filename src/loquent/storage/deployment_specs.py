"""From deployments to rows and back: what one is made of is a text, read whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Row

from loquent.domain.deployments import Deployment, EngineChoice, QueueChoice, Replicas
from loquent.domain.rates import RateLimits
from loquent.storage.columns import moment_of, moment_or_none, storable, us_of, us_or_none
from loquent.storage.database import StorageError
from loquent.storage.terms import LIMITS
from loquent.storage.written import Readers, encoded, flag, number, read, real, word, words, written

_ENGINE: Final[Readers] = MappingProxyType(
    {
        "device": word,
        "compute_type": word,
        "n_threads": number,
        "beam_size": number,
        "best_of": number,
        "exact": flag,
        "max_batch": number,
    }
)
_QUEUE: Final[Readers] = MappingProxyType({"max_wait_s": real, "max_live_sessions": number})
_REPLICAS: Final[Readers] = MappingProxyType({"least": number, "most": number})
_SPEC: Final[Readers] = MappingProxyType(
    {
        "models": words,
        "engine": partial(read, EngineChoice, _ENGINE),
        "queue": partial(read, QueueChoice, _QUEUE),
        "replicas": partial(read, Replicas, _REPLICAS),
        "idle_unload_s": real,
        "limits": partial(read, RateLimits, LIMITS),
        "region": word,
    }
)


def fields_of_deployment(deployment: Deployment) -> Mapping[str, str | int | None]:
    """Return the row of a deployment."""
    project = deployment.project_id
    return {
        "id": storable(deployment.id),
        "project_id": None if project is None else storable(project),
        "spec": _text_of(deployment),
        "created_at_us": us_of(deployment.created_at),
        "closed_at_us": us_or_none(deployment.closed_at),
    }


def deployment_of(row: Row[Any]) -> Deployment:
    """Return the deployment of a row.

    Raises: StorageError: if it was written by a newer version.
    """
    about = {
        "id": row.id,
        "project_id": row.project_id,
        "created_at": moment_of(row.created_at_us),
        "closed_at": moment_or_none(row.closed_at_us),
    }
    try:
        return read(partial(Deployment, **about), _SPEC, json.loads(row.spec))
    except (ValueError, TypeError, RecursionError) as error:
        message = "A deployment was written by a newer Loquent, or by hand: run that one."
        raise StorageError(message) from error


def _text_of(deployment: Deployment) -> str:
    found = written(deployment)
    return encoded({name: value for name, value in found.items() if name in _SPEC})
