"""Turn environment and file into frozen settings; the only room that reads the environment."""

from loquent.settings.loading import (
    SettingsError,
    engine_environment,
    load_settings,
    node_environment,
    unknown_variables,
)
from loquent.settings.schema import (
    CONFIG_NAME,
    CONFIG_VARIABLE,
    ENV_PREFIX,
    NESTED_MARK,
    NO_LEDGER,
    Settings,
)

__all__ = [
    "CONFIG_NAME",
    "CONFIG_VARIABLE",
    "ENV_PREFIX",
    "NESTED_MARK",
    "NO_LEDGER",
    "Settings",
    "SettingsError",
    "engine_environment",
    "load_settings",
    "node_environment",
    "unknown_variables",
]
