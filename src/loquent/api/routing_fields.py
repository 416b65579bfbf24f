"""Reads who may serve a request and what matters most; knows no endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BaseModel, WithJsonSchema
from starlette.types import Scope

from loquent.api.fields import FieldReader
from loquent.domain.accounts import Caller
from loquent.domain.endpoints import Preference, RoutingLimits
from loquent.domain.errors import InvalidRequestError

_PREFERENCE, _PROVIDERS = "preference", "allowed_providers"
_EU_NATIVE, _QUANTIZATION = "eu_native", "allow_quantization"

_SCHEMAS: Final[Mapping[str, dict[str, Any]]] = {
    _PREFERENCE: {
        "description": "What matters most where several endpoints would do.",
        "type": "string",
        "enum": [item.value for item in Preference],
        "default": Preference.BALANCED.value,
    },
    _PROVIDERS: {
        "description": "Only these providers; `local` is this server's own engines.",
        "type": "array",
        "items": {"type": "string"},
    },
    _EU_NATIVE: {
        "description": "Only providers that are based and regulated in the EU.",
        "type": "boolean",
        "default": False,
    },
    _QUANTIZATION: {
        "description": "Also weights of less than 16 bits.",
        "type": "boolean",
        "default": True,
    },
}

_WANTED: Final[Mapping[str, str]] = {
    _PREFERENCE: f"one of {', '.join(Preference)}",
    _PROVIDERS: "a list of texts",
    _EU_NATIVE: "true or false",
    _QUANTIZATION: "true or false",
}


def read_limits(reader: FieldReader) -> RoutingLimits:
    """Read the fields of a form, or of an address, that narrow who may serve.

    Raises: InvalidRequestError: if a value is none that its field can have.
    """
    preference = reader.choice(_PREFERENCE, tuple(Preference))
    providers = frozenset(name.lower() for name in reader.words(_PROVIDERS))
    return RoutingLimits(
        preference=Preference(preference) if preference else Preference.BALANCED,
        allowed_providers=providers or None,
        eu_native=reader.flag(_EU_NATIVE) or False,
        allow_quantization=reader.flag(_QUANTIZATION) is not False,
    )


def bounded(limits: RoutingLimits, scope: Scope) -> RoutingLimits:
    """Return `limits` within what the caller's key allows."""
    caller: Caller = scope["loquent.caller"]
    return limits.within(caller.bounds)


def limits_schema() -> Mapping[str, Any]:
    """Describe the fields of a form, for OpenAPI."""
    return {f"{name}[]" if name == _PROVIDERS else name: _SCHEMAS[name] for name in _SCHEMAS}


def _described(name: str) -> Any:
    """Return how a field of JSON is described, whatever else it is taken as."""
    return WithJsonSchema({"anyOf": [_SCHEMAS[name], {"type": "null"}]})


_Unread: TypeAlias = Any
"""Read by `limits`, in every spelling that a form may have."""


class LimitFields(BaseModel):
    """The fields of a JSON body that narrow who may serve."""

    preference: Annotated[_Unread, _described(_PREFERENCE)] = None
    allowed_providers: Annotated[_Unread, _described(_PROVIDERS)] = None
    eu_native: Annotated[_Unread, _described(_EU_NATIVE)] = None
    allow_quantization: Annotated[_Unread, _described(_QUANTIZATION)] = None

    def limits(self) -> RoutingLimits:
        """Return what the fields say.

        Raises: InvalidRequestError: as `read_limits` does.
        """
        return read_limits(FieldReader(self._as_form()))

    def _as_form(self) -> Iterator[tuple[str, str]]:
        """Yield the fields as a form has them."""
        for name in _SCHEMAS:
            value = getattr(self, name)
            entries = value if name == _PROVIDERS and isinstance(value, list | tuple) else [value]
            for entry in entries:
                if entry is not None:
                    yield name, _as_text(name, entry)


def _as_text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if name != _PROVIDERS and isinstance(value, bool | int):
        return str(int(value))
    raise InvalidRequestError(f"{name} must be {_WANTED[name]}.", param=name)
