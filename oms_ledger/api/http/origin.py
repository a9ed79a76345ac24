"""Where a request came to, as its client wrote it: scheme and host, through proxies we trust."""

from dataclasses import dataclass
from ipaddress import ip_address

from fastapi import Request


@dataclass(frozen=True, slots=True)
class Origin:
    scheme: str
    host: str

    @property
    def address(self) -> str:
        return f"{self.scheme}://{self.host}"


def origin_of(request: Request) -> Origin:
    """The scheme and host of the request; a trusted proxy says those that it was asked by."""
    headers = request.headers
    scheme, host = request.url.scheme, headers.get("host", "")
    if _is_trusted(request):
        told = headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
        scheme = told if told in ("http", "https") else scheme
        host = headers.get("x-forwarded-host", "").split(",")[0].strip() or host
    return Origin(scheme, host)


def _is_trusted(request: Request) -> bool:
    networks = request.app.state.cell.settings.trusted_proxies
    if not networks or request.client is None:
        return False
    try:
        client = ip_address(request.client.host)
    except ValueError:
        return False
    return any(client in network for network in networks)
