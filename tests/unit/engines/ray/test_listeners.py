"""Open ports of Ray are found, and those that others can reach are told apart."""

import pytest

from loquent.engines.ray.listeners import Listener, _listeners, _program, beyond, host_of

TCP = [
    "   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 111 1 0 100",
    "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 222 1 0 100",
    "   2: 0100007F:18EB 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  0  0 111 1 0 100",
    "   3: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 333 1 0 100",
]
REST = " 00000000:00000000 00:00000000 00000000  0  0 "
NOWHERE = "00000000000000000000000000000000:0000 0A"
TCP6 = [
    f"   0: 0000000000000000FFFF00000100007F:18EB {NOWHERE}{REST}111 1 0 100",
    f"   1: 00000000000000000000000000000000:895D {NOWHERE}{REST}222 1 0 100",
]
PROGRAMS = {"111": "gcs_server", "222": "raylet"}


def test_open_ports_of_ray_are_read_and_no_others() -> None:
    assert list(_listeners(TCP, PROGRAMS)) == [
        Listener("127.0.0.1", 6379, "gcs_server"),
        Listener("0.0.0.0", 8080, "raylet"),
    ]


def test_addresses_of_both_kinds_are_read() -> None:
    assert list(_listeners(TCP6, PROGRAMS)) == [
        Listener("127.0.0.1", 6379, "gcs_server"),
        Listener("::", 35165, "raylet"),
    ]


@pytest.mark.parametrize(
    ("host", "interface", "is_beyond"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("::1", "127.0.0.1", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("::", "127.0.0.1", True),
        ("10.0.0.5", "127.0.0.1", True),
        ("10.0.0.5", "10.0.0.5", False),
        ("127.0.0.1", "10.0.0.5", False),
        ("0.0.0.0", "10.0.0.5", True),
    ],
)
def test_what_is_open_beyond_the_interface(host: str, interface: str, is_beyond: bool) -> None:
    listener = Listener(host, 1, "raylet")
    assert beyond([listener], interface) == ([listener] if is_beyond else [])


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["/lib/python3.11/site-packages/ray/core/src/ray/raylet/raylet", "--x.py"], "raylet"),
        (["/bin/python3.11", "-u", "/lib/ray/dashboard/dashboard.py", "--host"], "dashboard.py"),
        (["/bin/python3.11", "-m", "ray.util.client.server"], "ray.util.client.server"),
        (["ray::ServeReplica:loquent-a:model"], "ServeReplica"),
    ],
)
def test_programs_are_named_in_a_word(words: list[str], program: str) -> None:
    assert _program(words) == program


def test_names_become_addresses() -> None:
    assert host_of("localhost:6379") in {"127.0.0.1", "::1"}
    assert host_of("10.0.0.5:6379") == "10.0.0.5"
