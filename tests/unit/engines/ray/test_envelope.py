"""Messages between a gateway and its bridge arrive as they were sent, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.engines.host.protocol import ProtocolError
from loquent.engines.ray import envelope
from loquent.engines.ray.envelope import (
    Board,
    Call,
    Cancel,
    Connect,
    Connected,
    Deploy,
    Deployed,
    Done,
    Failed,
    Hold,
    Message,
)
from loquent.engines.ray.plans import ModelPlan, Trade
from loquent.engines.ray.statuses import CopyStatus

PLAN = ModelPlan(Trade.SPEAKING, "kokoro", "kokoro", "/models/kokoro", {"n_threads": 2})
STATUS = CopyStatus(n_workers=2, n_waiting={"short": 3}, estimated_wait_s=0.5)

MESSAGES: list[Message] = [
    Connect("127.0.0.1:6379", "a.module:node"),
    Deploy(1, PLAN),
    Call(2, "loquent-shared-kokoro-abc", -0.25),
    Cancel(3),
    Hold(("a", "b")),
    Connected(4),
    Deployed(1, STATUS),
    Done(2),
    Failed(None, "refused", "no"),
    Board({"a": (STATUS, STATUS), "b": ()}),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    body = b"sound" if isinstance(message, Call | Done) else b""
    assert _read(envelope.encode(message, body)) == (message, body)


def test_only_calls_and_answers_have_bodies() -> None:
    with pytest.raises(ProtocolError, match="Cancel of"):
        envelope.encode(Cancel(1), b"x")


def test_a_frame_that_is_too_large_is_not_even_begun() -> None:
    prefix = envelope._PREFIX.pack(b"Q", 10, envelope.MAX_BODY_BYTES + 1)
    with pytest.raises(ProtocolError, match="Call of 10"):
        envelope.parse_prefix(prefix)


@given(st.binary(min_size=envelope.PREFIX_BYTES, max_size=envelope.PREFIX_BYTES))
def test_any_prefix_is_read_or_refused(raw: bytes) -> None:
    try:
        prefix = envelope.parse_prefix(raw)
    except ProtocolError:
        return
    assert prefix.n_header_bytes <= envelope.MAX_HEADER_BYTES


@given(st.sampled_from([type(message) for message in MESSAGES]), st.binary(max_size=200))
def test_any_header_is_read_or_refused(kind: type[Message], raw: bytes) -> None:
    try:
        message = envelope.parse(kind, raw)
    except ProtocolError:
        return
    assert isinstance(message, kind)


@pytest.mark.parametrize(
    "header", [b'{"id": -1}', b'{"id": "1"}', b'{"id": 1, "more": 2}', b"[]", b"\xff", b""]
)
def test_a_header_of_another_form_is_refused(header: bytes) -> None:
    with pytest.raises(ProtocolError):
        envelope.parse(Cancel, header)


def _read(frame: bytes) -> tuple[Message, bytes]:
    prefix = envelope.parse_prefix(frame[: envelope.PREFIX_BYTES])
    rest = frame[envelope.PREFIX_BYTES :]
    header, body = rest[: prefix.n_header_bytes], rest[prefix.n_header_bytes :]
    assert len(body) == prefix.n_body_bytes
    return envelope.parse(prefix.kind, header), body
