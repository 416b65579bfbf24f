"""The shape of what is told of the models on this machine; computes nothing."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from loquent.domain.model import Capability
from loquent.domain.stock import Phase


class CatalogModel(BaseModel):
    """A model that is installed, or that can be pulled; `bytes` is null where nobody knows."""

    id: str
    object: Literal["catalog.model"] = "catalog.model"
    owned_by: str
    license: str
    capabilities: list[Capability]
    languages: list[str]
    quantization: str
    bytes: int | None
    installed: bool
    source: str | None
    built_in: bool
    needed_by: list[str]


class CatalogList(BaseModel):
    """Every model that is installed, or that can be pulled by its id."""

    object: Literal["list"] = "list"
    data: list[CatalogModel]


class PullProgress(BaseModel):
    """One step of a pull; `file` is null where no single file is on its way."""

    object: Literal["model.pull"] = "model.pull"
    model: str
    state: Phase
    source: str | None
    file: str | None
    bytes_done: int
    bytes_total: int | None
    message: str


class RemovedModel(BaseModel):
    """A model that is not on this machine any more."""

    id: str
    object: Literal["model"] = "model"
    deleted: Literal[True] = True


class UnloadedModel(BaseModel):
    """A model that is not in memory any more."""

    id: str
    object: Literal["model"] = "model"
    loaded: Literal[False] = False
