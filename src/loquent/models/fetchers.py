"""Fetch one archive with the client of its registry, so that its mirrors and logins apply.

Nothing of an archive is run: pip is held to wheels, since even the metadata of a source
distribution is made by running its code, and npm is told to ignore scripts. What is in an archive
is not looked at here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from loquent.models.disk import folder_bytes
from loquent.models.entry import Archive
from loquent.models.events import OnBytes
from loquent.models.source import SourceError

Fetch: TypeAlias = Callable[[Archive, Path, OnBytes], Path]
"""Put the archive somewhere under the given empty folder, telling how much has arrived, and return
where. Raises: SourceError."""

_POLL_S = 0.2
# A client may hold an archive up to three times: in its cache, unfinished, and finished.
_MAX_COPIES = 3
_SLACK_BYTES = 16 * 1024**2

# pip writes an unfinished download to Python's folder for temporary files and has no option to
# move it; set before pip starts, it is where we can watch it grow and clean up after a kill.
_PIP = (
    "import runpy, sys, tempfile; "
    "tempfile.tempdir = sys.argv.pop(1); "
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)


@dataclass(frozen=True, slots=True)
class PipFetcher:
    """Fetch a wheel with the pip of the interpreter `python`, in a process of its own."""

    python: str

    def __call__(self, archive: Archive, into: Path, on_bytes: OnBytes) -> Path:
        """Have pip itself refuse any file but the one with the right checksum."""
        wanted, unfinished, finished = into / "wanted.txt", into / "unfinished", into / "finished"
        unfinished.mkdir()
        pinned = f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n"
        wanted.write_text(pinned, encoding="utf-8")
        command = [self.python, "-P", "-c", _PIP, str(unfinished), "download", "--no-deps"]
        command += ["--only-binary=:all:", "--require-hashes", "--requirement", str(wanted)]
        command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet"]
        command += ["--progress-bar=off", "--dest", str(finished)]
        if archive.platform is not None:
            command += ["--platform", archive.platform]
        if archive.python is not None:
            implementation, version = archive.python[:2], archive.python[2:]
            command += ["--implementation", implementation, "--python-version", version]
            command += ["--abi", archive.python]
        run_watched(command, into, archive, on_bytes)
        return _only_file(finished, "*.whl")


@dataclass(frozen=True, slots=True)
class NpmFetcher:
    """Fetch a tarball with npm."""

    npm: str = "npm"

    def __call__(self, archive: Archive, into: Path, on_bytes: OnBytes) -> Path:
        """Keep npm's cache in `into`, where it can be watched."""
        finished = into / "finished"
        finished.mkdir()
        command = [self.npm, "pack", f"{archive.package}@{archive.version}", "--ignore-scripts"]
        command += ["--pack-destination", str(finished), "--cache", str(into / "cache")]
        command += ["--loglevel=error", "--no-update-notifier"]
        run_watched(command, into, archive, on_bytes)
        return _only_file(finished, "*.tgz")


def run_watched(command: Sequence[str], folder: Path, archive: Archive, on_bytes: OnBytes) -> None:
    """Run `command` inside `folder` and report the folder's growth until it ends.

    No thread is left behind, and the process never outlives the call, however the call ends.

    Raises: SourceError: if the process fails, cannot start, or writes far more than the archive.
    """
    log = folder / "log.txt"
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - no shell, and checked names are no options
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        except OSError as exc:
            raise SourceError(f"need {Path(command[0]).name}, which does not start here") from exc
        try:
            code = _wait(process, folder, archive, on_bytes)
        finally:
            process.kill()
            process.wait()
    if code != 0:
        raise SourceError(f"cannot get {archive.package} {archive.version}: {_complaint(log)}")


def _wait(
    process: subprocess.Popen[bytes], folder: Path, archive: Archive, on_bytes: OnBytes
) -> int:
    max_bytes = _MAX_COPIES * archive.n_bytes + _SLACK_BYTES
    while True:
        try:
            return process.wait(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            n_bytes = folder_bytes(folder)
            if n_bytes > max_bytes:
                raise SourceError(f"{archive.package} is larger than announced") from None
            on_bytes(n_bytes)


def _only_file(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise SourceError(f"sent {len(found)} archives where one was asked for")
    return found[0]


def _complaint(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    complaints = (line for line in lines if "error" in line.lower())
    return next(complaints, "it gave no reason")[:200].strip()
