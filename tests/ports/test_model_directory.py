"""What every `ModelDirectory` promises, asked of each one there is."""

from __future__ import annotations

import pytest

from loquent.domain.errors import ModelNotFoundError
from loquent.ports import ModelDirectory
from loquent.routing.directory import ServedModels
from tests.fakes.fake_directory import FakeDirectory
from tests.unit.routing.models import BASE, TINY, names
from tests.unit.routing.places import book


def _local() -> ServedModels:
    installed = names(TINY, BASE, whisper_1=BASE.id)
    return ServedModels(book(installed), lambda: {BASE.id}, default_model=BASE.id)


@pytest.fixture(params=[FakeDirectory, _local])
def directory(request: pytest.FixtureRequest) -> ModelDirectory:
    made: ModelDirectory = request.param()
    return made


def test_models_are_sorted_by_id_and_each_is_listed_once(directory: ModelDirectory) -> None:
    ids = [status.card.id for status in directory.statuses()]
    assert ids
    assert ids == sorted(set(ids))


def test_no_alias_is_the_name_of_another_model(directory: ModelDirectory) -> None:
    statuses = directory.statuses()
    aliases = [alias for status in statuses for alias in status.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & {status.card.id for status in statuses}


def test_a_model_is_found_by_its_id_and_by_each_alias(directory: ModelDirectory) -> None:
    for status in directory.statuses():
        for name in (status.card.id, *status.aliases):
            assert directory.find(name) == status


@pytest.mark.parametrize("name", ["", "nobody", "WHISPER-1"])
def test_a_name_that_none_answers_to_is_told_with_the_field_at_fault(
    directory: ModelDirectory, name: str
) -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        directory.find(name)
    assert raised.value.param == "model"
    assert f"'{name}'" in raised.value.message


def test_a_server_whose_default_model_is_loaded_is_ready(directory: ModelDirectory) -> None:
    assert directory.is_ready()
