"""Speak to a model hub through the huggingface_hub library, which also knows mirrors and tokens.

It decides nothing about models: neither which revision nor which files.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import httpx2
from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.errors import HFValidationError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented

from loquent.models.entry import HubLocation, ModelFile
from loquent.models.events import OnBytes
from loquent.models.hub import HubFile, HubSnapshot
from loquent.models.source import SourceError

_TIMEOUT_S = 10.0
"""How long a hub may be silent; the library's own default for metadata."""

_FAILURES = (httpx2.HTTPError, OSError, HFValidationError)
"""What the library raises when the hub refuses, is silent, or the library is set offline."""


class HuggingFaceHub:
    """A hub client that resumes inside a file.

    The library's own `hf_hub_download` (2.4) starts a file anew after a kill, because its partial
    files carry random names; its `http_get` continues from a given length, so we name the part.

    Args:
        endpoint: address of another hub or a mirror; None for the library's own choice.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint

    def snapshot(self, location: HubLocation) -> HubSnapshot:
        """List a repository with the checksums that the hub keeps for its large files."""
        try:
            model = HfApi(endpoint=self._endpoint).model_info(
                location.repo,
                revision=location.revision,
                timeout=_TIMEOUT_S,
                files_metadata=True,
            )
        except _FAILURES as exc:
            raise SourceError(_reason(exc)) from exc
        files = tuple(
            HubFile(file.rfilename, file.size, file.lfs.sha256 if file.lfs else None)
            for file in model.siblings or ()
            if file.size is not None
        )
        if model.sha is None:
            raise SourceError(f"does not say which commit of {location.repo} is meant")
        return HubSnapshot(model.sha, files)

    def download(
        self, location: HubLocation, file: ModelFile, part: Path, on_bytes: OnBytes
    ) -> None:
        """Fetch the rest of one file over HTTP, following the hub to where it keeps the bytes."""
        with part.open("ab") as stream:
            try:
                http_get(
                    self._url(location, file),
                    stream,
                    resume_size=stream.tell(),
                    headers=build_hf_headers(),
                    expected_size=file.n_bytes,
                    displayed_filename=file.path,
                    # The library only calls it, with keywords, as it would call a tqdm class.
                    tqdm_class=cast("Any", partial(_ByteCount, on_bytes)),
                )
            except _FAILURES as exc:
                raise SourceError(_reason(exc)) from exc

    def _url(self, location: HubLocation, file: ModelFile) -> str:
        path = f"{location.folder}/{file.path}" if location.folder else file.path
        return hf_hub_url(location.repo, path, revision=location.revision, endpoint=self._endpoint)


class _ByteCount:
    """The part of a tqdm bar that the library uses, passing each step on and drawing nothing."""

    def __init__(self, on_bytes: OnBytes, *, initial: int = 0, **_: object) -> None:
        self._on_bytes = on_bytes
        self._n_bytes = initial

    def update(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        self._on_bytes(self._n_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


def _reason(error: Exception) -> str:
    first_line = next(iter(str(error).splitlines()), "") or type(error).__name__
    return f"does not deliver: {first_line[:200]}"
