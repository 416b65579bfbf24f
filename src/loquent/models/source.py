"""The seam behind which every place that publishes models looks the same.

It does not know which places there are, nor where a model ends up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loquent.models.entry import CatalogEntry, ModelFile, total_bytes
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

    def file_at(self, n_bytes: int) -> str | None:
        """Return the file that is on its way after so much of the download.

        None where what is downloaded are not the files themselves, such as archives.
        """
        if self.n_download_bytes != total_bytes(self.files):
            return None
        n_left = n_bytes
        for file in self.files:
            if n_left < file.n_bytes:
                return file.path
            n_left -= file.n_bytes
        return self.files[-1].path


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
