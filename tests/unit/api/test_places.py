"""Where a request goes is told from its head alone, and never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loquent.api.places import Place, place_of
from loquent.domain.errors import InvalidRequestError

DOMAIN = "speech.example"


def place(path: str = "/v1/models", host: str | None = "here", *marks: str) -> Place:
    headers = [(b"host", host.encode("latin-1"))] if host is not None else []
    headers += [(b"x-loquent-deployment", mark.encode()) for mark in marks]
    return place_of(path, headers, DOMAIN)


@pytest.mark.parametrize(
    "host",
    [
        "alpha.deployments.speech.example",
        "alpha.deployments.speech.example:8000",
        "alpha.deployments.speech.example:",
        "alpha.deployments.speech.example.",
        "ALPHA.Deployments.Speech.EXAMPLE.:443",
        " alpha.deployments.speech.example\t",
    ],
)
def test_a_host_name_names_a_deployment_however_it_is_spelled(host: str) -> None:
    assert place("/v1/models", host) == Place("alpha", "/v1/models", is_by_host=True)


@pytest.mark.parametrize(
    "host",
    [
        "speech.example",
        "deployments.speech.example",
        "alpha-deployments.speech.example",
        "alpha.deployments.speech.example.evil.test",
        "alpha.deployments.localhost",
        "127.0.0.1:8000",
        "[::1]:8000",
        "alpha%2edeployments.speech.example",
        "",
        None,
    ],
)
def test_every_other_host_is_what_all_share(host: str | None) -> None:
    assert place("/v1/models", host) == Place(None, "/v1/models")


@pytest.mark.parametrize(
    "host",
    [
        "a.b.deployments.speech.example",
        "-.deployments.speech.example",
        "a_b.deployments.speech.example",
        "a%62.deployments.speech.example",
        ".deployments.speech.example",
        "alpha.deployments.speech.example,beta.deployments.speech.example",
        "..deployments.speech.example",
    ],
)
def test_what_no_deployment_can_be_called_is_still_under_their_domain(host: str) -> None:
    found = place("/", host)
    assert found.is_by_host
    assert found.deployment_id == host.removesuffix(".deployments.speech.example").lower()


@pytest.mark.parametrize(
    "host",
    [
        "user@alpha.deployments.speech.example",
        "alpha.deployments.speech.example/",
        "alpha .deployments.speech.example",
        "alpha.deployments.speech.example:80:80",
        "alpha.deployments.speech.example:http",
        "alpha.deployments.speech.example\x00",
        "alpha.deployments.speech.example\\",
        "älpha.deployments.speech.example",
        "[::1",
        "[::g]",
        "alpha.deployments.speech.example?",
        "%zz",
    ],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequestError, match="exactly one Host"):
        place("/", host)


def test_two_hosts_are_refused_even_if_they_are_the_same() -> None:
    with pytest.raises(InvalidRequestError, match="exactly one Host"):
        place_of("/", [(b"host", b"here"), (b"host", b"here")], DOMAIN)


@pytest.mark.parametrize(
    ("path", "deployment_id", "rest"),
    [
        ("/deployments/alpha/v1/models", "alpha", "/v1/models"),
        ("/deployments/alpha/", "alpha", "/"),
        ("/deployments/alpha//v1/models", "alpha", "//v1/models"),
        ("/deployments//v1/models", "", "/v1/models"),
        ("/deployments/Alpha/v1/models", "Alpha", "/v1/models"),
        ("/deployments/alpha", None, "/deployments/alpha"),
        ("/deployments", None, "/deployments"),
        ("/v1/deployments/alpha/events", None, "/v1/deployments/alpha/events"),
        ("//deployments/alpha/v1/models", None, "//deployments/alpha/v1/models"),
        ("/Deployments/alpha/v1/models", None, "/Deployments/alpha/v1/models"),
    ],
)
def test_a_path_names_a_deployment(path: str, deployment_id: str | None, rest: str) -> None:
    assert place(path) == Place(deployment_id, rest)


@pytest.mark.parametrize("mark", ["alpha", "alpha \t", " alpha"])
def test_a_header_names_a_deployment(mark: str) -> None:
    assert place("/v1/models", "here", mark) == Place("alpha", "/v1/models")


def test_what_says_the_same_may_say_it_three_times() -> None:
    host = "alpha.deployments.speech.example"
    found = place("/deployments/alpha/v1/models", host, "alpha")
    assert found == Place("alpha", "/v1/models", is_by_host=True)


@pytest.mark.parametrize(
    ("path", "host", "marks"),
    [
        ("/deployments/beta/v1/models", "alpha.deployments.speech.example", ()),
        ("/v1/models", "alpha.deployments.speech.example", ("beta",)),
        ("/deployments/beta/v1/models", "here", ("alpha",)),
        ("/v1/models", "here", ("alpha", "alpha")),
        ("/v1/models", "alpha.deployments.speech.example", ("",)),
    ],
)
def test_what_says_different_things_is_refused(
    path: str, host: str, marks: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidRequestError):
        place(path, host, *marks)


@given(st.text(st.characters(max_codepoint=255)), st.text(), st.booleans())
def test_whatever_comes_is_one_place_or_is_refused(host: str, path: str, is_below: bool) -> None:
    host = f"{host}.deployments.{DOMAIN}" if is_below else host
    try:
        found = place("/" + path, host)
    except InvalidRequestError:
        return
    if found.deployment_id is None:
        assert found.path == "/" + path
    assert found.is_by_host >= (is_below and found.deployment_id is not None)
