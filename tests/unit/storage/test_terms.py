"""Terms come back from their text as they were, and what is not known is refused whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.domain.accounts import (
    FREE,
    Bounds,
    Budget,
    BudgetPeriod,
    Terms,
)
from loquent.domain.rates import RateLimits
from loquent.storage.database import StorageError
from loquent.storage.terms import terms_of, text_of

_NUMBERS = st.none() | st.integers(0, 2**70)
_NAMES = st.none() | st.frozensets(st.text(st.characters(), max_size=4), max_size=3)
TERMS = st.builds(
    Terms,
    bounds=st.builds(
        Bounds,
        models=_NAMES,
        providers=_NAMES,
        eu_native=st.booleans(),
        allow_quantization=st.booleans(),
        deployments=_NAMES,
    ),
    limits=st.builds(
        RateLimits,
        requests_per_minute=_NUMBERS,
        audio_seconds_per_minute=_NUMBERS,
        characters_per_minute=_NUMBERS,
        concurrent_requests=_NUMBERS,
        concurrent_sessions=_NUMBERS,
    ),
    budget=st.none()
    | st.builds(
        Budget,
        period=st.sampled_from(BudgetPeriod),
        hard_micros=_NUMBERS,
        soft_micros=_NUMBERS,
    ),
)


@given(TERMS)
def test_terms_come_back_from_their_text(terms: Terms) -> None:
    text = text_of(terms)

    assert terms_of(text) == terms
    assert text.isascii()
    assert "\0" not in text


@given(TERMS, TERMS)
def test_only_equal_terms_make_equal_texts(some: Terms, others: Terms) -> None:
    assert (text_of(some) == text_of(others)) == (some == others)


def test_what_is_as_usual_is_not_written() -> None:
    assert text_of(FREE) == "{}"
    assert text_of(Terms(budget=Budget())) == '{"budget":{}}'
    assert text_of(Terms(Bounds(models=frozenset()))) == '{"bounds":{"models":[]}}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"{}"',
        "{",
        '{"bounds": {"regions": ["eu"]}}',
        '{"hours": 8}',
        '{"limits": {"requests_per_hour": 1}}',
        '{"limits": {"requests_per_minute": null}}',
        '{"limits": {"requests_per_minute": true}}',
        '{"limits": {"requests_per_minute": 1.5}}',
        '{"limits": {"requests_per_minute": NaN}}',
        '{"limits": {"requests_per_minute": "1"}}',
        '{"bounds": {"eu_native": 1}}',
        '{"bounds": {"models": "any"}}',
        '{"bounds": {"models": [1]}}',
        '{"bounds": {"models": {"a": 1}}}',
        '{"bounds": []}',
        '{"budget": null}',
        '{"budget": {"period": "year"}}',
        '{"budget": {"period": ["day"]}}',
        '{"budget": {"hard_micros": ' + "9" * 5000 + "}}",
        "[" * 100_000,
    ],
)
def test_what_is_not_known_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(StorageError, match="newer Loquent"):
        terms_of(text)
