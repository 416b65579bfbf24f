"""Writes the graph of CAM++: what makes a voice this voice, as 192 numbers.

A small image network over the spectrum, then densely joined layers over time, each of which weighs
its channels by what it hears around it. Unlike the original, the mean and the spread over time that
follow are taken under masks, so that one run gives the voices of several speakers in one window.
Source: 3D-Speaker, speakerlab/models/campplus (DTDNN.py, layers.py).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from loquent.models.conversion.checkpoint import Tensors
from loquent.models.conversion.graph import Graph, Weights

N_BINS: Final = 80
N_CHANNELS: Final = 320
"""Channels times remaining bins behind the image network."""

N_DIMENSIONS: Final = 192
BLOCKS: Final = ((12, 1), (24, 2), (16, 2))
"""Layers of each dense block, and the step between the frames they see."""

CONTEXT_FRAMES: Final = 100
_EPSILON: Final = 1e-5


def campplus(tensors: Tensors) -> bytes:
    """Return the graph: `features` [batch, frames, 80] and `masks` [batch, voices, frames / 2,
    rounded up] to `voices` [batch, voices, 192].

    Raises: CheckpointError: if the tensors are not those of this network.
    """
    network = _Campplus(Graph("campplus"), Weights(tensors, ignored="num_batches_tracked"))
    return network.serialized()


class _Campplus:
    def __init__(self, graph: Graph, weights: Weights) -> None:
        self._graph = graph
        self._weights = weights

    def serialized(self) -> bytes:
        voices = self._pooled(self._frames(self._spectrum()))
        self._weights.check_all_used()
        return self._graph.serialized(
            {
                "features": ("batch", "frames", N_BINS),
                "masks": ("batch", "voices", "half_frames"),
            },
            {"voices": (voices, ("batch", "voices", N_DIMENSIONS))},
        )

    def _spectrum(self) -> str:
        """Return what the image network sees, [batch, 320, frames]."""
        graph = self._graph
        x = graph.apply("Transpose", "features", perm=[0, 2, 1])
        x = graph.apply("Unsqueeze", x, graph.integers(1))
        x = self._heard(self._conv(x, "head.conv1", pads=[1] * 4), "head.bn1")
        for name, stride in (("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)):
            x = self._residual(x, f"head.{name}", stride)
        x = self._conv(x, "head.conv2", strides=[2, 1], pads=[1] * 4)
        x = self._heard(x, "head.bn2")
        return graph.apply("Reshape", x, graph.integers(0, N_CHANNELS, -1))

    def _residual(self, x: str, name: str, stride: int) -> str:
        y = self._conv(x, f"{name}.conv1", strides=[stride, 1], pads=[1] * 4)
        y = self._conv(self._heard(y, f"{name}.bn1"), f"{name}.conv2", pads=[1] * 4)
        y = self._normed(y, f"{name}.bn2")
        if f"{name}.shortcut.0.weight" in self._weights:
            x = self._conv(x, f"{name}.shortcut.0", strides=[stride, 1])
            x = self._normed(x, f"{name}.shortcut.1")
        return self._graph.apply("Relu", self._graph.apply("Add", x, y))

    def _frames(self, x: str) -> str:
        """Return the frames of every voice together, [batch, 512, half_frames]."""
        x = self._conv(x, "xvector.tdnn.linear", strides=[2], pads=[2, 2])
        x = self._heard(x, "xvector.tdnn.nonlinear.batchnorm")
        for block, (n_layers, dilation) in enumerate(BLOCKS, start=1):
            for layer in range(1, n_layers + 1):
                y = self._dense(x, f"xvector.block{block}.tdnnd{layer}", dilation)
                x = self._graph.apply("Concat", x, y, axis=1)
            name = f"xvector.transit{block}"
            x = self._conv(self._heard(x, f"{name}.nonlinear.batchnorm"), f"{name}.linear")
        return self._heard(x, "xvector.out_nonlinear.batchnorm")

    def _dense(self, x: str, name: str, dilation: int) -> str:
        """Add a layer whose channels are weighed by the mean of all frames and of those around."""
        y = self._conv(self._heard(x, f"{name}.nonlinear1.batchnorm"), f"{name}.linear1")
        y = self._heard(y, f"{name}.nonlinear2.batchnorm")
        local = f"{name}.cam_layer.linear_local"
        local = self._conv(y, local, pads=[dilation] * 2, dilations=[dilation])
        mean = self._graph.apply("ReduceMean", y, axes=[2], keepdims=1)
        context = self._graph.apply("Add", mean, self._around(y))
        context = self._graph.apply("Relu", self._conv(context, f"{name}.cam_layer.linear1"))
        context = self._conv(context, f"{name}.cam_layer.linear2")
        return self._graph.apply("Mul", local, self._graph.apply("Sigmoid", context))

    def _around(self, y: str) -> str:
        """Return, for each frame, the mean of the hundred frames among which it is."""
        graph = self._graph
        kernel = {"kernel_shape": [CONTEXT_FRAMES], "strides": [CONTEXT_FRAMES]}
        means = graph.apply("AveragePool", y, **kernel, ceil_mode=1, count_include_pad=0)
        scales = graph.constant(np.array([1, 1, CONTEXT_FRAMES], dtype=np.float32))
        repeated = graph.apply(
            "Resize", means, "", scales,
            mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
        n_frames = graph.apply("Shape", y, start=2, end=3)
        return graph.apply("Slice", repeated, graph.integers(0), n_frames, graph.integers(2))

    def _pooled(self, x: str) -> str:
        """Return mean and spread of the frames under each mask, made into a voice."""
        graph = self._graph
        frames = graph.apply("Transpose", x, perm=[0, 2, 1])
        one = graph.constant(np.ones(1, dtype=np.float32))
        n = graph.apply("ReduceSum", "masks", graph.integers(2), keepdims=1)
        n = graph.apply("Max", n, one)
        total = graph.apply("MatMul", "masks", frames)
        mean = graph.apply("Div", total, n)
        squares = graph.apply("MatMul", "masks", graph.apply("Mul", frames, frames))
        spread = graph.apply("Sub", squares, graph.apply("Mul", total, mean))
        n_free = graph.apply("Max", graph.apply("Sub", n, one), one)
        variance = graph.apply("Relu", graph.apply("Div", spread, n_free))
        statistics = graph.apply("Concat", mean, graph.apply("Sqrt", variance), axis=2)
        dense = graph.constant(self._weights["xvector.dense.linear.weight"][:, :, 0].T)
        voices = graph.apply("MatMul", statistics, dense)
        name = "xvector.dense.nonlinear.batchnorm"
        center = graph.constant(self._weights[f"{name}.running_mean"])
        scale = graph.constant(1 / np.sqrt(self._weights[f"{name}.running_var"] + _EPSILON))
        return graph.apply("Mul", graph.apply("Sub", voices, center), scale)

    def _conv(self, x: str, name: str, **attributes: list[int]) -> str:
        inputs = [x, self._graph.constant(self._weights[f"{name}.weight"])]
        if f"{name}.bias" in self._weights:
            inputs.append(self._graph.constant(self._weights[f"{name}.bias"]))
        return self._graph.apply("Conv", *inputs, **attributes)

    def _normed(self, x: str, name: str) -> str:
        parts = ("weight", "bias", "running_mean", "running_var")
        inputs = (self._graph.constant(self._weights[f"{name}.{part}"]) for part in parts)
        return self._graph.apply("BatchNormalization", x, *inputs, epsilon=_EPSILON)

    def _heard(self, x: str, name: str) -> str:
        return self._graph.apply("Relu", self._normed(x, name))
