"""Keys as texts, and the digests that they are known by."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.accounting.keys import NOBODY, KeyHasher, KeyText, derived, new_key, taken_apart

HASHER = KeyHasher(bytes(range(32)))
WHOLE = KeyText("a" * 16, "b" * 52)


def test_a_new_key_is_told_apart_from_what_it_is_written_as() -> None:
    key = new_key()
    assert taken_apart(str(key)) == key
    assert (len(key.id), len(key.secret)) == (16, 52)


def test_no_two_keys_are_alike() -> None:
    keys = [new_key() for _ in range(1_000)]
    assert len({key.id for key in keys}) == len({key.secret for key in keys}) == 1_000


def test_all_letters_are_used() -> None:
    assert len(set("".join(new_key().secret for _ in range(100)))) == 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "lq_",
        "lq__",
        str(WHOLE)[:-1],
        str(WHOLE) + "b",
        str(WHOLE) + "\n",
        " " + str(WHOLE),
        str(WHOLE).upper(),
        str(WHOLE).replace("lq_", "Lq_"),
        str(WHOLE).replace("lq_", "sk_"),
        str(WHOLE).replace("a", "1"),
        str(WHOLE).replace("b", "\N{FULLWIDTH LATIN SMALL LETTER B}"),
        str(WHOLE).replace("b", "\ud800", 1),
        str(WHOLE).replace("_b", "-b"),
        "lq_" + "\N{ARABIC-INDIC DIGIT THREE}" * 16 + "_" + "b" * 52,
        str(WHOLE) * 1_500,
    ],
    ids=ascii,
)
def test_what_is_no_key_is_none(text: str) -> None:
    assert taken_apart(text) is None


@given(st.text())
def test_anything_can_be_looked_at(text: str) -> None:
    assert taken_apart(text) is None


def test_the_secret_is_shown_nowhere_but_in_the_text() -> None:
    assert WHOLE.secret not in repr(WHOLE)
    assert WHOLE.secret in str(WHOLE)


def test_a_digest_is_of_the_whole_key_and_of_the_pepper() -> None:
    others = [
        HASHER.digest(KeyText("c" + WHOLE.id[1:], WHOLE.secret)),
        HASHER.digest(KeyText(WHOLE.id, WHOLE.secret[:-1] + "c")),
        KeyHasher(bytes(32)).digest(WHOLE),
    ]
    assert HASHER.digest(WHOLE) not in others
    assert HASHER.digest(WHOLE) == KeyHasher(bytes(range(32))).digest(WHOLE)
    assert len(HASHER.digest(WHOLE)) == 32


def test_a_fingerprint_tells_peppers_apart_and_is_no_part_of_them() -> None:
    assert HASHER.fingerprint == KeyHasher(bytes(range(32))).fingerprint
    assert HASHER.fingerprint != KeyHasher(bytes(32)).fingerprint
    assert HASHER.fingerprint not in bytes(range(32)).hex()


def test_each_purpose_has_bytes_of_its_own() -> None:
    pepper = bytes(range(32))
    assert len({derived(pepper, "keys"), derived(pepper, "answers"), pepper}) == 3


def test_nobody_is_somebody_else_in_each_process() -> None:
    assert taken_apart(str(NOBODY)) == NOBODY
    assert len(set(NOBODY.secret)) > 1
