"""Answers that only the pepper, the credential and the key together can read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loquent.accounting.sealing import AnswerSealer, Envelope, KeptAnswer

PEPPER = bytes(range(32))
TOLD = KeptAnswer(200, ((b"content-type", b"text/plain"), (b"x-odd", b"\xe9, \x00")), b"Hello.")


def envelope(
    caller_id: str = "anna", credential: str = "lq_secret", key: str = "key", pepper: bytes = PEPPER
) -> Envelope:
    return AnswerSealer(pepper).envelope(caller_id, credential, key)


headers = st.lists(st.tuples(st.binary(), st.binary())).map(tuple)


@given(status=st.integers(200, 299), headers=headers, body=st.binary())
def test_an_answer_comes_out_as_it_went_in(
    status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes
) -> None:
    told = KeptAnswer(status, headers, body)
    assert envelope().open(envelope().seal(told)) == told


def test_nobody_reads_it_who_lacks_any_part() -> None:
    sealed = envelope().seal(TOLD)
    assert envelope(credential="lq_rotated").open(sealed) is None
    assert envelope(key="another").open(sealed) is None
    assert envelope(pepper=bytes(32)).open(sealed) is None
    assert envelope(caller_id="bert").open(sealed) is None


def test_the_database_and_all_that_the_caller_has_do_not_suffice() -> None:
    stranger = AnswerSealer(PEPPER)
    stranger._answers = bytes(32)
    sealed = envelope().seal(TOLD)
    assert stranger.envelope("anna", "lq_secret", "key").open(sealed) is None


def test_nothing_of_an_answer_shows() -> None:
    sealed = envelope().seal(TOLD)
    assert TOLD.body not in sealed
    assert b"content-type" not in sealed
    assert "Hello" not in repr(TOLD)
    assert envelope().seal(TOLD) != sealed


def test_what_was_changed_is_not_opened() -> None:
    sealed = envelope().seal(TOLD)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        assert envelope().open(bytes(changed)) is None
    for end in range(len(sealed)):
        assert envelope().open(sealed[:end]) is None


def test_the_name_of_a_claim_is_of_the_caller_and_the_key_alone() -> None:
    name = envelope().claim_id
    assert envelope(credential="lq_rotated").claim_id == name
    others = [
        envelope(caller_id="bert").claim_id,
        envelope(key="another").claim_id,
        envelope(pepper=bytes(32)).claim_id,
        envelope(caller_id="ann", key="akey").claim_id,
        envelope(caller_id="", key="annakey").claim_id,
    ]
    assert len({name, *others}) == 1 + len(others)
    assert "anna" not in name


def test_a_digest_tells_contents_apart_and_outlives_a_credential() -> None:
    digest = envelope().digest(b"content")
    assert envelope(credential="lq_rotated").digest(b"content") == digest
    assert envelope().digest(b"another") != digest
    assert envelope(key="another").digest(b"content") != digest
    assert envelope(caller_id="bert").digest(b"content") != digest
    assert envelope(pepper=bytes(32)).digest(b"content") != digest
