"""Writes a graph for ONNX Runtime, node by node; knows no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper, shape_inference

from loquent.models.conversion.checkpoint import Tensors
from loquent.models.conversion.errors import CheckpointError

OPSET: Final = 17
IR_VERSION: Final = 8

Shape = Sequence[int | str]
"""Sizes of a tensor; a word for one that the caller chooses."""


class Graph:
    """A graph that grows; what an operation returns is the name of its result."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []

    def constant(self, values: NDArray[Any]) -> str:
        """Add weights, or the argument of an operation."""
        name = f"c{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def integers(self, *values: int) -> str:
        """Add whole numbers, such as axes."""
        return self.constant(np.array(values, dtype=np.int64))

    def apply(self, operation: str, *inputs: str, **attributes: Any) -> str:
        """Add an operation with one result."""
        result = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [result], **attributes))
        return result

    def serialized(
        self, inputs: Mapping[str, Shape], outputs: Mapping[str, tuple[str, Shape]]
    ) -> bytes:
        """Return the whole graph.

        Args:
            inputs: shapes by name.
            outputs: the result that each is, and its shape, by name.

        Raises: CheckpointError: if the shapes of the weights do not fit together.
        """
        for name, (result, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [result], [name]))
        graph = helper.make_graph(
            self._nodes,
            self._name,
            [_value(name, shape) for name, shape in inputs.items()],
            [_value(name, shape) for name, (_, shape) in outputs.items()],
            self._weights,
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        try:
            checker.check_model(model, full_check=True)
        except (checker.ValidationError, shape_inference.InferenceError) as error:
            raise CheckpointError("the tensors of the checkpoint do not fit together") from error
        return bytes(model.SerializeToString(deterministic=True))


class Weights:
    """Tensors of a checkpoint, each to be used; what is left over was not understood."""

    def __init__(self, tensors: Tensors, *, ignored: str = "\0") -> None:
        self._tensors = tensors
        self._unused = {name for name in tensors if not name.endswith(ignored)}

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """Return a tensor. Raises: CheckpointError: if there is none of that name."""
        if name not in self._tensors:
            raise CheckpointError(f"the checkpoint lacks {name}")
        self._unused.discard(name)
        return self._tensors[name]

    def check_all_used(self) -> None:
        """Raise CheckpointError if the graph leaves out a part of the checkpoint."""
        if self._unused:
            raise CheckpointError(f"the checkpoint has more than is known: {min(self._unused)}")


def _value(name: str, shape: Shape) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
