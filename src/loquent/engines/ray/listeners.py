"""Finds the ports that Ray has open on this machine, and on which interfaces; opens none."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
"""Source: the kernel's include/net/tcp_states.h, as in proc_net_tcp."""

_RAY: Final = re.compile(
    r"^ray::|/ray/core/src/ray/|/ray/dashboard/|/ray/_private/|/ray/autoscaler/|ray\.util\.client"
)
_SOCKET: Final = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True, order=True)
class Listener:
    """One open port of Ray.

    Attributes:
        program: what has it open, in a word.
    """

    host: str
    port: int
    program: str

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine can connect."""
        address = ip_address(self.host)
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            return address.ipv4_mapped.is_loopback
        return address.is_loopback


def ray_listeners() -> list[Listener]:
    """Return the ports that Ray's processes listen on, as far as we may look into them."""
    programs = dict(_sockets_of_ray())
    found: set[Listener] = set()
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            lines = (_PROC / "net" / name).read_text().splitlines()[1:]
            found.update(_listeners(lines, programs))
    return sorted(found)


def beyond(listeners: Iterable[Listener], interface: str) -> list[Listener]:
    """Return those that others reach by another address than `interface`; loopback is nobody's."""
    return [each for each in listeners if not each.is_private and each.host != interface]


def _listeners(lines: Iterable[str], programs: dict[str, str]) -> Iterator[Listener]:
    """Read lines of /proc/net/tcp or tcp6."""
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTENING and fields[9] in programs:
            address, _, port = fields[1].rpartition(":")
            yield Listener(_host(address), int(port, 16), programs[fields[9]])


def _host(hexadecimal: str) -> str:
    """Return an address that stands in words of the machine's own byte order."""
    words = [hexadecimal[at : at + 8] for at in range(0, len(hexadecimal), 8)]
    packed = b"".join(struct.pack("=I", int(word, 16)) for word in words)
    address = IPv4Address(packed) if len(packed) == 4 else IPv6Address(packed)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(address)


def _sockets_of_ray() -> Iterator[tuple[str, str]]:
    """Yield the numbers of sockets, each with the program that holds it."""
    for process in _PROC.glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if not _RAY.search(" ".join(words).strip()):
                continue
            program = _program(words)
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    if found := _SOCKET.match(str(descriptor.readlink())):
                        yield found[1], program


def _program(words: list[str]) -> str:
    """Return what a process is, in a word."""
    first = words[0].strip()
    if first.startswith("ray::"):
        return first.split(":", 3)[2] or first
    scripts = [Path(word).name for word in words[1:] if word.endswith(".py") or "ray." in word]
    is_python = Path(first).name.startswith("python")
    return scripts[0] if scripts and is_python else Path(first).name


def host_of(address: str) -> str:
    """Return the numeric address in host:port, as listeners have it."""
    host = address.rpartition(":")[0].strip("[]")
    with suppress(OSError):
        return str(socket.getaddrinfo(host, None)[0][4][0])
    return host
