"""What the web application is built from; builds nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from loquent.api.parts import UploadLimits
from loquent.ports import ActivityBoard, ModelDirectory, Transcriber


@dataclass(frozen=True, slots=True)
class Services:
    """What the endpoints call."""

    transcriber: Transcriber
    directory: ModelDirectory
    board: ActivityBoard


@dataclass(frozen=True, slots=True)
class ApiOptions:
    """What the operator decides.

    Attributes:
        api_key: callers must present it; None lets everybody in.
        unknown_fields: whether form fields that nothing reads are listed or refused.
        upload_directory: where recordings lie while they are worked on; None for the system's
            place for temporary files.
    """

    api_key: str | None = None
    limits: UploadLimits = field(default_factory=UploadLimits)
    unknown_fields: Literal["warn", "strict"] = "warn"
    upload_directory: Path | None = None
