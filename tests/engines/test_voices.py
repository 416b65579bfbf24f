"""The weights that tell voices apart, on two people who talk on the telephone."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import onnxruntime
import psutil
import pytest
from numpy.typing import NDArray

from loquent.domain.audio import SAMPLE_RATE_HZ, Samples, SpeechRegion
from loquent.engines.host.performers import EngineSpec
from loquent.engines.host.process import start_engine
from loquent.engines.voices.analyst import AnalystOptions, WindowAnalyst
from loquent.ports import FRAME_S, N_VOICE_DIMENSIONS, WINDOW_S, WindowVoices
from tests.assets import clip, clip_files
from tests.engines.weights import folder, samples_of

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engines")]

MODEL = "pyannote-campplus"
HOP_S = 5.0
FIRST_FRAME_S = 991 / 2 / SAMPLE_RATE_HZ
"""The middle of the first frame."""

_ISOLATED = """
import sys
opened = []
sys.addaudithook(lambda event, _: event.startswith("socket.") and opened.append(event))
import numpy as np
from pathlib import Path
from loquent.domain.audio import SpeechRegion
from loquent.engines.voices.analyst import AnalystOptions, WindowAnalyst
analyst = WindowAnalyst(Path(sys.argv[1]), AnalystOptions())
analyst.analyse(np.random.default_rng(0).normal(0, 0.1, 16_000).astype("f4"), SpeechRegion(0, 1))
print(sorted({"torch", "onnx", "scipy", "requests"} & set(sys.modules)), opened)
"""


@cache
def analyst() -> WindowAnalyst:
    return WindowAnalyst(folder(MODEL), AnalystOptions())


@cache
def talk() -> Samples:
    return samples_of(clip("two-speakers"))


@cache
def reference() -> tuple[tuple[float, float, str], ...]:
    """Return who speaks from when to when."""
    rttm = next(path for path in clip_files("two-speakers") if path.suffix == ".rttm")
    rows = [line.split() for line in rttm.read_text().splitlines()]
    return tuple((float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows)


def window_at(start_s: float) -> Samples:
    begin = round(start_s * SAMPLE_RATE_HZ)
    return talk()[begin : begin + round(WINDOW_S * SAMPLE_RATE_HZ)]


@cache
def analysed() -> tuple[tuple[float, WindowVoices], ...]:
    """Return windows every HOP_S, and when they begin; voices are those of their middles."""
    starts_s = np.arange(0.0, 21.0, HOP_S).tolist()
    wanted = SpeechRegion(2.5, 2.5 + HOP_S)
    return tuple((start_s, analyst().analyse(window_at(start_s), wanted)) for start_s in starts_s)


def speakers_at(time_s: float) -> set[str]:
    return {speaker for start_s, end_s, speaker in reference() if start_s <= time_s < end_s}


def test_as_many_speak_at_once_as_the_reference_says() -> None:
    n_right = n_frames = 0
    for start_s, found in analysed():
        assert found.activity.shape == (589, 3)
        for frame, speaking in enumerate(found.activity):
            time_s = start_s + FIRST_FRAME_S + frame * FRAME_S
            n_right += speaking.sum() == len(speakers_at(time_s))
            n_frames += 1
    assert n_right / n_frames > 0.9


def test_spans_of_one_person_sound_alike_and_of_two_people_do_not() -> None:
    vectors, names = [], []
    for start_s, found in analysed():
        for span in found.spans:
            middle_s = start_s + FIRST_FRAME_S + (span.first_frame + span.end_frame) / 2 * FRAME_S
            speakers = speakers_at(middle_s)
            if span.heard_s >= 1.5 and len(speakers) == 1:
                vectors.append(span.vector)
                names.append(speakers.pop())
    likeness = np.stack(vectors) @ np.stack(vectors).T
    is_same = np.array(names)[:, None] == np.array(names)[None, :]
    off_diagonal = ~np.eye(len(names), dtype=bool)
    assert len(set(names)) == 2
    assert likeness[is_same & off_diagonal].mean() > 0.6
    assert likeness[~is_same].mean() < 0.45
    for row, name in enumerate(names):
        others = [np.mean(likeness[row][(np.array(names) == n) & off_diagonal[row]])
                  for n in sorted(set(names))]  # fmt: skip
        assert sorted(set(names))[int(np.argmax(others))] == name


def test_every_span_lies_where_it_is_wanted_and_its_voice_has_length_one() -> None:
    for _, found in analysed():
        assert found.spans
        for span in found.spans:
            assert FIRST_FRAME_S + span.first_frame * FRAME_S >= 2.5
            assert FIRST_FRAME_S + (span.end_frame - 1) * FRAME_S < 2.5 + HOP_S
            assert 0.5 <= span.heard_s <= HOP_S
            assert span.vector.shape == (N_VOICE_DIMENSIONS,)
            assert np.linalg.norm(span.vector) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("n_samples", [0, 1, 400, 8_000, 160_000])
def test_nobody_is_heard_in_silence(n_samples: int) -> None:
    found = analyst().analyse(np.zeros(n_samples, np.float32), SpeechRegion(0.0, WINDOW_S))
    assert not found.activity.any()
    assert found.spans == ()


def test_nobody_is_heard_behind_the_end_of_a_short_recording() -> None:
    found = analyst().analyse(window_at(8.0)[:32_000], SpeechRegion(0.0, WINDOW_S))
    n_frames = int((2.0 - FIRST_FRAME_S) / FRAME_S) + 1
    assert found.activity[:n_frames].any()
    assert not found.activity[n_frames:].any()
    assert sum(span.heard_s for span in found.spans) <= 2.0


def test_voices_under_several_masks_are_those_under_each() -> None:
    session = onnxruntime.InferenceSession(folder(MODEL) / "voices.onnx")
    chance = np.random.default_rng(2)
    features = chance.normal(size=(1, 301, 80)).astype(np.float32)
    masks = (chance.random((1, 3, 151)) < 0.5).astype(np.float32)

    def voices(of: NDArray[np.float32]) -> NDArray[np.float32]:
        (result,) = session.run(None, {"features": features, "masks": of})
        return np.asarray(result, np.float32)

    together = voices(masks)
    assert together.shape == (1, 3, N_VOICE_DIMENSIONS)
    each = np.concatenate([voices(masks[:, n : n + 1]) for n in range(3)], axis=1)
    assert np.allclose(together, each, atol=1e-3)


async def test_a_child_finds_the_same_in_little_memory_and_without_a_network() -> None:
    wanted = SpeechRegion(2.5, 7.5)
    spec = EngineSpec(MODEL, "voices", folder(MODEL), {"n_threads": 1})
    engine = await start_engine(spec, lambda: None)
    try:
        for start_s in (5.0, 10.0):
            theirs = await engine.analyse(window_at(start_s), wanted)
            ours = analyst().analyse(window_at(start_s), wanted)
            assert np.array_equal(theirs.activity, ours.activity)
            for one, other in zip(theirs.spans, ours.spans, strict=True):
                assert (one.column, one.first_frame, one.end_frame, one.heard_s) == (
                    other.column, other.first_frame, other.end_frame, other.heard_s,
                )  # fmt: skip
                assert np.allclose(one.vector, other.vector, atol=1e-4)
        assert 0 < engine.memory_bytes() < 320 << 20
        assert psutil.Process(engine.pid).net_connections("inet") == []
    finally:
        await engine.close()


def test_the_engine_needs_no_torch_and_opens_no_socket() -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", _ISOLATED, folder(MODEL)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (outcome.stdout, outcome.stderr) == ("[] []\n", "")
