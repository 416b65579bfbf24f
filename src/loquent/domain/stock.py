"""Models on this machine, those that can be had, and what fetching one tells; fetches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from loquent.domain.model import ModelCard


@dataclass(frozen=True, slots=True)
class StockedModel:
    """A model that is installed, or that can be pulled by its id.

    Attributes:
        n_bytes: on the disk where it is installed, else of what it will take; 0 where unknown.
        source: who it came from, "" where it is not installed.
        is_built_in: there is nothing to fetch and nothing to remove.
        needed_by: settings that name it, so that it may not be removed.
    """

    card: ModelCard
    n_bytes: int
    is_installed: bool
    source: str = ""
    is_built_in: bool = False
    needed_by: tuple[str, ...] = ()


class Phase(StrEnum):
    """Where a pull stands; a source that fails sends it back to resolving."""

    RESOLVING = "resolving"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    INSTALLING = "installing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PullEvent:
    """One step of one pull.

    Attributes:
        source: who is being asked, or None before and after that.
        bytes_total: None where it is not known yet.
        message: one sentence for a person, often "".
        file: what is being downloaded or verified, None where that is no single file.
    """

    model_id: str
    phase: Phase
    source: str | None = None
    bytes_done: int = 0
    bytes_total: int | None = None
    message: str = ""
    file: str | None = None
