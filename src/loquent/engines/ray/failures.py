"""Words for what goes wrong between a gateway and a cluster; knows neither."""

from __future__ import annotations

import re
from typing import Final

from loquent.domain.errors import (
    EngineError,
    LoquentError,
    ModelLoadError,
    ModelNotReadyError,
    OverloadedError,
    WorkerCrashedError,
)
from loquent.engines.host.messages import UNEXPECTED

GONE: Final = "gone"
"""Code of a failure: the cluster does not run the model (any more)."""

REFUSED: Final = "refused"
"""Code of a failure: the cluster wants another token."""

_ERRORS: Final = {
    str(error.code): error
    for error in (
        EngineError,
        ModelLoadError,
        ModelNotReadyError,
        OverloadedError,
        WorkerCrashedError,
    )
}
_OWN_WORDS = re.compile(r"\b(?:StoppedWhileLoadingError|ModelLoadError): (.+)")


class ForgottenError(WorkerCrashedError):
    """The cluster answers, and does not run the model any more."""


def to_error(code: str, message: str) -> LoquentError:
    """Return what is raised where a copy or the bridge failed with `code`."""
    if code == GONE:
        return ForgottenError("The cluster let go of the model meanwhile. Try again.")
    if code == str(WorkerCrashedError.code):
        return WorkerCrashedError("A copy of the model was lost at its work. Try again.")
    if code == UNEXPECTED:
        return EngineError("The model failed at its work.")
    return _ERRORS.get(code, EngineError)(message)


def load_failure(told: str) -> str:
    """Return why a model does not load, out of what Serve tells of it."""
    if own := _OWN_WORDS.findall(told):
        return str(own[-1]).strip()
    if "No module named 'loquent" in told:
        return "Loquent is not installed on a node of the cluster, or not in this version."
    return "The cluster could not start the model; its own log says why (loquent ray status)."


def name_of(error: BaseException) -> str:
    """Return the type of what a copy raised, without its words."""
    return type(error.__cause__ or error).__name__
