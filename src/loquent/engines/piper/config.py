"""Reads the file beside a Piper voice that says how it is to be used; trusts nothing in it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from loquent.domain.errors import ModelLoadError

MAX_BYTES: Final = 1 << 20

_Positive = Annotated[float, Field(gt=0, le=10)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Audio(_Part):
    """What the voice sounds like."""

    sample_rate: Annotated[int, Field(ge=8_000, le=48_000)]


class Phonemizer(_Part):
    """What reads the text for it."""

    voice: str


class Inference(_Part):
    """What the voice was tuned with."""

    noise_scale: Annotated[float, Field(ge=0, le=10)] = 0.667
    length_scale: _Positive = 1.0
    noise_w: Annotated[float, Field(ge=0, le=10)] = 0.8


class PiperConfig(_Part):
    """How one voice is used.

    Attributes:
        phoneme_id_map: a sign of the phonetic alphabet -> its ids in the model's input.
        speaker_id_map: a speaker's name -> its number; empty where there is one speaker.
    """

    audio: Audio
    espeak: Phonemizer
    inference: Inference = Inference()
    num_speakers: Annotated[int, Field(ge=1)] = 1
    phoneme_type: str = "espeak"
    phoneme_id_map: Mapping[str, tuple[int, ...]]
    speaker_id_map: Mapping[str, int] = {}


def read_config(path: Path) -> PiperConfig:
    """Read the file at `path`.

    Raises: ModelLoadError.
    """
    try:
        with path.open("rb") as file:
            config = PiperConfig.model_validate_json(file.read(MAX_BYTES))
    except OSError as error:
        raise ModelLoadError("The voice's configuration cannot be read.") from error
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise ModelLoadError(f"The voice's configuration is wrong at '{field}'.") from error
    if config.phoneme_type != "espeak":
        raise ModelLoadError(
            f"The voice reads '{config.phoneme_type}'; only voices that read eSpeak's are known."
        )
    return config
