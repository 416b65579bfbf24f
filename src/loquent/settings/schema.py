"""What a person who runs Loquent may decide, with defaults and bounds; reads it, words no error."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from loquent.domain.client_names import DEFAULT_ALIASES, DEFAULT_VOICES

ENV_PREFIX = "LOQUENT_"
NESTED_MARK = "__"
"""Stands in variables for the dot of a table: LOQUENT_PROVIDERS__GROQ__API_KEY."""

CONFIG_VARIABLE = "LOQUENT_CONFIG"
CONFIG_NAME = "loquent.toml"

NO_LEDGER = "off"

_REACHABLE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - read, not bound
"""By an address that stands for all of a machine: one of them."""

ComputeType: TypeAlias = Literal[
    "default", "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16",
    "int16", "float16", "bfloat16", "float32",
]  # fmt: skip


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
    engine: Literal["local", "ray"] = Field(
        "local", description="who runs models: children of this server, or a Ray cluster"
    )
    min_replicas: int = Field(
        1, ge=1, le=1000, description="copies of a loaded model that work side by side, at least"
    )
    max_replicas: int = Field(
        1, ge=1, le=1000, description="the same at most, as long as work waits"
    )
    ray_address: str = Field(
        "127.0.0.1:6379", description="host and port of the Ray cluster that runs models"
    )
    ray_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="token of that cluster; the file that `loquent ray up` wrote if none",
    )
    ray_gpus: float = Field(
        1.0,
        gt=0,
        description="GPUs for each copy of a model on the cluster; 0.5 lets two share one",
    )
    ray_fallback: Literal["local", "none"] = Field(
        "local",
        description="what serves while the cluster cannot be reached: children here, or nothing",
    )
    public_url: str = Field(
        "", description="where clients reach this server, such as https://speech.example.org"
    )
    domain: str = Field("localhost", description="deployments answer at <id>.deployments.<domain>")

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
    drain_delay_s: float = Field(
        0.0, ge=0, description="keep serving for so long when told to end, while /readyz says no"
    )
    drain_s: float = Field(
        30.0, ge=0, description="how long what runs may take to end once the server refuses more"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe message that is logged"
    )

    @field_validator("public_url", "domain")
    @classmethod
    def _as_in_addresses(cls, text: str) -> str:
        return text.lower().strip("./")

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
        if self.max_replicas < self.min_replicas:
            raise ValueError("max_replicas: this is less than min_replicas")
        return self

    @field_validator("ray_address")
    @classmethod
    def _must_have_port(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("this is not host:port, such as 10.0.0.5:6379")
        return address

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine can connect."""
        return _is_loopback(self.host)

    @property
    def url(self) -> str:
        """Where clients reach this server, as far as it can tell itself."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "https" if self.tls_cert else "http"
        return self.public_url or f"{scheme}://{_REACHABLE.get(self.host, host)}:{self.port}"

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
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def config_file() -> Path:
    """Return where the TOML file is, if it is there."""
    return Path(os.environ.get(CONFIG_VARIABLE, CONFIG_NAME)).expanduser()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
