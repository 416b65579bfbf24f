"""Every provider, every form of answer: what comes back is what the table of abilities promises."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest

from loquent.domain.endpoints import Endpoint
from loquent.routing.fitting import Fit
from tests.wire.answers import Answer, Span, read
from tests.wire.conformance import (
    CELLS,
    HINT,
    LOCAL,
    LOCAL_DURATION_S,
    PAGE,
    PLACES,
    Cell,
    Observed,
    Run,
    outcome,
    page,
    whole_run,
)
from tests.wire.envelopes import assert_envelope
from tests.wire.providers import DURATION_S, SENTENCES, TEXT

pytestmark = pytest.mark.xdist_group("conformance")

SPEAKERS = ("A", "B")
SHOWS_SEGMENTS = {"json", "verbose_json", "diarized_json"}
SHOWS_SPANS = {"json", "srt", "vtt", "verbose_json", "diarized_json"}
TIMED = {"srt", "vtt", "verbose_json", "diarized_json"}


@pytest.fixture(scope="module")
def run() -> Run:
    """Ask every cell once, for all tests of this file."""
    return whole_run()


@pytest.fixture
def observed(run: Run, cell: Cell) -> Observed:
    return run.cells[cell]


@pytest.fixture
def promised(run: Run, cell: Cell) -> Fit:
    endpoint: Endpoint = run.endpoints[cell.endpoint]
    return cell.promised(endpoint)


every_cell = pytest.mark.parametrize("cell", CELLS, ids=str)


@every_cell
def test_a_cell_is_served_or_refused_as_promised(
    cell: Cell, observed: Observed, promised: Fit
) -> None:
    if cell.misfit:
        _check_misfit(cell, observed)
    elif promised.refusals:
        _check_refusal(cell, observed, promised)
    else:
        _check_headers(cell, observed, promised)
        answer = read(observed.response, cell.form, is_streamed=cell.is_streamed)
        _check_answer(cell, answer)
        _check_question(cell, observed, promised)


def _check_misfit(cell: Cell, observed: Observed) -> None:
    """What the wire does not have is refused without asking who could serve it."""
    error = assert_envelope(observed.response, 400)
    assert error["param"] == cell.misfit
    assert error["code"] == "unsupported_value"
    assert error["message"].startswith(cell.misfit)
    assert observed.n_asked == 0


def _check_refusal(cell: Cell, observed: Observed, promised: Fit) -> None:
    error = assert_envelope(observed.response, 400)
    assert error["code"] == "unsupported_value"
    assert cell.endpoint in error["message"]
    for refusal in promised.refusals:
        assert refusal.reason in error["message"]
    params = {refusal.param for refusal in promised.refusals}
    assert error["param"] == (params.pop() if len(params) == 1 else None)
    assert observed.n_asked == 0, "something left for a provider that cannot serve"


def _check_headers(cell: Cell, observed: Observed, promised: Fit) -> None:
    assert observed.response.status_code == 200, observed.response.text
    headers = observed.response.headers
    assert headers["x-loquent-provider"] == cell.provider
    assert headers["x-loquent-attempts"] == f"{cell.endpoint}=ok"
    assert headers.get("x-loquent-derived", "") == ", ".join(promised.derived)
    assert "x-loquent-ignored" not in headers
    if not cell.is_streamed:
        assert headers["x-loquent-model"] == cell.model


def _check_question(cell: Cell, observed: Observed, promised: Fit) -> None:
    """A provider is asked once, and for speakers exactly if it is to tell them."""
    if cell.endpoint == LOCAL:
        return
    assert observed.n_asked > 0
    is_native = cell.wants_speakers and "speakers" not in promised.derived
    assert observed.told_speakers is is_native


def _check_answer(cell: Cell, answer: Answer) -> None:
    assert answer.text == TEXT
    assert answer.told_by in (None, (cell.provider, cell.model))
    _check_words(cell, answer)
    hides_segments = cell.words and cell.form == "verbose_json"
    if cell.is_streamed:
        assert bool(answer.spans) is cell.wants_speakers
    elif cell.form in TIMED:
        assert bool(answer.spans) is not hides_segments
    if cell.form in SHOWS_SPANS and answer.spans:
        assert " ".join(span.text for span in answer.spans) == TEXT
        _check_times(answer.spans, _duration_s(cell, answer))
    if answer.spans:
        _check_speakers(answer.spans, is_told=cell.wants_speakers)


def _duration_s(cell: Cell, answer: Answer) -> float:
    """Return within which time everything must be: what the answer tells, or the truth."""
    true_s = LOCAL_DURATION_S if cell.endpoint == LOCAL else DURATION_S
    if answer.duration_s is None:
        return true_s
    is_rounded = cell.provider == "assemblyai"  # it counts whole seconds
    assert answer.duration_s == pytest.approx(true_s, abs=1.0 if is_rounded else 0.01)
    return min(true_s, answer.duration_s)


def _check_words(cell: Cell, answer: Answer) -> None:
    words = answer.words
    assert (words is not None) is cell.words
    if words is None:
        return
    assert [_bare(word.text) for word in words] == [_bare(text) for text in TEXT.split()]
    _check_times(words, _duration_s(cell, answer))
    n_first = len(SENTENCES[0].split())
    expected = [SPEAKERS[number >= n_first] for number in range(len(words))]
    told = [word.speaker for word in words]
    assert told == (expected if cell.wants_speakers else [None] * len(words))


def _bare(word: str) -> str:
    return re.sub(r"\W", "", word).lower()


def _check_times(spans: Sequence[Span], duration_s: float) -> None:
    times = [(span.start_s, span.end_s) for span in spans]
    inside = [(start, end) for start, end in times if start is not None and end is not None]
    assert len(inside) == len(times)
    assert all(0 <= start < end <= duration_s for start, end in inside), times
    assert all(left[1] <= right[0] for left, right in pairwise(inside)), times


def _check_speakers(spans: Sequence[Span], *, is_told: bool) -> None:
    """Each sentence is by whom it was said, or nobody is named."""
    if not is_told:
        assert {span.speaker for span in spans} == {None}
        return
    said = {span.text: span.speaker for span in spans}
    assert said == dict(zip(SENTENCES, SPEAKERS, strict=True))


def test_every_endpoint_is_asked_in_every_way(run: Run) -> None:
    assert set(PLACES) <= set(run.endpoints)
    assert len(run.cells) == len(PLACES) * 6 * 2 * 2 * 2


def test_every_kind_of_outcome_is_there(run: Run) -> None:
    kinds = {outcome(cell, seen).partition(":")[0] for cell, seen in run.cells.items()}
    assert kinds == {"native", "derived", "refused"}


def test_the_page_is_what_the_run_produced(run: Run) -> None:
    assert PAGE.exists(), HINT
    assert PAGE.read_text() == page(run), f"{PAGE.name} is stale: {HINT}"
