"""What the table of adapters holds of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from loquent.domain.endpoints import Detail, ProviderAccess
from loquent.domain.model import Capability
from loquent.ports import Provider
from loquent.providers.limits import UpstreamLimits


@dataclass(frozen=True, slots=True)
class Kind:
    """One wire that providers speak.

    Attributes:
        connect: makes the adapter; calls nobody yet.
        powers: what an endpoint of this kind can do at most; an endpoint of the catalog that says
            nothing of details has those of its capabilities.
        extensions: request fields of its own that the adapter hands on, by capability.
        base_url: where it is found, if there is one place.
    """

    connect: Callable[[ProviderAccess, UpstreamLimits], Provider]
    powers: Mapping[Capability, frozenset[Detail]]
    extensions: Mapping[Capability, frozenset[str]] = field(default_factory=dict)
    base_url: str = ""
