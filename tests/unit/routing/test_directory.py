"""What the server says about its models."""

from __future__ import annotations

from loquent.routing.directory import ServedModels
from loquent.routing.names import ModelNames
from tests.unit.routing.models import BASE, TINY, TURBO, names
from tests.unit.routing.places import book

INSTALLED = names(TURBO, TINY, BASE, whisper_1=BASE.id, another=BASE.id, gone="whisper-medium")


def directory(*loaded: str, installed: ModelNames = INSTALLED) -> ServedModels:
    return ServedModels(book(installed), lambda: set(loaded), default_model=BASE.id)


def test_models_are_listed_by_id_with_their_other_names() -> None:
    statuses = directory().statuses()
    assert [status.card for status in statuses] == [BASE, TURBO, TINY]
    assert [status.aliases for status in statuses] == [("another", "whisper-1"), (), ()]


def test_an_alias_that_an_installed_model_carries_as_its_id_is_no_alias() -> None:
    shadowed = ModelNames({BASE.id: BASE, TINY.id: TINY}, {TINY.id: BASE.id}, BASE.id)
    assert [status.aliases for status in directory(installed=shadowed).statuses()] == [(), ()]


def test_a_model_is_loaded_when_it_is_in_memory() -> None:
    assert [s.is_loaded for s in directory(TINY.id).statuses()] == [False, False, True]
    assert directory(TINY.id).find(TINY.id).is_loaded


def test_a_model_is_found_by_any_of_its_names() -> None:
    by_id, by_alias = directory().find(BASE.id), directory().find("whisper-1")
    assert by_id == by_alias == directory().statuses()[0]


def test_the_server_is_ready_once_the_default_model_is_in_memory() -> None:
    assert not directory().is_ready()
    assert not directory(TINY.id).is_ready()
    assert directory(BASE.id, TINY.id).is_ready()


def test_what_is_loaded_is_asked_anew_each_time() -> None:
    loaded: set[str] = set()
    living = ServedModels(book(INSTALLED), lambda: loaded, default_model=BASE.id)
    assert not living.is_ready()
    loaded.add(BASE.id)
    assert living.is_ready()
