"""Turn a deployment into the settings of the server that it is; builds nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from loquent.domain.deployments import Deployment
from loquent.domain.model import Capability
from loquent.routing.names import ModelNames
from loquent.settings import Settings


def settings_of(deployment: Deployment, settings: Settings, names: ModelNames) -> Settings:
    """Return the settings of the server, with those replaced that the deployment has of its own.

    Args:
        names: of all that is installed.
    """
    chosen: dict[str, Any] = {
        **asdict(deployment.engine),
        "max_queue_s": deployment.queue.max_wait_s,
        "max_live_sessions": deployment.queue.max_live_sessions,
    }
    first, least = deployment.models[0], deployment.replicas.least
    served = served_by(deployment, names)
    return settings.model_copy(
        update={
            **{name: value for name, value in chosen.items() if value is not None},
            "default_model": first,
            "translation_model": served.translation_model or first,
            "diarization_model": _able(served, Capability.DIARIZATION) or first,
            "preload": list(deployment.models) if least else [],
            "max_loaded": len(deployment.models),
            "min_replicas": max(1, least),
            "max_replicas": deployment.replicas.most,
            "idle_unload_s": 0.0 if least else deployment.idle_unload_s,
            "providers": {},
            "pools": {},
            "speech_cache_bytes": 0,
        }
    )


def served_by(deployment: Deployment, names: ModelNames) -> ModelNames:
    """Return the models of a deployment by all of their names; those that are not here are not.

    Args:
        names: of all that is installed.
    """
    cards = {id_: names.cards[id_] for id_ in ids_of(deployment, names)}
    aliases = {alias: id_ for alias, id_ in names.aliases.items() if id_ in cards}
    chosen = ModelNames(cards, aliases, "")
    return ModelNames(cards, aliases, _able(chosen, Capability.TRANSLATION))


def ids_of(deployment: Deployment, names: ModelNames) -> tuple[str, ...]:
    """Return the ids of the models of a deployment, as far as they are installed."""
    found = (_id_of(name, names) for name in deployment.models)
    return tuple(dict.fromkeys(id_ for id_ in found if id_ in names.cards))


def missing_from(deployment: Deployment, names: ModelNames) -> tuple[str, ...]:
    """Return the models of a deployment that are not installed, as it names them."""
    return tuple(name for name in deployment.models if _id_of(name, names) not in names.cards)


def _id_of(name: str, names: ModelNames) -> str:
    return name if name in names.cards else names.aliases.get(name, name)


def _able(names: ModelNames, capability: Capability) -> str:
    return next((id_ for id_, card in names.cards.items() if capability in card.capabilities), "")
