"""Which model answers to a name, and what is said when none does."""

from __future__ import annotations

import pytest

from loquent.domain.errors import ModelNotFoundError, UnsupportedOptionError
from loquent.domain.transcript import Task
from loquent.routing.names import CAPABILITY_OF_TASK, ModelNames
from tests.unit.routing.models import BASE, TINY, TURBO, names

INSTALLED = names(BASE, TINY, TURBO, whisper_1=BASE.id, gone="whisper-medium")


def test_a_model_answers_to_its_id_and_to_its_aliases() -> None:
    assert INSTALLED.find(BASE.id) is BASE
    assert INSTALLED.find("whisper-1") is BASE


def test_an_installed_id_wins_over_an_alias_of_that_name() -> None:
    cards = {BASE.id: BASE, TINY.id: TINY}
    shadowed = ModelNames(cards, aliases={TINY.id: BASE.id}, translation_model=BASE.id)
    assert shadowed.find(TINY.id) is TINY


@pytest.mark.parametrize(
    ("name", "meant"),
    [("whisper-bas", BASE.id), ("whisper-tiny-en", TINY.id), ("whisper_1", "whisper-1")],
)
def test_a_misspelt_name_is_answered_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(ModelNotFoundError, match=meant) as raised:
        INSTALLED.find(name)
    assert raised.value.param == "model"
    assert name in raised.value.message


def test_a_name_like_no_other_is_answered_with_what_is_installed() -> None:
    with pytest.raises(ModelNotFoundError) as raised:
        INSTALLED.find("qqqqqqqq")
    assert all(model_id in raised.value.message for model_id in INSTALLED.cards)


def test_an_alias_of_a_model_that_is_not_installed_says_how_to_install_it() -> None:
    with pytest.raises(ModelNotFoundError, match="loquent models pull whisper-medium"):
        INSTALLED.find("gone")


def test_where_nothing_is_installed_that_is_said() -> None:
    with pytest.raises(ModelNotFoundError, match="no model is installed"):
        names().find("whisper-1")


def test_every_task_has_a_capability() -> None:
    assert set(CAPABILITY_OF_TASK) == set(Task)


@pytest.mark.parametrize("name", [BASE.id, "whisper-1"])
@pytest.mark.parametrize("task", list(Task))
def test_a_model_does_what_it_can(name: str, task: Task) -> None:
    assert INSTALLED.for_task(name, task) is BASE


@pytest.mark.parametrize("name", [TINY.id, TURBO.id])
def test_the_translation_model_stands_in_for_those_that_cannot_translate(name: str) -> None:
    assert INSTALLED.for_task(name, Task.TRANSLATE) is BASE
    assert INSTALLED.for_task(name, Task.TRANSCRIBE).id == name


def test_without_a_translation_model_the_request_is_refused() -> None:
    with pytest.raises(UnsupportedOptionError, match="no installed model does") as raised:
        names(TINY).for_task(TINY.id, Task.TRANSLATE)
    assert raised.value.param == "model"


def test_a_refusal_names_the_models_that_can() -> None:
    elsewhere = ModelNames({BASE.id: BASE, TINY.id: TINY}, {}, translation_model="missing")
    with pytest.raises(UnsupportedOptionError, match=f"these do: {BASE.id}"):
        elsewhere.for_task(TINY.id, Task.TRANSLATE)


def test_an_unknown_name_stays_unknown_for_every_task() -> None:
    with pytest.raises(ModelNotFoundError):
        INSTALLED.for_task("nobody", Task.TRANSLATE)
