"""Where a stranger's URL may lead: never to private, loopback, link-local or metadata addresses."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

REFUSED = "Unable to check address / Only https scheme is accepted"


def plain(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one (mapped, 6to4, NAT64), where it holds one."""
    if isinstance(address, IPv6Address):
        if inner := address.ipv4_mapped or address.sixtofour:
            return inner
        if address in IPv6Network("64:ff9b::/96"):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def opened(address: Address, networks: Sequence[Network]) -> bool:
    """Whether the operator opened this address."""
    address = plain(address)
    return any(address.version == network.version and address in network for network in networks)


def permitted(host: str, networks: Sequence[Network]) -> bool:
    """Whether a connection to this address may be made."""
    address = plain(ip_address(host.partition("%")[0]))
    return opened(address, networks) or (address.is_global and not address.is_multicast)


def wrong_url(url: str, networks: Sequence[Network]) -> str | None:
    """Why this URL cannot be a hook's before anything is resolved; None when it can."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return REFUSED
    if not host or parts.username or parts.password:
        return REFUSED
    if parts.scheme == "http" and networks:
        return None  # whether the host lies in an opened network is seen when it is resolved
    return None if parts.scheme == "https" else REFUSED
