"""The shape of every JSON answer, for the API's own description; computes nothing."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from loquent.domain.endpoints import DataProtection, Detail
from loquent.domain.model import Capability, Gender
from loquent.domain.transcript import Task


class ErrorObject(BaseModel):
    """What went wrong; `code` is stable, `message` is for people."""

    message: str
    type: str
    param: str | None
    code: str | None


class Error(BaseModel):
    """The body of every error."""

    error: ErrorObject


class ErrorDetail(BaseModel):
    """Where in the request a validation error stands."""

    loc: list[str]
    msg: str
    type: str


class DetailedError(Error):
    """The body of a validation error under /v0."""

    detail: list[ErrorDetail]


class ModelEndpoint(BaseModel):
    """A place that serves a model; `id` as a model's name asks for this place alone.

    Limits are null, and `file_types` empty, where the place states none.
    """

    id: str
    provider: str
    region: str | None
    eu_native: bool
    gdpr: DataProtection
    quantization: str | None
    capabilities: list[Capability]
    details: list[Detail]
    max_file_bytes: int | None
    max_audio_seconds: float | None
    file_types: list[str]


class Model(BaseModel):
    """A model under one of its names, and where it is served."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    served_by: str
    capabilities: list[Capability]
    task: Task | None
    tasks: list[Task]
    languages: list[str]
    quantization: str
    license: str
    loaded: bool
    endpoints: list[ModelEndpoint]


class ModelList(BaseModel):
    """Every model that this server serves."""

    object: Literal["list"] = "list"
    data: list[Model]


class ModelName(BaseModel):
    """A model's name alone."""

    id: str


class ModelNames(BaseModel):
    """Every name alone, as Open WebUI reads them."""

    models: list[ModelName]


class Health(BaseModel):
    """The state of the server."""

    status: Literal["ok", "ready", "asleep"]


class LoadedModel(BaseModel):
    """A model in memory, or on its way there, and the work that waits for it."""

    model: str
    is_loaded: bool
    memory_bytes: int
    n_replicas: int
    n_workers: int
    n_running: int
    n_waiting: dict[str, int]
    estimated_wait_s: float
    n_batches: int
    n_utterances: int
    n_repairs: int


class FollowedStream(BaseModel):
    """A live session, how far it lags behind, and what its captions were like."""

    id: str
    model: str
    age_s: float
    heard_s: float
    lag_s: float
    cadence_s: float | None
    n_shown: int
    n_changed: int


class Status(BaseModel):
    """What the server is doing."""

    object: Literal["status"] = "status"
    ready: bool
    models: list[LoadedModel]
    live_sessions: list[FollowedStream]


class TokenDetails(BaseModel):
    """Where input tokens come from."""

    text_tokens: int
    audio_tokens: int


class TokenUsage(BaseModel):
    """Consumption in tokens."""

    type: Literal["tokens"]
    input_tokens: int
    input_token_details: TokenDetails
    output_tokens: int
    total_tokens: int


class DurationUsage(BaseModel):
    """Consumption in seconds of audio, rounded up."""

    type: Literal["duration"]
    seconds: int


class LogProb(BaseModel):
    """A token, its natural log probability and its UTF-8 bytes."""

    token: str
    logprob: float
    bytes: list[int]


class ShortSegment(BaseModel):
    """A span of text with its times in seconds; `speaker` only where speakers are told apart."""

    id: int
    start: float
    end: float
    text: str
    speaker: str | None = None


class VerboseSegment(ShortSegment):
    """A span of text with everything the decoder knows of it."""

    seek: int
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class TimedWord(BaseModel):
    """A word with its times in seconds; `speaker` only where speakers are told apart."""

    word: str
    start: float
    end: float
    speaker: str | None = None


class Answer(BaseModel):
    """What every JSON transcript says of itself."""

    text: str
    id: str
    object: Literal["audio.transcription", "audio.translation"]
    created: int
    provider: str
    model: str


class JsonAnswer(Answer):
    """response_format `json`; `language` is an ISO 639-1 code."""

    language: str | None
    segments: list[ShortSegment]
    logprobs: list[LogProb] | None = None
    usage: TokenUsage | DurationUsage


class VerboseAnswer(Answer):
    """response_format `verbose_json`; `language` is an English name."""

    task: Task
    language: str
    duration: float
    words: list[TimedWord] | None = None
    segments: list[VerboseSegment] | None = None
    usage: DurationUsage


class SpeakingVoice(BaseModel):
    """A voice; `name` is for people, `sample_text` something to try it with."""

    id: str
    name: str
    model: str
    language: str
    gender: Gender
    sample_text: str


class VoiceList(BaseModel):
    """Every voice of this server, and other names for some of them."""

    voices: list[SpeakingVoice]
    aliases: dict[str, str]


class TranscriptionSession(BaseModel):
    """What a live session begins with; `audio` as in `session.update`."""

    id: str
    object: Literal["realtime.transcription_session"]
    type: Literal["transcription"]
    audio: dict[str, Any]
    include: list[str] | None
    expires_at: int


class ClientSecret(BaseModel):
    """A key that opens live sessions until `expires_at`, and nothing else."""

    value: str
    expires_at: int
    session: TranscriptionSession
