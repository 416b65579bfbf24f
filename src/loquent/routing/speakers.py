"""Send each question of who speaks to the deployment that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from loquent.domain.audio import AudioSource
from loquent.domain.errors import ModelNotFoundError
from loquent.domain.model import Capability
from loquent.domain.speakers import Diarization, DiarizationRequest
from loquent.ports import Diarizer, VoiceAnalyst, VoiceAnalystSource
from loquent.routing.names import ModelNames
from loquent.routing.need import need_of_diarization
from loquent.routing.planner import Planner


class DiarizationRouter:
    """A `Diarizer` in front of all others, which are all here."""

    def __init__(self, planner: Planner, deployment: Callable[[str], Diarizer]) -> None:
        """Take who chooses, and the deployment of a model here by its id."""
        self._planner = planner
        self._deployment = deployment

    async def diarize(self, request: DiarizationRequest, source: AudioSource) -> Diarization:
        """Return what the chosen deployment returns."""
        model = self._planner.chosen(need_of_diarization(request))[0].endpoint.model
        return await self._deployment(model).diarize(replace(request, model=model), source)


class NamedAnalysts:
    """A `VoiceAnalystSource` that knows models by all of their names."""

    def __init__(self, names: Callable[[], ModelNames], analysts: VoiceAnalystSource) -> None:
        """Take what is installed now, and who hands out models by their ids."""
        self._names = names
        self._analysts = analysts

    async def analyst(self, model_id: str) -> VoiceAnalyst:
        """Return the model that answers to a name, loading it first where needed.

        Raises: OverloadedError, ModelNotFoundError, UnsupportedOptionError, ModelLoadError,
            ModelNotReadyError.
        """
        try:
            card = self._names().able(model_id, Capability.DIARIZATION)
        except ModelNotFoundError as error:
            raise ModelNotFoundError(
                f"speakers are told apart by the model '{model_id}', which is not installed here; "
                f"install it with: loquent models pull {model_id}",
                param="diarise",
            ) from error
        return await self._analysts.analyst(card.id)
