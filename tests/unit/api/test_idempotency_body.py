"""Requests that ask the same have one digest, however their bodies are cut and bounded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loquent.api.idempotency_body import RequestDigest, without_boundary

FORM = "multipart/form-data"


def scope(content_type: str = "application/json", **changed: Any) -> dict[str, Any]:
    headers = [(b"content-type", content_type.encode())] if content_type else []
    asked = {"method": "POST", "path": "/v1/audio/speech", "query_string": b""}
    return {"type": "http", "headers": headers} | asked | changed


def digest(content_type: str, chunks: Sequence[bytes], **changed: Any) -> bytes:
    request = RequestDigest(scope(content_type, **changed))
    for chunk in chunks:
        request.update(chunk)
    return request.digest()


def form(boundary: bytes, parts: Sequence[bytes]) -> bytes:
    head = b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    return b"".join(b"--" + boundary + head + part + b"\r\n" for part in parts) + (
        b"--" + boundary + b"--\r\n"
    )


def bounded(boundary: bytes) -> str:
    return f'{FORM}; boundary="{boundary.decode()}"'


def cut(body: bytes, places: Sequence[int]) -> list[bytes]:
    inside = sorted(place % (len(body) + 1) for place in places)
    return [body[start:end] for start, end in pairwise([0, *inside, len(body)])]


boundaries = st.text("-ab", min_size=1, max_size=6).map(str.encode)
"""Such that bodies hold their beginnings, and one may hold another."""

contents = st.text("-ab\r\n", max_size=12).map(str.encode)
places = st.lists(st.integers(min_value=0), max_size=8)


@given(
    boundaries, boundaries, st.lists(contents, min_size=1, max_size=3), st.tuples(places, places)
)
def test_the_boundary_and_the_cuts_do_not_count(
    one: bytes, other: bytes, parts: list[bytes], cuts: tuple[list[int], list[int]]
) -> None:
    assume(not any(b"--" + boundary in part for part in parts for boundary in (one, other)))
    digests = [
        digest(bounded(boundary), cut(form(boundary, parts), chosen))
        for boundary, chosen in zip((one, other), cuts, strict=True)
    ]
    assert digests[0] == digests[1]


@given(boundaries, st.text("-ab", max_size=60).map(str.encode), places)
def test_where_a_body_is_cut_does_not_count(boundary: bytes, body: bytes, cuts: list[int]) -> None:
    whole = digest(bounded(boundary), [body])
    assert digest(bounded(boundary), cut(body, cuts)) == whole


@given(
    boundaries,
    st.lists(contents, min_size=1, max_size=3),
    st.integers(min_value=0),
    st.integers(1, 255),
    places,
)
def test_every_byte_counts(
    boundary: bytes, parts: list[bytes], place: int, flip: int, cuts: list[int]
) -> None:
    body = bytearray(form(boundary, parts))
    before = digest(bounded(boundary), [bytes(body)])
    body[place % len(body)] ^= flip
    assert digest(bounded(boundary), cut(bytes(body), cuts)) != before


def test_a_boundary_is_not_any_text_that_stands_for_it() -> None:
    one = digest(bounded(b"x"), [b"--x\r\nsound\r\n--x--"])
    assert digest(bounded(b"y"), [b"--y\r\nsound\r\n--y--"]) == one
    assert digest(bounded(b"y"), [b"--y\r\nsound\r\n--x--"]) != one
    assert digest(bounded(b"y"), [b"\r\nsound\r\n--"]) != one
    assert digest(bounded(b"y"), [b"--y\r\nso--yund\r\n--y--"]) != one


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "PUT"},
        {"path": "/v1/audio/speech/captions"},
        {"path": "/v1/audio", "query_string": b"/speech"},
        {"query_string": b"a=b"},
    ],
)
def test_the_address_counts(changed: dict[str, Any]) -> None:
    assert digest("", [b"{}"], **changed) != digest("", [b"{}"])


def test_the_content_type_counts_but_for_its_boundary() -> None:
    kinds = ["", "application/json", "text/plain", FORM, f"{FORM}; charset=x", "audio/\xe4\x00"]
    assert len({digest(kind, [b""]) for kind in kinds}) == len(kinds)
    assert without_boundary(f"{FORM}; boundary=a; charset=x") == without_boundary(
        f'{FORM.title()};charset=x;  boundary="a"'
    )
    assert without_boundary(f"{FORM}; boundary=a")[1] == b"a"
    assert without_boundary("application/json; boundary=a")[1] == b""
