"""Opens Redis or Valkey: one server, or whichever of several the sentinels name as the primary."""

from typing import Any
from urllib.parse import unquote

import redis
from redis.sentinel import Sentinel

from oms_ledger.settings.addresses import SENTINEL

PORT = 26379  # of a sentinel that is named without one


def connect(url: str) -> redis.Redis:
    """A client whose slow answers are given up early: what is in Redis is disposable."""
    bounds: dict[str, Any] = {"socket_connect_timeout": 2, "socket_timeout": 30}
    scheme, _, rest = url.partition("://")
    if scheme != SENTINEL:
        return redis.Redis.from_url(url, **bounds)
    credentials, _, rest = rest.rpartition("@")
    hosts, name, *number = rest.split("/")
    user, _, password = credentials.rpartition(":")
    addresses = [_address(host) for host in hosts.split(",")]
    sentinels: Any = Sentinel(addresses, sentinel_kwargs=bounds)  # type: ignore[no-untyped-call]
    primary: redis.Redis = sentinels.master_for(
        name,
        db=int(number[0]) if number else 0,
        username=unquote(user) or None,
        password=unquote(password) or None,
        **bounds,
    )
    return primary


def _address(host: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host.strip("[]"), PORT
    return name.strip("[]"), int(port)
