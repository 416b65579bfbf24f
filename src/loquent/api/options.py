"""What the web application is built from; builds nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from loquent.accounting.keyring import KeyRing
from loquent.accounting.registry import Registry
from loquent.accounting.sealing import AnswerSealer
from loquent.api.live.issued_secrets import IssuedSecrets
from loquent.api.parts import UploadLimits
from loquent.ports import (
    ActivityBoard,
    AnswerStore,
    DeploymentBoard,
    Diarizer,
    Ledger,
    LiveBoard,
    LiveTranscriber,
    ModelDirectory,
    ModelStock,
    RateLimiter,
    RoutedTranscriber,
    Speaker,
    Treasury,
    VoiceDirectory,
)
from loquent.routing.estimates import Estimates
from loquent.routing.planner import Planner


@dataclass(frozen=True, slots=True)
class Services:
    """What the endpoints call.

    Attributes:
        planner: chooses who serves, and says why.
        estimates: tell what requests may take.
        stock: models that are installed, and how to change that.
        secrets: keys for live sessions that were given out.
        ledger: where usage is written down; None for nowhere, and then there is none of these:
        keys: those that open this server, beside the one in the options.
        registry: changes keys and whom they belong to.
        treasury: keeps money for requests that run.
        limiter: counts what callers take.
        answers: keeps answers for those who ask twice.
        sealer: seals them; there is one wherever answers are kept.
        deployments: tells what they do; None where none are run.
    """

    transcriber: RoutedTranscriber
    diarizer: Diarizer
    live: LiveTranscriber
    speaker: Speaker
    directory: ModelDirectory
    voices: VoiceDirectory
    board: ActivityBoard
    live_board: LiveBoard
    planner: Planner
    estimates: Estimates
    stock: ModelStock
    secrets: IssuedSecrets = field(default_factory=IssuedSecrets)
    ledger: Ledger | None = None
    keys: KeyRing | None = None
    registry: Registry | None = None
    treasury: Treasury | None = None
    limiter: RateLimiter | None = None
    answers: AnswerStore | None = None
    sealer: AnswerSealer | None = None
    deployments: DeploymentBoard | None = None


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """What the operator decides.

    Attributes:
        api_key: callers must present it; None lets everybody in.
        default_model: who transcribes where a live caller names no model.
        diarization_model: who tells speakers apart where a caller of that alone names no model.
        extensions: names of request fields that endpoints have of their own.
        currency: of all prices.
        open_lists: whether the lists of models and voices under /audio need no key.
        console: whether the web console is served at `/`.
        max_input_characters: longest text to be spoken; 0 for no limit.
        unknown_fields: whether fields that nothing reads are listed or refused.
        live_idle_s: how long a live socket may go without any message; 0 for ever.
        upload_directory: where recordings lie while they are worked on; None for the system's
            place for temporary files.
        public_url: where this server is asked, such as "https://speech.example.org"; empty where
            nobody says so. Never what a request says of that.
        domain: deployments have the host names `<id>.deployments.<domain>`.
    """

    api_key: str | None = None
    limits: UploadLimits = field(default_factory=UploadLimits)
    default_model: str = "whisper-1"
    diarization_model: str = "pyannote-campplus"
    extensions: frozenset[str] = frozenset()
    currency: str = "USD"
    open_lists: bool = True
    console: bool = True
    max_input_characters: int = 4096
    unknown_fields: Literal["warn", "strict"] = "warn"
    live_idle_s: float = 60.0
    upload_directory: Path | None = None
    public_url: str = ""
    domain: str = "localhost"
