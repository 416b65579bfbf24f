"""Runs sherpa-onnx on our weights: its windows, its clustering; keeps no score.

Only our networks are its own too: it hears a window a second, and compares whole speakers of
windows where we compare spans.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from rich.progress import track

from bench.extras import has_library, library
from bench.live_corpus import decoded
from loquent.domain.speakers import SpeakerTurn
from tests.assets import data_dir

LIBRARY = "sherpa_onnx"
SEGMENTATION, VOICES = "segmentation.onnx", "voices.onnx"
DEFAULT_THRESHOLD = 0.5
"""Distance up to which its clusters are one person's. Source: its FastClusteringConfig."""

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)

_SEGMENTATION: dict[str, object] = {
    "model_type": "pyannote-segmentation-3.0",
    "version": "1.0",
    "num_speakers": 3,
    "powerset_max_classes": 2,
    "num_classes": 7,
    "sample_rate": 16_000,
    "window_size": 160_000,
    "receptive_field_size": 991,
    "receptive_field_shift": 270,
}
_VOICES: dict[str, object] = {
    "framework": "3d-speaker",
    "language": "zh_en",
    "sample_rate": 16_000,
    "output_dim": 192,
    "normalize_samples": 0,
    "feature_normalize_type": "global-mean",
}
_UNREAD: dict[str, object] = dict.fromkeys(("url", "comment", "license", "maintainer"), "none")
"""What it demands of a file and does not use."""


def is_here() -> bool:
    """Tell whether the peer is installed."""
    return has_library(LIBRARY)


class SherpaPeer:
    """The peer with one threshold; it uses one thread.

    Args:
        graphs: a folder that `prepare` filled.
    """

    def __init__(self, threshold: float, graphs: Path) -> None:
        sherpa = library(LIBRARY)
        segmentation, voices = str(graphs / SEGMENTATION), str(graphs / VOICES)
        pyannote = sherpa.OfflineSpeakerSegmentationPyannoteModelConfig(model=segmentation)
        config = sherpa.OfflineSpeakerDiarizationConfig(
            segmentation=sherpa.OfflineSpeakerSegmentationModelConfig(pyannote=pyannote),
            embedding=sherpa.SpeakerEmbeddingExtractorConfig(model=voices),
            clustering=sherpa.FastClusteringConfig(num_clusters=-1, threshold=threshold),
            min_duration_on=0.0,
            min_duration_off=0.0,
        )
        self._diarization = sherpa.OfflineSpeakerDiarization(config)

    def diarize(self, recording: Path) -> tuple[SpeakerTurn, ...]:
        """Tell who speaks when."""
        found: Any = self._diarization.process(decoded(recording)).sort_by_start_time()
        return tuple(SpeakerTurn(s.start, s.end, str(s.speaker)) for s in found)


def prepare(theirs: Path) -> None:
    """Write our graphs as the peer wants them: told of, and with one voice a run."""
    ours = data_dir() / "models" / "pyannote-campplus"
    segmentation = onnx.load(ours / SEGMENTATION)
    voices = _unmasked(onnx.load(ours / VOICES))
    helper.set_model_props(segmentation, _words(_SEGMENTATION | _UNREAD))
    helper.set_model_props(voices, _words(_VOICES | _UNREAD))
    onnx.save(segmentation, theirs / SEGMENTATION)
    onnx.save(voices, theirs / VOICES)


def _words(properties: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in properties.items()}


def _unmasked(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph of voices with a mask of ones in place of the input `masks`."""
    graph = model.graph
    (masks,) = (value for value in graph.input if value.name == "masks")
    graph.input.remove(masks)
    numbers = {"_one": [1], "_two": [2], "_ones": [1, 1]}
    graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.int64), name) for name, value in numbers.items()
    )
    one = helper.make_tensor("value", onnx.TensorProto.FLOAT, [1], [1.0])
    before = [
        helper.make_node("Shape", ["features"], ["_n_frames"], start=1, end=2),
        helper.make_node("Add", ["_n_frames", "_one"], ["_more"]),
        helper.make_node("Div", ["_more", "_two"], ["_n_half_frames"]),
        helper.make_node("Concat", ["_ones", "_n_half_frames"], ["_shape"], axis=0),
        helper.make_node("ConstantOfShape", ["_shape"], ["masks"], value=one),
    ]
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = ["_voices" if name == output.name else name for name in node.output]
    after = helper.make_node("Squeeze", ["_voices", "_one"], [output.name])
    nodes = [*before, *graph.node, after]
    del graph.node[:]
    graph.node.extend(nodes)
    output.type.tensor_type.shape.dim.pop(1)
    onnx.checker.check_model(model)
    return model


def told_by_peer(
    thresholds: Sequence[float], paths: Sequence[Path]
) -> dict[float, list[tuple[SpeakerTurn, ...]]]:
    """Let the peer hear recordings, one in each core at a time.

    Returns: for each threshold the turns of each recording, in order.
    """
    with tempfile.TemporaryDirectory() as folder, _workers() as workers:
        graphs = Path(folder)
        prepare(graphs)
        jobs = [(threshold, graphs, path) for threshold in thresholds for path in paths]
        rows = [workers.submit(_told, *job) for job in jobs]
        turns = [row.result() for row in track(rows, "sherpa-onnx", transient=True)]
    n = len(paths)
    return {threshold: turns[k * n : k * n + n] for k, threshold in enumerate(thresholds)}


def _workers() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(mp_context=get_context("spawn"))


def _told(threshold: float, graphs: Path, path: Path) -> tuple[SpeakerTurn, ...]:
    return _peer(threshold, graphs).diarize(path)


@cache
def _peer(threshold: float, graphs: Path) -> SherpaPeer:
    return SherpaPeer(threshold, graphs)
