"""Says which addresses of providers are fit to carry keys and recordings; connects to none."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

_PRIVATE_NETWORKS: Final = tuple(
    ip_network(network) for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
WEB: Final = ("https", "http")
SOCKETS: Final = ("wss", "ws")

_PRIVATE_ENDINGS: Final = (".local", ".internal", ".localhost")


def checked_address(url: str, schemes: tuple[str, str] = WEB) -> str:
    """Return `url` without the slashes at its end.

    Args:
        schemes: the encrypted one, and the plain one for private networks.
    Raises: ValueError: saying what to change, without repeating the address.
    """
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("it holds spaces, or signs that no address has")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        # Reading the port checks it.
        _ = parts.port
    except ValueError as error:
        raise ValueError("its host or port cannot be read") from error
    encrypted, plain = schemes
    if parts.scheme not in schemes or not host:
        raise ValueError(f'it must begin with "{encrypted}://" and a host')
    _refuse_extras(parts)
    if parts.scheme == plain and not is_private(host):
        raise ValueError(
            f'it must begin with "{encrypted}://": over plain {plain} everybody on the way could '
            "read the key and the recordings; only hosts of this machine or of a private network "
            "may do so"
        )
    return url.rstrip("/")


def is_private(host: str) -> bool:
    """Tell whether `host` is this machine or one of a private network, by its name alone."""
    try:
        address = ip_address(host)
    except ValueError:
        return _is_private_name(host)
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return address.is_loopback or any(
        address.version == network.version and address in network for network in _PRIVATE_NETWORKS
    )


def _is_private_name(host: str) -> bool:
    # A single label of digits is an address, spelled as one number.
    is_single_label = "." not in host and ":" not in host and host[:1].isalpha()
    return is_single_label or host.endswith(_PRIVATE_ENDINGS)


def _refuse_extras(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise ValueError("it may hold no user name or password; give the key as api_key")
    if parts.query or parts.fragment or parts.geturl().endswith(("?", "#")):
        raise ValueError('it may hold no "?" and no "#"; end it with the path')
