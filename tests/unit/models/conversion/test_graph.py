"""Graphs written node by node, and the networks that are written so."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from loquent.models.conversion.campplus import campplus
from loquent.models.conversion.errors import CheckpointError
from loquent.models.conversion.graph import Graph, Weights
from loquent.models.conversion.pyannet import HIDDEN, N_CLASSES, N_LAYERS, pyannet


def _run(graph: bytes, **inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    (result,) = onnxruntime.InferenceSession(graph).run(None, inputs)
    values: NDArray[np.float32] = result
    return values


def _pyannet_tensors() -> dict[str, NDArray[np.float32]]:
    """Return small random weights in the shapes of the network."""
    shapes: dict[str, tuple[int, ...]] = {
        "sincnet.conv1d.0.filterbank.low_hz_": (40, 1),
        "sincnet.conv1d.0.filterbank.band_hz_": (40, 1),
        "sincnet.conv1d.0.filterbank.window_": (125,),
        "sincnet.conv1d.0.filterbank.n_": (1, 125),
        "sincnet.conv1d.1.weight": (60, 80, 5),
        "sincnet.conv1d.2.weight": (60, 60, 5),
        "linear.0.weight": (128, 2 * HIDDEN),
        "linear.1.weight": (128, 128),
        "classifier.weight": (N_CLASSES, 128),
    }
    sizes = {"conv1d.1": 60, "conv1d.2": 60, "norm1d.0": 80, "norm1d.1": 60, "norm1d.2": 60}
    for part, size in {"wav_norm1d": 1, **sizes}.items():
        shapes[f"sincnet.{part}.bias"] = (size,)
        shapes.setdefault(f"sincnet.{part}.weight", (size,))
    shapes |= {"linear.0.bias": (128,), "linear.1.bias": (128,), "classifier.bias": (N_CLASSES,)}
    for layer in range(N_LAYERS):
        for way in ("", "_reverse"):
            n_inputs = 2 * HIDDEN if layer else 60
            shapes[f"lstm.weight_ih_l{layer}{way}"] = (4 * HIDDEN, n_inputs)
            shapes[f"lstm.weight_hh_l{layer}{way}"] = (4 * HIDDEN, HIDDEN)
            shapes[f"lstm.bias_ih_l{layer}{way}"] = shapes[f"lstm.bias_hh_l{layer}{way}"] = (
                4 * HIDDEN,
            )
    chance = np.random.default_rng(5)
    return {name: chance.normal(0, 0.1, shape).astype("f4") for name, shape in shapes.items()}


def test_a_graph_does_what_its_operations_say() -> None:
    graph = Graph("sum")
    weights = Weights({"w": np.array([1.0, 2.0], np.float32)})
    total = graph.apply("Add", "x", graph.constant(weights["w"]))
    written = graph.serialized({"x": ("n", 2)}, {"y": (total, ("n", 2))})
    weights.check_all_used()
    assert _run(written, x=np.ones((3, 2), np.float32)).tolist() == [[2.0, 3.0]] * 3
    assert Graph("sum").serialized({}, {}) == Graph("sum").serialized({}, {})


def test_weights_that_do_not_fit_together_make_no_graph() -> None:
    graph = Graph("product")
    result = graph.apply("MatMul", "x", graph.constant(np.zeros((3, 2), np.float32)))
    with pytest.raises(CheckpointError, match="fit together"):
        graph.serialized({"x": ("n", 2)}, {"y": (result, ("n", 2))})


def test_what_a_network_lacks_and_what_is_left_over_is_named() -> None:
    weights = Weights({"a": np.zeros(1, np.float32), "b.count": np.zeros(1, np.float32)},
                      ignored="count")  # fmt: skip
    with pytest.raises(CheckpointError, match="lacks c"):
        weights["c"]
    with pytest.raises(CheckpointError, match="more than is known: a"):
        weights.check_all_used()
    assert "a" in weights
    assert len(weights["a"]) == 1
    weights.check_all_used()


def test_segmentation_gives_log_probabilities_for_every_frame() -> None:
    written = pyannet(_pyannet_tensors())
    samples = np.random.default_rng(6).normal(0, 0.1, (2, 1, 160_000)).astype("f4")
    scores = _run(written, samples=samples)
    assert scores.shape == (2, 589, N_CLASSES)
    assert np.allclose(np.exp(scores).sum(axis=-1), 1.0, atol=1e-4)


def test_segmentation_with_one_tensor_too_many_or_of_another_shape_is_refused() -> None:
    tensors = _pyannet_tensors()
    with pytest.raises(CheckpointError, match=r"more than is known: speaker\.bias"):
        pyannet({**tensors, "speaker.bias": np.zeros(3, np.float32)})
    with pytest.raises(CheckpointError, match="fit together"):
        pyannet({**tensors, "classifier.weight": np.zeros((N_CLASSES, 99), np.float32)})


def test_a_network_without_weights_is_refused() -> None:
    for network in (pyannet, campplus):
        with pytest.raises(CheckpointError, match="lacks"):
            network({})
