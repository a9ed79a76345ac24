"""Where an anonymous caller's URL may lead: never to private, loopback, link-local or metadata
addresses.
"""

import re
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from oms_ledger.settings import AllowedNetwork

Network = IPv4Network | IPv6Network
Allowed = Network | AllowedNetwork
Address = IPv4Address | IPv6Address

ANYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Where other cells of the deployment may be: the operator wrote their addresses."""

REFUSED = "Unable to check address / Only https scheme is accepted"

# What the registries of Python 3.11 call global, or do not call anything, and leads inside:
# old and local ways to write an IPv4 address as an IPv6 one, site-local and segment-routing
# networks, relays, documentation, and what Azure answers its machines' questions from.
INSIDE: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
    )
)
HTTP, HTTPS, FIRST_FREE_PORT = 80, 443, 1024


def permitted(host: str, networks: Sequence[Allowed], port: int = HTTPS) -> bool:
    """Whether a connection to this address may be made, in whatever form it is written.

    Outside the networks that the operator opened, ports below 1024 are closed but for 443: behind
    them are servers that mistake a request for something else.
    """
    address = ip_address(host.partition("%")[0])
    if opened(address, networks, port):
        return True
    if port != HTTPS and port < FIRST_FREE_PORT:
        return False
    return all(_outside(one) for one in _read(address))


def opened(address: Address, networks: Sequence[Allowed], port: int) -> bool:
    """Whether the operator opened this port of the address."""
    address = plain(address)
    for one in networks:
        network = one.network if isinstance(one, AllowedNetwork) else one
        only = one.port if isinstance(one, AllowedNetwork) else None
        if address.version == network.version and address in network and only in (None, port):
            return True
    return False


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one is another spelling of; any other as it is."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _outside(address: Address) -> bool:
    inside = any(address.version == n.version and address in n for n in INSIDE)
    return address.is_global and not address.is_multicast and not inside


def _read(address: Address) -> Iterator[Address]:
    """The address, and every IPv4 address that a gateway might read in it."""
    if isinstance(address, IPv4Address):
        yield address
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour:
        yield address.sixtofour
    low = int(address) & 0xFFFFFFFF
    translated = address in IPv6Network("64:ff9b::/96")
    isatap = int(address) >> 32 & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE)
    siit = int(address) >> 32 == 0xFFFF0000  # ::ffff:0:a.b.c.d
    if translated or isatap or siit:
        yield IPv4Address(low)


def wrong_url(url: str, networks: Sequence[Allowed]) -> str | None:
    """Why this URL cannot be a hook's before anything is resolved; None when it can.

    Whatever one reader of URLs might take for something else than another is refused. An address
    in place of a name is checked at once.
    """
    if re.search(r"[\x00-\x20\\\x7f]", url):
        return REFUSED
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return REFUSED
    if not host or not host.isascii() or re.search("[@%]", parts.netloc) or port == 0:
        return REFUSED
    plain_http = parts.scheme == "http" and bool(networks)
    if not plain_http and parts.scheme != "https":
        return REFUSED
    try:
        address = ip_address(host)
    except ValueError:
        return None  # where a name leads is seen when it is resolved
    port = port or (HTTP if plain_http else HTTPS)
    open_to = opened(address, networks, port) if plain_http else permitted(host, networks, port)
    return None if open_to else REFUSED
