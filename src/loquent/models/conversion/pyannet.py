"""Writes the graph of pyannote's segmentation network: who of three speaks, 59 times a second.

Learned band-pass filters, two convolutions, four bidirectional LSTMs, three linear layers. Returned
are the log probabilities of seven classes: nobody, one of three, two of three.
Source: pyannote.audio 3.1 (PyanNet, SincNet), asteroid-filterbanks 0.4 (ParamSincFB).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from loquent.models.conversion.checkpoint import Tensors
from loquent.models.conversion.graph import Graph, Weights

SAMPLE_RATE_HZ: Final = 16_000
N_LAYERS: Final = 4
HIDDEN: Final = 128
N_CLASSES: Final = 7

_MIN_LOW_HZ: Final = 50.0
_MIN_BAND_HZ: Final = 50.0
_FILTER_STRIDE: Final = 10
_POOL: Final = 3
_LEAK: Final = 0.01
_EPSILON: Final = 1e-5


def pyannet(tensors: Tensors) -> bytes:
    """Return the graph: `samples` [batch, 1, n] to `scores` [batch, frames, 7].

    Raises: CheckpointError: if the tensors are not those of this network.
    """
    weights = Weights(tensors)
    graph = Graph("pyannet")
    x = _sincnet(graph, weights)
    x = graph.apply("Transpose", x, perm=[2, 0, 1])
    for layer in range(N_LAYERS):
        x = _lstm(graph, weights, x, layer)
    x = graph.apply("Transpose", x, perm=[1, 0, 2])
    for layer in range(2):
        x = _linear(graph, weights, x, f"linear.{layer}")
        x = graph.apply("LeakyRelu", x, alpha=_LEAK)
    x = _linear(graph, weights, x, "classifier")
    x = graph.apply("LogSoftmax", x, axis=-1)
    weights.check_all_used()
    return graph.serialized(
        {"samples": ("batch", 1, "n")}, {"scores": (x, ("batch", "frames", N_CLASSES))}
    )


def _sincnet(graph: Graph, weights: Weights) -> str:
    x = _normed(graph, weights, "samples", "sincnet.wav_norm1d")
    filters = graph.constant(_band_pass(weights))
    x = graph.apply("Abs", graph.apply("Conv", x, filters, strides=[_FILTER_STRIDE]))
    x = _pooled(graph, weights, x, 0)
    for layer in (1, 2):
        name = f"sincnet.conv1d.{layer}"
        kernel, bias = (graph.constant(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        x = _pooled(graph, weights, graph.apply("Conv", x, kernel, bias), layer)
    return x


def _pooled(graph: Graph, weights: Weights, x: str, layer: int) -> str:
    x = graph.apply("MaxPool", x, kernel_shape=[_POOL], strides=[_POOL])
    x = _normed(graph, weights, x, f"sincnet.norm1d.{layer}")
    return graph.apply("LeakyRelu", x, alpha=_LEAK)


def _normed(graph: Graph, weights: Weights, x: str, name: str) -> str:
    scale, bias = (graph.constant(weights[f"{name}.{part}"]) for part in ("weight", "bias"))
    return graph.apply("InstanceNormalization", x, scale, bias, epsilon=_EPSILON)


def _band_pass(weights: Weights) -> NDArray[np.float32]:
    """Return the learned filters, [80, 1, 251]: even ones first, then odd ones."""
    name = "sincnet.conv1d.0.filterbank"
    half, window = weights[f"{name}.n_"], weights[f"{name}.window_"]
    low = _MIN_LOW_HZ + np.abs(weights[f"{name}.low_hz_"])
    high = low + _MIN_BAND_HZ + np.abs(weights[f"{name}.band_hz_"])
    high = np.clip(high, _MIN_LOW_HZ, SAMPLE_RATE_HZ / 2)
    band = high - low
    even = (np.sin(high @ half) - np.sin(low @ half)) / (half / 2) * window
    odd = (np.cos(low @ half) - np.cos(high @ half)) / (half / 2) * window
    filters = np.concatenate(
        [
            np.concatenate([even, 2 * band, even[:, ::-1]], axis=1),
            np.concatenate([odd, np.zeros_like(band), -odd[:, ::-1]], axis=1),
        ]
    )
    scaled: NDArray[np.float32] = filters / np.concatenate([2 * band, 2 * band])
    return scaled[:, None]


def _lstm(graph: Graph, weights: Weights, x: str, layer: int) -> str:
    """Add a layer over x [frames, batch, features], both directions side by side."""
    inputs, states, biases = [], [], []
    for direction in ("", "_reverse"):
        inputs.append(_gates(weights[f"lstm.weight_ih_l{layer}{direction}"]))
        states.append(_gates(weights[f"lstm.weight_hh_l{layer}{direction}"]))
        parts = [_gates(weights[f"lstm.bias_{end}_l{layer}{direction}"]) for end in ("ih", "hh")]
        biases.append(np.concatenate(parts))
    matrices = (graph.constant(np.stack(values)) for values in (inputs, states, biases))
    y = graph.apply("LSTM", x, *matrices, hidden_size=HIDDEN, direction="bidirectional")
    y = graph.apply("Transpose", y, perm=[0, 2, 1, 3])
    return graph.apply("Reshape", y, graph.integers(0, 0, 2 * HIDDEN))


def _gates(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reorder the gates, from torch's i, f, g, o to ONNX's i, o, f, c."""
    i, f, g, o = np.split(values, 4)
    return np.concatenate([i, o, f, g])


def _linear(graph: Graph, weights: Weights, x: str, name: str) -> str:
    x = graph.apply("MatMul", x, graph.constant(weights[f"{name}.weight"].T))
    return graph.apply("Add", x, graph.constant(weights[f"{name}.bias"]))
