"""The demo on a system that does not let hooks reach this machine."""

from types import SimpleNamespace
from urllib.parse import urlsplit

from oms_ledger.cli.demo import configure
from tests.acceptance.conftest import app, client, client_of

__all__ = ["app", "client", "client_of"]


class Session:
    """What the demo uses of `requests`, without a socket."""

    def __init__(self, client):
        self._client = client

    def post(self, url, *, json, timeout):
        answer = self._client.call("POST", urlsplit(url).path, json)
        assert answer.status < 500
        return SimpleNamespace(
            ok=answer.status < 400, json=answer.json, raise_for_status=lambda: None
        )


def test_a_demo_whose_hook_is_refused_says_why_and_goes_on_with_the_feed(client):
    told = configure(Session(client), "http://127.0.0.1:8080", 8081)
    assert "without a hook" in told
    assert "OMS_HOOK_ALLOWED_NETWORKS" in told
    assert client.call("GET", "/api/orders/feed/config").status == 200
    assert client.call("GET", "/api/orders/hook/config").status == 404
