"""What is written down beside an installed model: what it is, and what was verified when.

It judges files by what is written and repairs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from loquent.domain.model import Capability, Gender, Knob, ModelCard, Voice
from loquent.models.disk import sha256_of, write_whole
from loquent.models.entry import MANIFEST_NAME, CatalogEntry, ModelFile, check_sha256

_FORMAT = 1
_MAX_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file as it was when its checksum was last computed, and found right."""

    path: str
    n_bytes: int
    sha256: str
    mtime_ns: int

    def looks_untouched(self, folder: Path) -> bool:
        """Tell, without reading it, whether the file is as it was."""
        path = folder / self.path
        if not path.is_file():
            return False
        stat = path.stat()
        return (stat.st_size, stat.st_mtime_ns) == (self.n_bytes, self.mtime_ns)

    def reread(self, folder: Path) -> InstalledFile | None:
        """Compute the checksum again; return what to remember, or None if the file is damaged."""
        path = folder / self.path
        if not path.is_file() or path.stat().st_size != self.n_bytes:
            return None
        mtime_ns = path.stat().st_mtime_ns
        return replace(self, mtime_ns=mtime_ns) if sha256_of(path) == self.sha256 else None


@dataclass(frozen=True, slots=True)
class Manifest:
    """An installed model; `source` and `revision` say where exactly it came from."""

    card: ModelCard
    engine: str
    source: str
    revision: str
    files: tuple[InstalledFile, ...]

    @property
    def n_bytes(self) -> int:
        return sum(file.n_bytes for file in self.files)

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """Return what is written in `folder`, or None if nothing legible is."""
        try:
            return _from_json(json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """Write it into `folder`, all or nothing. Raises: OSError."""
        text = json.dumps(_to_json(self), indent=2, ensure_ascii=False) + "\n"
        write_whole(folder / MANIFEST_NAME, [text.encode()], _MAX_BYTES)

    def check(
        self, folder: Path, *, is_thorough: bool, on_file: Callable[[str], None] | None = None
    ) -> Manifest | None:
        """Compare the files in `folder` with what is written.

        Args:
            is_thorough: compute every checksum, not only those of files that look touched.
            on_file: told the path of every file whose checksum is computed.
        Returns: the manifest to remember, equal to this one if nothing changed; None if damaged.
        """
        files: list[InstalledFile] = []
        for file in self.files:
            checked: InstalledFile | None = file
            if is_thorough or not file.looks_untouched(folder):
                if on_file is not None:
                    on_file(file.path)
                checked = file.reread(folder)
            if checked is None:
                return None
            files.append(checked)
        return replace(self, files=tuple(files))

    def satisfies(self, entry: CatalogEntry) -> bool:
        """Tell whether this is the edition that `entry` asks for.

        A branch never satisfies: it may have moved, so who names one gets its newest commit.
        """
        if entry.files:
            has = {file.path: file for file in self.files}
            return has.keys() == {file.path for file in entry.files} and all(
                has[file.path].n_bytes == file.n_bytes
                and file.sha256 in (None, has[file.path].sha256)
                for file in entry.files
            )
        revision = entry.hub.revision if entry.hub else None
        return revision is None or revision == self.revision


def _to_json(manifest: Manifest) -> dict[str, Any]:
    card = asdict(manifest.card) | {"capabilities": sorted(manifest.card.capabilities)}
    files = [asdict(file) for file in manifest.files]
    return {
        "format": _FORMAT,
        "id": manifest.card.id,
        "engine": manifest.engine,
        "source": manifest.source,
        "revision": manifest.revision,
        "card": card,
        "files": files,
    }


def _from_json(row: dict[str, Any]) -> Manifest:
    if row["format"] != _FORMAT:
        raise ValueError(f"manifest format {row['format']!r} is not known")
    card = row["card"] | {
        "capabilities": frozenset(Capability(name) for name in row["card"]["capabilities"]),
        "languages": tuple(row["card"]["languages"]),
        "voices": tuple(
            Voice(voice["id"], voice["language"], Gender(voice["gender"]))
            for voice in row["card"].get("voices", ())
        ),
        "knobs": tuple(Knob(**knob) for knob in row["card"].get("knobs", ())),
    }
    files = tuple(InstalledFile(**file) for file in row["files"])
    for file in files:
        ModelFile(file.path, file.n_bytes, file.sha256)  # it refuses a path that leaves the folder
        check_sha256(file.sha256)
    return Manifest(ModelCard(**card), row["engine"], row["source"], row["revision"], files)
