"""Read the settings, and say in words what is wrong with them.

Order of precedence: command line, `LOQUENT_*` variables, the TOML file, the defaults.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError as UnreadableSourceError

from loquent.settings.schema import (
    CONFIG_VARIABLE,
    ENV_PREFIX,
    NESTED_MARK,
    Settings,
    config_file,
)

ENGINE_VARIABLES = ("CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")

_FIELD_IN_MESSAGE = re.compile(r'field "(\w+)"')


class SettingsError(Exception):
    """The settings are wrong; the message names each field at fault."""


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` that are None do not count.

    Raises: SettingsError: naming each field at fault and where its value came from.
    """
    config = config_file()
    if CONFIG_VARIABLE in os.environ and not config.is_file():
        raise SettingsError(f"{CONFIG_VARIABLE}: there is no file {config}")
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks the values
    except ValidationError as exc:
        complaints = (_complaint(error, given) for error in exc.errors())
        raise SettingsError("\n".join(complaints)) from exc
    except UnreadableSourceError as exc:
        raise SettingsError(_unreadable_variable(str(exc))) from exc
    except ValueError as exc:  # TOML that cannot be parsed
        raise SettingsError(f"{config}: {exc}") from exc


def engine_environment() -> dict[str, str]:
    """Return the variables by which the libraries of engines find a GPU and each other."""
    return {name: os.environ[name] for name in ENGINE_VARIABLES if name in os.environ}


def node_environment() -> dict[str, str]:
    """Return our variables for a node of a cluster: of our settings only where models are."""
    kept = {CONFIG_VARIABLE, f"{ENV_PREFIX}DATA_DIR", f"{ENV_PREFIX}MODEL_DIR"}
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(ENV_PREFIX) or name in kept
    }


def unknown_variables() -> list[str]:
    """List `LOQUENT_*` variables that no setting reads, most likely spelling mistakes."""
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    tables = f"{ENV_PREFIX}PROVIDERS{NESTED_MARK}"
    return sorted(
        name
        for name in os.environ
        if name.startswith(ENV_PREFIX) and not name.startswith(tables) and name not in known
    )


def _complaint(error: ErrorDetails, given: Mapping[str, object]) -> str:
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    if name not in Settings.model_fields:
        near = get_close_matches(name, Settings.model_fields, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{config_file()}: {name} is not a setting{hint}"
    field = ".".join(map(str, error["loc"]))
    message = error["msg"].removeprefix("Value error, ")
    return f"{field} ({_origin(name, given)}): {message}"


def _origin(name: str, given: Mapping[str, object]) -> str:
    """Say where the value of a setting came from."""
    if name in given:
        return f"--{name.replace('_', '-')}"
    variable = ENV_PREFIX + name.upper()
    return variable if variable in os.environ else f"in {config_file()}"


def _unreadable_variable(message: str) -> str:
    """Say which variable should hold JSON and does not."""
    found = _FIELD_IN_MESSAGE.search(message)
    name = found[1] if found else message
    return f'{name} ({ENV_PREFIX}{name.upper()}): this is not JSON, such as {{"a": "b"}}'
