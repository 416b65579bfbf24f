"""What is taken out of texts and structures before they are logged."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loquent.accounting.keys import new_key
from loquent.cli.redaction import REDACTED, Redactor, failure_places

KNOWN = "hunter2/with@odd?letters"
REDACTOR = Redactor([KNOWN, "abc"])

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
OPAQUE = st.text(LETTERS, min_size=24, max_size=60)

PLAIN = st.lists(
    st.sampled_from(
        [
            *("request", "model", "whisper-base", "does not load:", "engine", "17", "ended", "é"),
            *("/v1/audio/transcriptions", "0.003 s", "(OSError)", "ask-me-later", "desk-number"),
            *("week_number_of_the_year", "https://host:8000/p?x=a@b", "a@b.example", "n=5", "ü, ö"),
            *("req_0123456789abcdef0123456789abcdef", "[redacted]", "\n", '"', "'", "\\", "50 %"),
        ]
    ),
    max_size=8,
).map(" ".join)

SHAPES: list[Callable[[str], str]] = [
    lambda _: KNOWN,
    lambda x: f"lq_{x[:16]}_{x}",
    lambda x: f"ek_{x}",
    lambda x: f"sk-{x}",
    lambda x: f"sk-proj-{x}",
    lambda x: f"sk_{x}",
    lambda x: f"gsk_{x}",
    lambda x: f"hf_{x}",
    lambda x: f"Bearer {x}",
    lambda x: f"Authorization: Token {x}",
    lambda x: f"> authorization: {x}",
    lambda x: f"{{'X-API-Key': '{x}'}}",
    lambda x: f"(b'Set-Cookie', b'session={x}; Path=/')",
    lambda x: f'{{"password": "{x}"}}',
    lambda x: f'{{\\"client_secret\\": \\"{x}\\"}}',
    lambda x: f"postgresql+psycopg://loquent:{x}@db.internal/usage",
    lambda x: f"rediss://:{x}@cache:6379/0",
    lambda x: f"GET /v1/realtime?model=whisper-1&api_key={x} HTTP/1.1",
    lambda x: f"https://host/path?key={x}",
    lambda x: f"GET /v1/realtime?api_key=a'b\"{x} HTTP/1.1",
    lambda x: f"access_token={x}",
    lambda x: f"realtime, openai-insecure-api-key.{x}",
]


def told(shape: Callable[[str], str], core: str) -> tuple[str, str]:
    """Return a text that holds a secret, and the secret."""
    text = shape(core)
    return text, core if core in text else text


SECRETS = st.builds(told, st.sampled_from(SHAPES), OPAQUE)


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["event", "reason", "status", "headers", "url", "token", "text"])
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(names, inner)
        ),
        max_leaves=12,
    )


def around(secret: tuple[str, str], before: str, after: str) -> tuple[str, str]:
    text, core = secret
    return f"{before} {text} {after}", core


@given(st.lists(st.builds(around, SECRETS, PLAIN, PLAIN), min_size=1, max_size=4), st.data())
def test_no_secret_comes_out_wherever_it_stands(
    hidden: list[tuple[str, str]], data: st.DataObject
) -> None:
    texts = st.sampled_from([text for text, _ in hidden])
    event = data.draw(st.dictionaries(st.sampled_from(["event", "a", "b"]), nested(texts)))
    written = repr({name: REDACTOR.named(name, value) for name, value in event.items()})
    assert not [core for _, core in hidden if core in written]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape("...") for shape in SHAPES])
@settings(max_examples=20)
@given(core=OPAQUE, before=PLAIN, after=PLAIN)
def test_every_form_of_a_secret_is_taken_out(
    shape: Callable[[str], str], core: str, before: str, after: str
) -> None:
    text, core = around(told(shape, core), before, after)
    left = REDACTOR.text(text)
    assert left.startswith(before)
    assert REDACTED in left.removeprefix(before)
    assert core not in left


@given(nested(PLAIN | st.builds(around, SECRETS, PLAIN, PLAIN).map(lambda hidden: hidden[0])))
def test_nothing_is_taken_out_twice(value: object) -> None:
    once = REDACTOR.named("event", value)
    assert REDACTOR.named("event", once) == once


@given(PLAIN)
def test_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert REDACTOR.text(text) == text


@given(st.text())
def test_any_text_settles_at_once(text: str) -> None:
    assert REDACTOR.text(REDACTOR.text(text)) == REDACTOR.text(text)


@given(
    st.dictionaries(
        st.sampled_from(["event", "status", "model", "key_id", "request_id", "n_tokens"]),
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | PLAIN,
    )
)
def test_an_event_without_secrets_stays_as_it_is(event: dict[str, Any]) -> None:
    assert {name: REDACTOR.named(name, value) for name, value in event.items()} == event


@pytest.mark.parametrize(
    "name",
    [
        *("authorization", "Proxy-Authorization", "api_key", "x-api-key", "xi-api-key", "apiKey"),
        *("cookie", "Set-Cookie", "password", "redis_password", "secret", "client_secret", "token"),
        *("access_token", "key", "key_text", "Idempotency-Key", "key_pepper", "credentials"),
        *("Ocp-Apim-Subscription-Key", "prompt", "initial_prompt", "input", "text", "transcript"),
        *("hotwords", "filename", "file_name", "known_speaker_names", "speaker", "instructions"),
        *("body", "delta", "input_text"),
    ],
)
@pytest.mark.parametrize("value", ["harmless", 17, {"a": "harmless"}, ["harmless"], b"harmless"])
def test_nothing_comes_out_under_a_telling_name(name: str, value: object) -> None:
    assert REDACTOR.named(name, value) == REDACTED
    assert REDACTOR.named("headers", {name: value}) == {name: REDACTED}
    assert REDACTOR.named("headers", [(name, value), ("a", "b")]) == [[name, REDACTED], ["a", "b"]]
    assert REDACTOR.named("headers", [(name.encode(), value)]) == [[name, REDACTED]]


def test_keys_that_we_make_are_taken_out() -> None:
    assert REDACTOR.text(f"key {new_key()}, wrong") == f"key {REDACTED}, wrong"


def test_that_there_is_no_secret_may_be_told() -> None:
    assert REDACTOR.named("token", None) is None


def test_others_do_not_spell_themselves() -> None:
    class Said:
        def __repr__(self) -> str:
            return "Said('to be or not to be')"

    event = {"a": Said(), "b": ValueError("to be"), "c": b"to be", "d": [{"e": Said()}]}
    written = json.dumps(REDACTOR.named("event", event))
    assert "to be" not in written
    assert "<ValueError>" in written


def test_what_is_nested_without_end_ends() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    assert REDACTED in repr(REDACTOR.named("event", cycle))


def test_secrets_too_short_to_be_any_take_nothing_out() -> None:
    assert REDACTOR.text("abcdef") == "abcdef"
    assert Redactor([""]).text("abcdef") == "abcdef"


def test_a_secret_within_a_longer_one_leaves_nothing_of_it() -> None:
    assert Redactor(["open", "open sesame"]).text("say open sesame") == f"say {REDACTED}"


def test_of_a_failure_its_causes_and_places_are_told_without_their_texts() -> None:
    def inner() -> None:
        raise KeyError("to be")

    def outer() -> None:
        try:
            inner()
        except KeyError as error:
            raise ValueError("or not to be") from error

    with pytest.raises(ValueError, match="or not") as caught:
        outer()
    places = failure_places(caught.value)
    assert places[0] == "ValueError"
    assert "KeyError" in places
    assert [place.rpartition(" in ")[2] for place in places if " in " in place][-2:] == [
        "outer",
        "inner",
    ]
    assert "to be" not in "".join(places)
