"""Describe what is installed here as endpoints of the provider `local`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from loquent.domain.endpoints import LOCAL_PROVIDER, DataProtection, Detail, Endpoint
from loquent.domain.model import Capability, ModelCard
from loquent.domain.pricing import Price

UNQUANTISED_MARK = "@float32"
"""Behind the id of a model: the same weights, computed with in 32 bits."""

_FULL_PRECISIONS = frozenset({"float32", "float16", "bfloat16", "fp32", "fp16", "none"})

_HEARING = frozenset(Detail) - {Detail.SPEED, Detail.WORD_TIMES, Detail.INSTRUCTIONS}
_SPEAKING = frozenset({Detail.SPEED, Detail.WORD_TIMES})


@dataclass(frozen=True, slots=True)
class LocalTerms:
    """What the operator states of this machine.

    Attributes:
        prices: what a model costs, by its id; one that is missing costs nothing.
    """

    region: str = ""
    eu_native: bool = False
    gdpr: DataProtection = DataProtection.UNKNOWN
    prices: Mapping[str, tuple[Price, ...]] = field(default_factory=dict)


def local_endpoints(card: ModelCard, terms: LocalTerms, compute_type: str) -> tuple[Endpoint, ...]:
    """Return as which endpoints an installed model serves, the usual one first.

    A model that listens with less than 16 bits also serves with all of them, to who asks for it.

    Args:
        compute_type: the arithmetic of models that listen, as CTranslate2 names it.
    """
    listens = Capability.TRANSCRIPTION in card.capabilities
    quantization = compute_type if listens else card.quantization
    usual = Endpoint(
        provider=LOCAL_PROVIDER,
        model=card.id,
        upstream_model=card.id,
        capabilities=card.capabilities | ({Capability.REALTIME} if listens else set()),
        details=_details(card),
        languages=card.languages if listens else (),
        region=terms.region,
        eu_native=terms.eu_native,
        gdpr=terms.gdpr,
        quantization=quantization,
        is_quantized=quantization not in _FULL_PRECISIONS,
        prices=terms.prices.get(card.id, ()),
        voices=card.voices,
    )
    if not listens or not usual.is_quantized:
        return (usual,)
    full = f"{card.id}{UNQUANTISED_MARK}"
    exact = replace(
        usual, model=full, upstream_model=full, quantization="float32", is_quantized=False
    )
    return (usual, exact)


def _details(card: ModelCard) -> frozenset[Detail]:
    if Capability.TRANSCRIPTION in card.capabilities:
        return _HEARING
    return _SPEAKING if Capability.SPEECH in card.capabilities else frozenset()


def without_mark(model_id: str) -> str:
    """Return the id of the weights that an endpoint of our own computes with."""
    return model_id.removesuffix(UNQUANTISED_MARK)
