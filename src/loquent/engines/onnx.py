"""Loads weights for ONNX Runtime; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnxruntime

from loquent.domain.errors import ModelLoadError

_GRAPH_FIELD: Final = 7
_OUTPUT_FIELD: Final = 12
_NAME_FIELD: Final = 1
"""Numbers of ModelProto.graph, GraphProto.output and ValueInfoProto.name. Source: onnx.proto."""

_LENGTH_DELIMITED: Final = 2
"""Source: protobuf's encoding."""


@dataclass(frozen=True, slots=True)
class OnnxOptions:
    """How a model is run.

    Attributes:
        n_threads: of one run; 0 for all cores.
    """

    n_threads: int = 0


def open_session(
    path: Path,
    options: OnnxOptions,
    *,
    more_outputs: Sequence[str] = (),
    keeps_memory: bool = True,
) -> onnxruntime.InferenceSession:
    """Load the weights at `path`.

    Args:
        more_outputs: names of tensors inside the graph that are to be returned too, behind its
            own outputs.
        keeps_memory: whether the memory of a run is kept for the next, which of runs of many
            lengths keeps ever more.

    Raises: ModelLoadError.
    """
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.n_threads
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4
    settings.enable_cpu_mem_arena = settings.enable_mem_pattern = keeps_memory
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        weights = path.read_bytes() + b"".join(map(_with_output, more_outputs))
        return onnxruntime.InferenceSession(
            weights, sess_options=settings, providers=["CPUExecutionProvider"]
        )
    except OSError as error:
        raise ModelLoadError("A file of the model cannot be read.") from error
    except Exception as error:  # ONNX Runtime raises classes of its own without a common one
        raise ModelLoadError("The weights are not what ONNX Runtime can run.") from error


def _with_output(name: str) -> bytes:
    """Return what, put behind a model's bytes, makes the tensor `name` an output of it.

    Messages of protobuf that are written one behind the other are merged by who reads them.
    """
    return _field(_GRAPH_FIELD, _field(_OUTPUT_FIELD, _field(_NAME_FIELD, name.encode())))


def _field(number: int, content: bytes) -> bytes:
    assert len(content) < 0x80, "one byte tells the length"
    return bytes([number << 3 | _LENGTH_DELIMITED, len(content)]) + content
