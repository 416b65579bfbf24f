"""The seam behind which every place that publishes models looks the same.

It does not know which places there are, nor where a model ends up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loquent.models.entry import CatalogEntry, ModelFile
from loquent.models.events import OnBytes


class SourceError(Exception):
    """This source cannot deliver; the next one may. The text is for a person."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a source would fetch.

    Attributes:
        revision: exactly which edition, in the source's own words.
        files: never empty.
        n_download_bytes: what the progress counts up to.
        n_disk_bytes: the most that the fetch will occupy at once.
    """

    revision: str
    files: tuple[ModelFile, ...]
    n_download_bytes: int
    n_disk_bytes: int


class Source(Protocol):
    """A place that publishes models."""

    @property
    def name(self) -> str: ...

    @property
    def is_remote(self) -> bool:
        """Tell whether it is of no use offline."""
        ...

    def plan(self, entry: CatalogEntry) -> Plan:
        """Find out what there is of `entry`.

        Raises: SourceError: if there is nothing, or nobody answers.
        """
        ...

    def fetch(self, entry: CatalogEntry, plan: Plan, into: Path, on_bytes: OnBytes) -> None:
        """Put every file of `plan` into the folder `into`, at its path.

        `into` may hold what an earlier, interrupted call left there; a file at its path is whole,
        anything unfinished lives in folders whose name starts with a dot.

        Raises: SourceError.
        """
        ...
