"""Places that serve models, what each can do, and what a caller allows; chooses none of them.

An *endpoint* is one model at one *provider*; a provider is a company, a server of one's own, or
`local`, the engines of this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from loquent.domain.accounts import Bounds, common
from loquent.domain.model import Capability, Voice
from loquent.domain.pricing import Price

LOCAL_PROVIDER = "local"


class Preference(StrEnum):
    """What matters most where several endpoints would do."""

    SPEED = "speed"
    COST = "cost"
    BALANCED = "balanced"


class DataProtection(StrEnum):
    """Whether a provider processes personal data as the GDPR demands, by its own statement."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Detail(StrEnum):
    """What an answer may hold beside its text, and what a request may ask for."""

    SEGMENTS = "segments"
    """Times of spans of text."""
    WORDS = "words"
    """Times of words."""
    SPEAKERS = "speakers"
    """Who says it."""
    KNOWN_SPEAKERS = "known_speakers"
    """Speakers by names that the caller gave to voices."""
    SPEAKER_COUNT = "speaker_count"
    """How many speakers there are, said by the caller."""
    LOGPROBS = "logprobs"
    """How likely each token is."""
    STREAM = "stream"
    """Text that arrives while the rest of the recording is still being recognised."""
    LANGUAGE = "language"
    """The language, told by the caller."""
    PROMPT = "prompt"
    """Text that guides spelling and style."""
    HOTWORDS = "hotwords"
    """Names and terms to expect."""
    TEMPERATURE = "temperature"
    COMMIT = "commit"
    """Utterances of a live stream that end where the caller says so."""
    INSTRUCTIONS = "instructions"
    """How to say a text, in words."""
    SPEED = "speed"
    """A pace of speech other than the voice's own."""
    WORD_TIMES = "word_times"
    """When each word of spoken text is heard."""


@dataclass(frozen=True, slots=True)
class RoutingLimits:
    """What a caller allows and prefers.

    Attributes:
        allowed_providers: ids of providers; None for all.
        allowed_models: names of models, aliases or endpoints, set by the caller's key alone; None
            for all.
        eu_native: only providers that are based and regulated in the EU.
        allow_quantization: also weights of less than 16 bits.
    """

    preference: Preference = Preference.BALANCED
    allowed_providers: frozenset[str] | None = None
    allowed_models: frozenset[str] | None = None
    eu_native: bool = False
    allow_quantization: bool = True

    def within(self, bounds: Bounds) -> RoutingLimits:
        """Return what is left of this for a caller who is bound."""
        return replace(
            self,
            allowed_providers=common(self.allowed_providers, bounds.providers),
            allowed_models=common(self.allowed_models, bounds.models),
            eu_native=self.eu_native or bounds.eu_native,
            allow_quantization=self.allow_quantization and bounds.allow_quantization,
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one provider.

    Attributes:
        model: its name in requests, the same at every provider that serves these weights.
        upstream_model: what this provider calls it.
        details: what it can tell or heed beyond text, of its own.
        powers: which of the details each capability can have at most; one that is not listed can
            have all.
        languages: ISO 639-1 codes that it understands or speaks; empty for no stated limit.
        file_types: names of containers, as `codec.sniff` tells them, that it reads; empty for all.
        max_file_bytes: largest recording it accepts; 0 for any.
        max_audio_s: longest recording it accepts; 0 for any.
        extensions: names of request fields of its own that are handed on as they are.
        region: where it computes, such as "us" or "eu-fr"; empty where that is unknown.
        quantization: weight format, such as "int8"; empty where that is unknown.
        is_quantized: whether its weights have less than 16 bits, None where nobody says.
        prices: what it costs; empty where nothing is charged.
        stated_speed: seconds of audio that it works off in a second by its own or others'
            statement; 0 for unknown. Measurements replace it.
        checked_on: the day on which prices and terms were taken from the provider's pages.
        voices: what it speaks with, as far as that is known.
    """

    provider: str
    model: str
    upstream_model: str
    capabilities: frozenset[Capability]
    details: frozenset[Detail] = frozenset()
    powers: Mapping[Capability, frozenset[Detail]] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    file_types: frozenset[str] = frozenset()
    max_file_bytes: int = 0
    max_audio_s: float = 0.0
    extensions: frozenset[str] = frozenset()
    region: str = ""
    eu_native: bool = False
    gdpr: DataProtection = DataProtection.UNKNOWN
    quantization: str = ""
    is_quantized: bool | None = None
    prices: tuple[Price, ...] = ()
    stated_speed: float = 0.0
    checked_on: str = ""
    voices: tuple[Voice, ...] = ()

    @property
    def id(self) -> str:
        """Its name in requests that want this one alone."""
        return f"{self.provider}/{self.model}"

    @property
    def is_local(self) -> bool:
        return self.provider == LOCAL_PROVIDER

    def details_for(self, capability: Capability) -> frozenset[Detail]:
        """Return what it can tell or heed where one of its capabilities is used."""
        return self.details & self.powers.get(capability, self.details)

    def prices_for(self, capability: Capability) -> tuple[Price, ...]:
        """Return what it charges for one of its capabilities."""
        return tuple(price for price in self.prices if price.is_for(capability))


def violations(endpoint: Endpoint, limits: RoutingLimits, *, require_gdpr: bool) -> tuple[str, ...]:
    """Say which limits keep a request away from `endpoint`; what is unknown counts as forbidden.

    Args:
        require_gdpr: the operator admits only providers that state to follow the GDPR.
    """
    found: list[str] = []
    allowed = limits.allowed_providers
    if allowed is not None and endpoint.provider not in allowed:
        found.append(f"allowed_providers does not hold {endpoint.provider}")
    if limits.eu_native and not endpoint.eu_native:
        who = (
            "the operator does not state that it is"
            if endpoint.is_local
            else "it is not known to be"
        )
        found.append(f"eu_native is asked for, and {who} based in the EU")
    if not limits.allow_quantization and endpoint.is_quantized is not False:
        weights = endpoint.quantization or "of unknown precision"
        found.append(f"allow_quantization is false, and its weights are {weights}")
    if require_gdpr and endpoint.gdpr is not DataProtection.YES:
        found.append("this server requires the GDPR, and it does not state to follow it")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one endpoint.

    Attributes:
        outcome: "ok", or the code of the error that ended it.
    """

    endpoint: str
    outcome: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Served:
    """Which endpoint answers a request; told before the first piece of the answer.

    Attributes:
        attempts: all tries, the last of which is the endpoint's.
        derived: details that were made here from what the endpoint told.
        ignored: request fields that have no effect there, as spelled on the wire.
    """

    endpoint: Endpoint
    attempts: tuple[Attempt, ...]
    derived: tuple[Detail, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """How a provider is reached; comes from the operator alone.

    Attributes:
        kind: which adapter speaks to it, such as "openai".
        base_url: without a slash at its end.
        api_key: empty where it needs none.
        quirks: how it deviates from others of its kind; see the adapter.
        headers: sent with every request.
    """

    id: str
    kind: str
    base_url: str
    api_key: str = field(default="", repr=False)
    quirks: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
