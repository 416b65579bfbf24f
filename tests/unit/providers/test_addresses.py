"""Which addresses may carry keys and recordings."""

from __future__ import annotations

import pytest

from loquent.providers.addresses import SOCKETS, checked_address


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com:8443/v1",
        "https://8.8.8.8/v1",
        "http://localhost:8000/v1",
        "http://127.0.0.2:8000",
        "http://[::1]:8000",
        "http://10.1.2.3/v1",
        "http://172.31.255.255",
        "http://192.168.0.7:9000/v1",
        "http://[fd00::7]/v1",
        "http://[::ffff:10.0.0.1]/v1",
        "http://gpu-box:8000/v1",
        "http://whisper.local",
        "http://asr.corp.internal/v1",
    ],
)
def test_encrypted_and_private_addresses_pass(url: str) -> None:
    assert checked_address(url) == url


def test_slashes_at_the_end_are_taken_off() -> None:
    assert checked_address("https://api.example.com/v1//") == "https://api.example.com/v1"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1",
        "http://8.8.8.8/v1",
        "http://172.32.0.1",
        "http://11.0.0.1",
        "http://[2001:db8::1]/v1",
        "http://[::ffff:8.8.8.8]/v1",
        # 8.8.8.8 as one number, and in hexadecimal.
        "http://134744072/v1",
        "http://0x08080808/v1",
        "http://local.example.com",
        "http://notinternal.com",
    ],
)
def test_the_open_net_needs_encryption(url: str) -> None:
    with pytest.raises(ValueError, match=r"plain http.*key and the recordings"):
        checked_address(url)


def test_a_socket_has_schemes_of_its_own() -> None:
    assert checked_address("wss://live.example.com/", SOCKETS) == "wss://live.example.com"
    assert checked_address("ws://127.0.0.1:9", SOCKETS) == "ws://127.0.0.1:9"
    with pytest.raises(ValueError, match='must begin with "wss://": over plain ws'):
        checked_address("ws://live.example.com", SOCKETS)
    with pytest.raises(ValueError, match='must begin with "https://" and a host'):
        checked_address("wss://live.example.com")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("api.example.com/v1", "must begin with"),
        ("ftp://api.example.com", "must begin with"),
        ("https://", "must begin with"),
        ("https:///v1", "must begin with"),
        ("https://user:secret@api.example.com", "api_key"),
        ("https://@api.example.com", "api_key"),
        ("https://api.example.com/v1?key=secret", '"\\?"'),
        ("https://api.example.com/v1#top", '"#"'),
        ("https://api.example.com:port/v1", "cannot be read"),
        ("https://api.example.com:99999/v1", "cannot be read"),
        ("https://[::1/v1", "cannot be read"),
        ("https://api.example.com/v 1", "spaces"),
        ("https://api.example.com/\n", "signs"),
        ("https://ap\u0456.example.com", "signs"),
    ],
)
def test_a_wrong_address_is_refused_and_not_repeated(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        checked_address(url)
    assert "secret" not in str(caught.value)
    assert "example" not in str(caught.value)
