"""The shape of `[providers.*]` tables, shipped or the operator's; knows no provider and no kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from loquent.domain.endpoints import DataProtection, Detail
from loquent.domain.model import Capability, Gender, Voice
from loquent.domain.pricing import Price, PriceUnit

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Name = Annotated[str, Field(pattern=r"^\S+$")]
_Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
_Day = Annotated[str, Field(pattern=r"^(\d{4}(-\d\d(-\d\d)?)?)?$")]


class ProviderSettingsError(Exception):
    """A table of providers is wrong; each line of the message names a field and what to do."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PriceTable(_Table):
    """One line of a price list."""

    unit: PriceUnit
    micros: int = Field(ge=0)
    capability: Capability | None = None
    step_s: _Amount = 0.0
    minimum_s: _Amount = 0.0
    valid_from: date | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _check_dates(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until is before valid_from")
        return self

    def price(self) -> Price:
        """Return it as a value of the domain."""
        return Price(**dict(self))


class VoiceTable(_Table):
    """One voice of a model that speaks."""

    id: _Name
    language: str = ""
    gender: Gender = Gender.NEUTRAL

    def voice(self) -> Voice:
        """Return it as a value of the domain."""
        return Voice(self.id, self.language, self.gender)


class EndpointTable(_Table):
    """One model at one provider, or what an operator changes of it."""

    model: _Name
    upstream_model: str = ""
    capabilities: frozenset[Capability] = frozenset()
    details: frozenset[Detail] | None = None
    languages: tuple[_Language, ...] = ()
    file_types: frozenset[str] = frozenset()
    max_file_bytes: int = Field(0, ge=0)
    max_audio_s: _Amount = 0.0
    extensions: frozenset[str] | None = None
    quantization: str = ""
    is_quantized: bool | None = None
    price: tuple[PriceTable, ...] = ()
    stated_speed: _Amount = 0.0
    checked_on: _Day | None = None
    voices: tuple[VoiceTable, ...] = ()
    enabled: bool = True

    def changed_by(self, own: EndpointTable) -> EndpointTable:
        """Return it with the fields that `own` sets; the day of a price goes with the price."""
        changes: dict[str, Any] = {name: getattr(own, name) for name in own.model_fields_set}
        if "price" in changes:
            changes["checked_on"] = own.checked_on or ""
        return self.model_copy(update=changes)


class ProviderTable(_Table):
    """One provider, or what an operator says of it."""

    kind: str = ""
    base_url: str = Field("", repr=False)
    api_key: str | None = Field(None, repr=False)
    region: str = ""
    eu_native: bool = False
    gdpr: DataProtection = DataProtection.UNKNOWN
    quirks: dict[str, str] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    checked_on: _Day = ""
    endpoints: tuple[EndpointTable, ...] = ()

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        _refuse_twins(endpoint.model for endpoint in self.endpoints)
        return self

    def changed_by(self, own: ProviderTable) -> ProviderTable:
        """Return it with what `own` sets: field by field, quirk by quirk, endpoint by endpoint."""
        changes: dict[str, Any] = {name: getattr(own, name) for name in own.model_fields_set}
        changes["quirks"] = self.quirks | own.quirks
        changes["headers"] = self.headers | own.headers
        endpoints = {endpoint.model: endpoint for endpoint in self.endpoints}
        for endpoint in own.endpoints:
            known = endpoints.get(endpoint.model)
            endpoints[endpoint.model] = known.changed_by(endpoint) if known else endpoint
        changes["endpoints"] = tuple(endpoints.values())
        return self.model_copy(update=changes)


class LocalEndpointTable(_Table):
    """What the operator charges for one model of this process."""

    model: _Name
    price: tuple[PriceTable, ...]


class LocalTable(_Table):
    """What the operator states of this process itself."""

    region: str = ""
    eu_native: bool = False
    gdpr: DataProtection = DataProtection.UNKNOWN
    endpoints: tuple[LocalEndpointTable, ...] = ()

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        _refuse_twins(endpoint.model for endpoint in self.endpoints)
        return self


class CatalogTable(_Table):
    """A whole file of providers."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    providers: dict[str, ProviderTable]


_TableT = TypeVar("_TableT", bound=_Table)

_PARTS = (PriceTable, VoiceTable, EndpointTable, ProviderTable, CatalogTable)
_LOCAL_PARTS = (PriceTable, LocalEndpointTable, LocalTable)


def read_table(shape: type[_TableT], raw: Mapping[str, Any], place: str = "") -> _TableT:
    """Check `raw` against `shape`.

    Args:
        place: where the table stands, such as "providers.groq"; empty for a whole file.
    Raises: ProviderSettingsError: naming every field at fault, none of their values.
    """
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        parts = _LOCAL_PARTS if shape is LocalTable else _PARTS
        names = sorted({name for part in parts for name in part.model_fields})
        lines = (_complaint(found, place, names) for found in error.errors(include_input=False))
        raise ProviderSettingsError("\n".join(lines)) from None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return a question that names what is spelled like `name`, or nothing."""
    near = get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" Did you mean {near[0]}?" if near else ""


def _complaint(error: ErrorDetails, place: str, names: list[str]) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error["loc"])
    path = f"{place}{''.join(steps)}".removeprefix(".")
    if error["type"] == "extra_forbidden":
        return f"{path}: there is no such field.{did_you_mean(str(error['loc'][-1]), names)}"
    return f"{path}: {error['msg'].removeprefix('Value error, ')}."


def _refuse_twins(models: Iterable[str]) -> None:
    seen: set[str] = set()
    for model in models:
        if model in seen:
            raise ValueError(f"the model {model} is listed twice; keep one entry")
        seen.add(model)
