"""What goes wrong in a cluster becomes an error that callers may be told."""

import pytest

from loquent.domain.errors import EngineError, LoquentError, ModelLoadError, WorkerCrashedError
from loquent.engines.host.messages import UNEXPECTED
from loquent.engines.ray.failures import GONE, ForgottenError, load_failure, to_error


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("model_load_failed", ModelLoadError),
        ("worker_crashed", WorkerCrashedError),
        (GONE, ForgottenError),
        (UNEXPECTED, EngineError),
        ("engine_error", EngineError),
        ("nonsense", EngineError),
    ],
)
def test_a_code_becomes_the_error_that_it_stands_for(code: str, error: type[LoquentError]) -> None:
    assert type(to_error(code, "words")) is error


def test_names_of_types_inside_a_cluster_are_not_told_to_callers() -> None:
    for code in (UNEXPECTED, "worker_crashed"):
        assert "ActorDiedError" not in to_error(code, "ActorDiedError").message


def test_the_own_words_of_a_model_that_does_not_load_are_found_in_a_traceback() -> None:
    told = (
        "Deployment failed: Traceback (most recent call last):\n  File ...\n"
        "loquent.domain.errors.ModelLoadError: The weights are damaged.\n"
    )
    assert load_failure(told) == "The weights are damaged."


def test_a_node_without_loquent_is_named_as_that() -> None:
    assert "not installed" in load_failure("ModuleNotFoundError: No module named 'loquent'")


def test_what_nobody_foresaw_points_to_the_log() -> None:
    assert "log" in load_failure("segmentation fault")
