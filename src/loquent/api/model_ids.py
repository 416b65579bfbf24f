"""Say what an id of a model looks like in an address; knows no model."""

from __future__ import annotations

from typing import Final

from starlette.convertors import Convertor, register_url_convertor

ACTS: Final = ("pull", "unload")
"""What may stand behind an id, and so is never the end of one."""


class ModelIdConvertor(Convertor[str]):
    """Takes an id with its slashes."""

    regex = ".*" + "".join(f"(?<!/{act})" for act in ACTS)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("model", ModelIdConvertor())

MODEL_PATH: Final = "/models/{id:model}"
"""The address of one model, without the prefix of a dialect."""
