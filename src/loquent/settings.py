"""Turn environment and file into frozen settings; the only module that reads the environment.

Order of precedence: command line, `LOQUENT_*` variables, the TOML file, the defaults here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as UnreadableSourceError

from loquent.domain.client_names import DEFAULT_ALIASES, DEFAULT_VOICES

ENV_PREFIX = "LOQUENT_"
NESTED_MARK = "__"
"""Stands in variables for the dot of a table: LOQUENT_PROVIDERS__GROQ__API_KEY."""

CONFIG_VARIABLE = "LOQUENT_CONFIG"
CONFIG_NAME = "loquent.toml"

NO_LEDGER = "off"

ENGINE_VARIABLES = ("CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")

_FIELD_IN_MESSAGE = re.compile(r'field "(\w+)"')

ComputeType: TypeAlias = Literal[
    "default", "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16",
    "int16", "float16", "bfloat16", "float32",
]  # fmt: skip


class SettingsError(Exception):
    """The settings are wrong; the message names each field at fault."""


def _default_data_dir() -> Path:
    root = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(root).expanduser() / "loquent"


class Settings(BaseSettings):
    """Everything a person who runs Loquent may decide."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter=NESTED_MARK, extra="forbid", frozen=True
    )

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on, 0 for a free one")
    data_dir: Path = Field(default_factory=_default_data_dir, description="where models live")
    api_key: SecretStr | None = Field(None, description="key that every request must carry")
    key_pepper: SecretStr | None = Field(
        None,
        min_length=32,
        description="secret by which keys are recognised; a file in the data folder if none",
    )
    tls_cert: Path | None = Field(None, description="certificate chain, PEM")
    tls_key: Path | None = Field(None, description="private key of the certificate, PEM")

    default_model: str = Field("whisper-base", description="loaded at start")
    translation_model: str = Field("whisper-base", description="translates for models that cannot")
    diarization_model: str = Field("pyannote-campplus", description="tells speakers apart")
    max_known_speakers: int = Field(
        4, ge=1, le=16, description="voices that one request may give names to"
    )
    aliases: dict[str, str] = Field(
        default_factory=lambda: dict(DEFAULT_ALIASES),
        description="other names of installed models",
    )
    voices: dict[str, str] = Field(
        default_factory=lambda: dict(DEFAULT_VOICES),
        description="other names of voices, or of mixes of them",
    )
    max_input_characters: int = Field(
        4096, ge=0, description="longest text that is spoken in one request, 0 for no limit"
    )
    speech_cache_bytes: int = Field(
        0, ge=0, description="speech kept on disk, text and all, for who asks again; 0 for none"
    )
    offline: bool = Field(default=False, description="never fetch anything")
    model_dir: Path | None = Field(
        None, description="folder with model folders, looked into before any download"
    )

    device: Literal["cpu", "cuda", "auto"] = Field(
        "cpu", description="where models that listen run; others run on the CPU"
    )
    compute_type: ComputeType = Field("int8", description="arithmetic, as CTranslate2 names it")
    n_threads: int = Field(
        0, ge=0, description="threads of one decoding or one piece of speech, 0 for all cores"
    )
    beam_size: int = Field(5, ge=1, le=20, description="hypotheses kept side by side")
    best_of: int = Field(5, ge=1, le=20, description="samples drawn at temperatures above 0")
    exact: bool = Field(
        default=False, description="let Whisper always hear 30 s, as it was trained; slow"
    )
    max_batch: int = Field(8, ge=1, le=64, description="stretches of speech decoded at once")
    max_queue_s: float = Field(
        120.0, ge=0, description="refuse new work once it would wait longer, 0 for never"
    )

    preload: list[str] = Field(
        default_factory=list, description="models loaded at start, beside the default model"
    )
    max_loaded: int = Field(2, ge=1, description="models kept in memory")
    idle_unload_s: float = Field(
        0.0, ge=0, description="free a model that was not used for so long, 0 for never"
    )
    cold_wait_s: float = Field(
        30.0, ge=0, description="how long a request waits for a model that is being loaded"
    )

    providers: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        repr=False,
        description="other servers that may serve, by name; see docs/providers.md",
    )
    pools: dict[str, list[str]] = Field(
        default_factory=dict,
        description="names of your own for endpoints that serve the same",
    )
    require_gdpr: bool = Field(
        default=False, description="admit only providers that state to follow the GDPR"
    )
    local_first: bool = Field(
        default=True, description="serve by models here unless speed is preferred"
    )
    local_max_wait_s: float = Field(
        5.0, ge=0, description="send work elsewhere that would wait longer here, if it may go"
    )
    upstream_timeout_s: float = Field(
        600.0,
        gt=0,
        description="time for all attempts at providers, on top of the length of the recording",
    )

    ledger: str = Field(
        "", description="where usage is kept: a database URL, the data folder if empty, or off"
    )
    redis_url: SecretStr = Field(
        SecretStr(""), description="where several servers count what callers take; alone if empty"
    )

    max_upload_bytes: int = Field(
        26_214_400, ge=0, description="largest file accepted, 0 for no limit"
    )
    max_audio_s: float = Field(
        4 * 3600, ge=0, description="longest recording accepted, 0 for no limit"
    )
    max_decoders: int = Field(16, ge=1, description="recordings decoded at the same time")
    max_live_sessions: int = Field(
        0, ge=0, description="live sessions of one model, 0 for as many as it can follow"
    )
    live_idle_s: float = Field(
        60.0, ge=0, description="close a live socket that sends nothing for so long, 0 for never"
    )
    open_lists: bool = Field(
        default=True, description="show the lists of models and voices in /audio without a key"
    )
    console: bool = Field(default=True, description="serve the web console at /")
    unknown_fields: Literal["warn", "strict"] = Field(
        "warn", description="list unknown request fields in a header, or refuse them"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe message that is logged"
    )

    @field_validator("data_dir", "model_dir", "tls_cert", "tls_key")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path else None

    @field_validator("tls_cert", "tls_key")
    @classmethod
    def _must_exist(cls, path: Path | None) -> Path | None:
        if path and not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path

    @model_validator(mode="after")
    def _stay_private_without_key(self) -> Self:
        if not self.api_key and not self.is_private and self.ledger == NO_LEDGER:
            raise ValueError(
                f"api_key: listening on {self.host} opens this server to others, and other keys "
                f"need a ledger; set {ENV_PREFIX}API_KEY, or listen on 127.0.0.1"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key: give both or neither")
        return self

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine can connect."""
        return _is_loopback(self.host)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then the TOML file; no .env file, no secrets folder."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _config_file())


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` that are None do not count.

    Raises: SettingsError: naming each field at fault and where its value came from.
    """
    config = _config_file()
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


def unknown_variables() -> list[str]:
    """List `LOQUENT_*` variables that no setting reads, most likely spelling mistakes."""
    known = {ENV_PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}
    tables = f"{ENV_PREFIX}PROVIDERS{NESTED_MARK}"
    return sorted(
        name
        for name in os.environ
        if name.startswith(ENV_PREFIX) and not name.startswith(tables) and name not in known
    )


def _config_file() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE, CONFIG_NAME)).expanduser()


def _complaint(error: ErrorDetails, given: Mapping[str, object]) -> str:
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    if name not in Settings.model_fields:
        near = get_close_matches(name, Settings.model_fields, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{_config_file()}: {name} is not a setting{hint}"
    field = ".".join(map(str, error["loc"]))
    message = error["msg"].removeprefix("Value error, ")
    return f"{field} ({_origin(name, given)}): {message}"


def _origin(name: str, given: Mapping[str, object]) -> str:
    """Say where the value of a setting came from."""
    if name in given:
        return f"--{name.replace('_', '-')}"
    variable = ENV_PREFIX + name.upper()
    return variable if variable in os.environ else f"in {_config_file()}"


def _unreadable_variable(message: str) -> str:
    """Say which variable should hold JSON and does not."""
    found = _FIELD_IN_MESSAGE.search(message)
    name = found[1] if found else message
    return f'{name} ({ENV_PREFIX}{name.upper()}): this is not JSON, such as {{"a": "b"}}'


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
