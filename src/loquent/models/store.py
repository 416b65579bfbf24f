"""Keep models on disk: find them intact, pull them from the first source that has them, drop them.

It never runs a model, and it does not know how any source works.

    <root>/<id, with -- for />/     one installed model, with its manifest.json
    <root>/.partial/<same>/         what is being fetched, or was when the power went
    <root>/.locks/<same>.lock       held by the one process that pulls or removes that model
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from loquent.domain.errors import InvalidRequestError, ModelLoadError, ModelNotFoundError
from loquent.domain.model import ModelCard
from loquent.domain.stock import Phase, PullEvent
from loquent.models.catalog import Catalog
from loquent.models.disk import free_bytes, sync
from loquent.models.entry import MANIFEST_NAME, CatalogEntry, folder_name
from loquent.models.events import OnEvent, ignore
from loquent.models.intake import check_space, verify
from loquent.models.manifest import Manifest
from loquent.models.source import Source, SourceError


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model on this disk; `source` says where it came from."""

    id: str
    card: ModelCard
    engine: str
    path: Path
    n_bytes: int
    source: str


class ModelStore:
    """The models in one folder. Safe to use from several processes at once.

    Args:
        root: created on the first pull; may be read-only if nothing is pulled.
        sources: asked in this order.
        is_offline: ask only the sources that need no network.
        free_bytes_at: how much may still be written to the disk of a folder.
    """

    def __init__(
        self,
        root: Path,
        catalog: Catalog,
        *,
        sources: Sequence[Source],
        is_offline: bool = False,
        free_bytes_at: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._root = root
        self._catalog = catalog
        self._sources = tuple(sources)
        self._is_offline = is_offline
        self._free_bytes_at = free_bytes_at
        self._seen: dict[Path, tuple[tuple[int, int], InstalledModel | None]] = {}

    def known(self) -> tuple[CatalogEntry, ...]:
        """Return every model that can be pulled by name, sorted by id."""
        return tuple(sorted(self._catalog.entries.values(), key=lambda entry: entry.id))

    def defaults(self) -> tuple[str, ...]:
        """Return the ids that a fresh install starts with."""
        return self._catalog.defaults

    def id_of(self, name: str) -> str:
        """Return the id that a pull of `name` installs.

        Raises: ModelNotFoundError: if nothing can have that name.
        """
        return self._catalog.find(name).id

    def installed(self) -> tuple[InstalledModel, ...]:
        """Return the models on this disk, sorted by id, without looking at their content."""
        built_in = [self._built_in(e) for e in self._catalog.entries.values() if e.is_built_in]
        return tuple(sorted([*built_in, *self._on_disk()], key=lambda model: model.id))

    def locate(self, model_id: str) -> Path:
        """Return the folder of an installed model, every file of it as it was verified.

        Files that look touched since are read again; the others are not, so this is quick.

        Raises:
            ModelNotFoundError: if no such model is known, or it is not installed.
            ModelLoadError: if it is damaged.
        """
        entry = self._catalog.find(model_id)
        if entry.is_built_in:
            return self._root
        folder = self._folder(entry)
        manifest = Manifest.read(folder)
        if manifest is None:
            raise _damaged(entry) if folder.exists() else _not_installed(entry)
        checked = manifest.check(folder, is_thorough=False)
        if checked is None:
            raise _damaged(entry)
        if checked != manifest:
            with contextlib.suppress(OSError):  # a read-only store is only slower
                checked.write(folder)
        return folder

    def pull(self, name: str, on_event: OnEvent = ignore) -> InstalledModel:
        """Install a model, or mend it; return at once if it is there, intact and current.

        Args:
            name: an id of the catalog, or "owner/name" or "owner/name@revision" on the hub.
            on_event: told of every step, in this thread.

        Raises:
            ModelNotFoundError: if nothing can have that name.
            ModelLoadError: if no source has it (code "model_pull_failed"), or the disk is too
                full ("insufficient_storage").
            OSError: if the store's folder cannot be written.
        """
        entry = self._catalog.find(name)
        if entry.is_built_in:
            return self._built_in(entry)
        with self._lock(entry, on_event):
            on_event(PullEvent(entry.id, Phase.RESOLVING))
            model = self._intact(entry, on_event) or self._obtain(entry, on_event)
        on_event(PullEvent(entry.id, Phase.DONE, model.source, model.n_bytes, model.n_bytes))
        return model

    def remove(self, model_id: str) -> None:
        """Delete a model, and whatever is left of an unfinished pull of it.

        Raises: ModelNotFoundError: if there was neither; InvalidRequestError: if it is built in.
        """
        entry = self._catalog.find(model_id)
        if entry.is_built_in:
            message = f"Model {entry.id!r} is a part of Loquent and cannot be removed."
            raise InvalidRequestError(message, param="model")
        folder, partial = self._folder(entry), self._partial(entry)
        if not folder.exists() and not partial.exists():
            raise _not_installed(entry)
        with self._lock(entry, ignore):
            self._set_aside(entry)
            shutil.rmtree(partial, ignore_errors=True)

    def _on_disk(self) -> list[InstalledModel]:
        if not self._root.is_dir():
            return []
        folders = [path for path in self._root.iterdir() if not path.name.startswith(".")]
        found = (self._in_folder(folder) for folder in folders)
        return [model for model in found if model is not None]

    def _in_folder(self, folder: Path) -> InstalledModel | None:
        """Return the model in a folder; what was not written since it was read is not read again.

        Every request asks what is installed.
        """
        try:
            status = (folder / MANIFEST_NAME).stat()
        except OSError:
            return None
        stamp = (status.st_ino, status.st_mtime_ns)
        known = self._seen.get(folder)
        if known is None or known[0] != stamp:
            manifest = Manifest.read(folder)
            known = (stamp, _installed(folder, manifest) if manifest else None)
            self._seen[folder] = known
        return known[1]

    def _built_in(self, entry: CatalogEntry) -> InstalledModel:
        return InstalledModel(entry.id, entry.model, entry.engine, self._root, 0, "built in")

    def _folder(self, entry: CatalogEntry) -> Path:
        return self._root / folder_name(entry.id)

    def _partial(self, entry: CatalogEntry) -> Path:
        return self._root / ".partial" / folder_name(entry.id)

    @contextlib.contextmanager
    def _lock(self, entry: CatalogEntry, on_event: OnEvent) -> Iterator[None]:
        path = self._root / ".locks" / f"{folder_name(entry.id)}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            message = "Another process is busy with this model; waiting for it."
            on_event(PullEvent(entry.id, Phase.RESOLVING, message=message))
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _intact(self, entry: CatalogEntry, on_event: OnEvent) -> InstalledModel | None:
        folder = self._folder(entry)
        manifest = Manifest.read(folder)
        if manifest is None or not manifest.satisfies(entry):
            return None

        def on_file(path: str) -> None:
            on_event(PullEvent(entry.id, Phase.VERIFYING, message=f"Reading {path} again."))

        checked = manifest.check(folder, is_thorough=True, on_file=on_file)
        if checked is None:
            return None
        if checked != manifest:
            checked.write(folder)
        return _installed(folder, checked)

    def _obtain(self, entry: CatalogEntry, on_event: OnEvent) -> InstalledModel:
        failures: list[str] = []
        for source in self._sources:
            if self._is_offline and source.is_remote:
                failures.append(f"{source.name}: not asked, because offline mode is on")
                continue
            try:
                return self._install_from(source, entry, on_event)
            except SourceError as exc:
                failures.append(f"{source.name}: {exc}")
                on_event(PullEvent(entry.id, Phase.RESOLVING, source.name, message=str(exc)))
        raise ModelLoadError(
            f"Model {entry.id!r} could not be pulled. " + "; ".join(failures) + ".",
            param="model",
            code="model_pull_failed",
        )

    def _install_from(
        self, source: Source, entry: CatalogEntry, on_event: OnEvent
    ) -> InstalledModel:
        on_event(PullEvent(entry.id, Phase.RESOLVING, source.name))
        plan = source.plan(entry)
        # Editions never mix: each source and revision has a folder of its own.
        edition = hashlib.sha256(f"{source.name} {plan.revision}".encode()).hexdigest()[:16]
        work = self._partial(entry) / edition
        work.mkdir(parents=True, exist_ok=True)
        check_space(entry, plan, work, self._free_bytes_at(work))

        def on_bytes(n_bytes: int) -> None:
            total, file = plan.n_download_bytes, plan.file_at(n_bytes)
            step = PullEvent(entry.id, Phase.DOWNLOADING, source.name, n_bytes, total, file=file)
            on_event(step)

        on_bytes(0)
        source.fetch(entry, plan, work, on_bytes)
        manifest = verify(entry, source.name, plan, work, on_event)
        on_event(PullEvent(entry.id, Phase.INSTALLING, source.name))
        self._set_aside(entry)
        work.rename(self._folder(entry))
        sync(self._root)
        shutil.rmtree(self._partial(entry), ignore_errors=True)
        return _installed(self._folder(entry), manifest)

    def _set_aside(self, entry: CatalogEntry) -> None:
        """Make the installed folder vanish in one step, so that nobody finds half of it."""
        folder = self._folder(entry)
        if folder.exists():
            self._partial(entry).mkdir(parents=True, exist_ok=True)
            folder.rename(self._partial(entry) / f"old-{uuid4().hex}")


def _installed(folder: Path, manifest: Manifest) -> InstalledModel:
    card = manifest.card
    return InstalledModel(card.id, card, manifest.engine, folder, manifest.n_bytes, manifest.source)


def _not_installed(entry: CatalogEntry) -> ModelNotFoundError:
    message = f"Model {entry.id!r} is not installed; `loquent models pull {entry.id}` gets it."
    return ModelNotFoundError(message, param="model")


def _damaged(entry: CatalogEntry) -> ModelLoadError:
    message = f"Model {entry.id!r} is damaged; `loquent models pull {entry.id}` mends it."
    return ModelLoadError(message, param="model")
