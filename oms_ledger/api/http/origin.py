"""Where a request came to, as its client wrote it: scheme and host, through proxies we trust."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme and host, with the port where there is one."""

    scheme: str
    host: str

    @property
    def address(self) -> str:
        """The origin as an address without a path."""
        return f"{self.scheme}://{self.host}"


def origin_of(request: Request) -> Origin:
    """The scheme and host of the request; a trusted proxy says those of its own request.

    Of a list the last counts, which the nearest proxy added: the rest came from further away. At
    the deployment's public address the scheme is that of the address.
    """
    headers = request.headers
    scheme, host = request.url.scheme, headers.get("host", "")
    if _is_trusted(request):
        fields = headers.get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
        scheme = fields if fields in ("http", "https") else scheme
        host = headers.get("x-forwarded-host", "").rpartition(",")[2].strip() or host
    public = urlsplit(request.app.state.cell.settings.public_url or "")
    if public.netloc and public.netloc == host.lower():
        scheme = public.scheme
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
