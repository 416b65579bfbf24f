"""Brings together the models on the disk and those in memory, for who administers them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from loquent.domain.errors import ConflictError, InvalidRequestError, ModelNotFoundError
from loquent.domain.stock import PullEvent, StockedModel
from loquent.models.entry import CatalogEntry
from loquent.models.store import InstalledModel, ModelStore
from loquent.routing.names import ModelNames
from loquent.settings import Settings
from loquent.wiring.pulls import Pulls


def named_by_settings(settings: Settings) -> Mapping[str, tuple[str, ...]]:
    """Return the names of models that each setting needs to be there."""
    return {
        "default_model": (settings.default_model,),
        "preload": tuple(settings.preload),
        "translation_model": (settings.translation_model,),
        "diarization_model": (settings.diarization_model,),
    }


class LocalStock:
    """A `ModelStock` over the model store and what is in memory.

    Args:
        unload: takes a model out of memory if it is there; raises ConflictError if it is in use.
        needs: names of models, by the setting that needs them.
        preload: ids of models that stay in memory.
    """

    def __init__(
        self,
        store: ModelStore,
        names: Callable[[], ModelNames],
        unload: Callable[[str], Awaitable[None]],
        *,
        needs: Mapping[str, tuple[str, ...]],
        preload: AbstractSet[str],
    ) -> None:
        self._store = store
        self._names = names
        self._unload = unload
        self._needs = needs
        self._preload = preload
        self._pulls = Pulls(store)

    async def listed(self) -> Sequence[StockedModel]:
        """Return every model that can serve or could, sorted by id."""
        return await asyncio.to_thread(self._listed)

    def pull(self, name: str) -> AsyncGenerator[PullEvent]:
        """Install a model, and tell how it goes."""
        return self._pulls.pull(name)

    async def remove(self, model_id: str) -> None:
        """Delete an installed model, out of memory first."""
        names = self._names()
        target = names.aliases.get(model_id)
        if target is not None and model_id not in names.cards:
            raise InvalidRequestError(
                f"'{model_id}' is another name of '{target}'. To remove that, ask for it by its"
                " id.",
                param="model",
            )
        self._check_removable(model_id, names)
        if model_id in names.cards:
            await self._unload(model_id)
        await asyncio.to_thread(self._store.remove, model_id)

    async def unload(self, name: str) -> str:
        """Free the memory of a model; return its id."""
        model_id = self._names().find(name).id
        if model_id in self._preload:
            raise InvalidRequestError(
                f"The model '{model_id}' stays in memory because the setting `default_model` or"
                " `preload` names it.",
                param="model",
            )
        await self._unload(model_id)
        return model_id

    def _check_removable(self, model_id: str, names: ModelNames) -> None:
        """Raises: ModelNotFoundError, InvalidRequestError, ConflictError."""
        if self._pulls.are_running(model_id):
            raise ConflictError(f"The model '{model_id}' is being pulled. Stop that first.")
        if model_id not in {model.id for model in self._store.installed()}:
            raise ModelNotFoundError(f"The model '{model_id}' is not installed.", param="model")
        if settings := self._needed_by(model_id, names):
            listed = " and ".join(f"`{setting}`" for setting in settings)
            raise InvalidRequestError(
                f"The model '{model_id}' cannot be removed while it is named by {listed} in the"
                " settings of this server.",
                param="model",
            )

    def _needed_by(self, model_id: str, names: ModelNames) -> tuple[str, ...]:
        return tuple(
            setting
            for setting, wanted in self._needs.items()
            if any(names.aliases.get(name, name) == model_id for name in wanted)
        )

    def _listed(self) -> list[StockedModel]:
        names = self._names()
        known = {entry.id: entry for entry in self._store.known()}
        installed = {model.id: model for model in self._store.installed()}
        models = [
            self._stocked(known.get(model_id), installed.get(model_id), names)
            for model_id in sorted(known.keys() | installed.keys())
        ]
        return [model for model in models if model.card.capabilities]

    def _stocked(
        self, entry: CatalogEntry | None, model: InstalledModel | None, names: ModelNames
    ) -> StockedModel:
        if model is None:
            assert entry is not None, "it is known or installed"
            return StockedModel(entry.card(), entry.n_bytes, is_installed=False)
        return StockedModel(
            model.card,
            model.n_bytes,
            is_installed=True,
            source=model.source,
            is_built_in=entry is not None and entry.is_built_in,
            needed_by=self._needed_by(model.id, names),
        )
