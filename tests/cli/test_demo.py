"""The demo: cut short at any step it is taken up where it ended, and its key is always known."""

import asyncio
import stat
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import requests

from oms_ledger.cell import Cell
from oms_ledger.cli import demo
from oms_ledger.cli.demo import ACCOUNT, APP_KEY, APP_TOKEN, KEY_FILE, WALKS, Demo
from oms_ledger.services.placement import importing
from oms_ledger.web import build
from tests.support.client import Client
from tests.support.configuring import revoke_key
from tests.support.receiver import Receiver


class Killed(BaseException):
    """The process ends here."""


class Session(requests.Session):
    """What the demo uses of `requests`, without a socket; it may end before or after a call."""

    def __init__(self, app, killed_at=None):
        super().__init__()
        self._client = Client(app)
        self.calls, self._killed_at = 0, killed_at

    def get(self, url, **_):
        return self._call("GET", url)

    def post(self, url, data=None, json=None, **_):
        return self._call("POST", url, json)

    def patch(self, url, data=None, json=None, **_):
        return self._call("PATCH", url, json)

    def _call(self, method, url, body=None):
        self._step()
        self._client.headers = {name: str(value) for name, value in self.headers.items()}
        answer = self._client.call(method, urlsplit(url).path, body)
        assert answer.status < 500
        self._step()

        def check():
            if answer.status >= 400:
                raise requests.HTTPError(str(answer.body))

        return SimpleNamespace(ok=answer.status < 400, json=answer.json, raise_for_status=check)

    def _step(self):
        self.calls += 1
        if self.calls == self._killed_at:
            raise Killed


@pytest.fixture
def demo_cell(cell, tmp_path):
    """A cell whose demo is on, with a receiver for its hook."""
    with Receiver() as receiver:
        port = urlsplit(receiver.url).port
        settings = replace(cell.settings, data_dir=tmp_path, port=port - 1, demo=True)
        opened = Cell(settings)
        yield opened
        opened.close()


def prepare(cell, killed_at=None):
    """Whether the demo came to its end."""
    session = Session(build(cell), killed_at)
    try:
        Demo(cell, session, "http://127.0.0.1:8080").prepare(show_key=False)
    except Killed:
        return False
    return True


def key_of(cell):
    lines = (cell.settings.data_dir / KEY_FILE).read_text().splitlines()
    return dict(line.split(": ") for line in lines)


def seen(cell):
    """The statuses of the demo's orders, and whether there are feed and hook."""
    client = Client(build(cell), key_of(cell))
    rows = client.call("GET", "/api/oms/pvt/orders?per_page=100&_stats=0").json()["list"]
    configured = [client.call("GET", f"/api/orders/{kind}/config").status for kind in KINDS]
    return sorted(row["status"] for row in rows), configured


KINDS = ("feed", "hook")
EXPECTED = sorted(
    ["window-to-cancel", *["handling"] * 2, *["invoiced"] * 3, *["payment-pending"] * 18]
)


def test_a_first_start_makes_all_and_a_second_one_nothing(demo_cell, capsys):
    assert len(WALKS) == 6
    assert prepare(demo_cell)
    assert seen(demo_cell) == (EXPECTED, [200, 200])
    client = Client(build(demo_cell), key_of(demo_cell))
    cart = client.call("POST", "/api/checkout/pub/orderForm", {}).json()["orderFormId"]
    etag = f"/api/checkout/pub/orderForm/{cart}/customData/faststore/cartEtag"
    assert client.call("PUT", etag, {"value": "7"}).status == 200
    head, key = demo_cell.store.head(), key_of(demo_cell)
    assert prepare(demo_cell)
    assert (demo_cell.store.head(), key_of(demo_cell)) == (head, key)
    assert key[APP_TOKEN] not in capsys.readouterr().out
    mode = (demo_cell.settings.data_dir / KEY_FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_demo_that_is_cut_short_goes_on_to_the_same_end(demo_cell, monkeypatch):
    monkeypatch.setattr(demo, "create_account", _killed)
    with pytest.raises(Killed):
        Demo(demo_cell, Session(build(demo_cell)), "").prepare(show_key=False)
    monkeypatch.undo()
    with monkeypatch.context() as patched:
        patched.setattr(demo, "create_key", _killed)
        assert not prepare(demo_cell)
    with monkeypatch.context() as patched:  # the third import, and all after it
        patched.setattr(importing, "import_line", _Until(3, importing.import_line))
        with pytest.raises(BaseExceptionGroup):
            prepare(demo_cell)
    with monkeypatch.context() as patched:
        patched.setattr(demo, "_write_privately", _killed)
        (demo_cell.settings.data_dir / KEY_FILE).unlink()
        assert not prepare(demo_cell)
    number = 1
    while not prepare(demo_cell, number):
        number += 3  # before a call, or after it
    assert number > 20
    assert seen(demo_cell) == (EXPECTED, [200, 200])


def _killed(*_, **__):
    raise Killed


class _Until:
    def __init__(self, calls, function):
        self._left, self._function = calls, function

    async def __call__(self, *arguments):
        self._left -= 1
        if self._left < 0:
            raise Killed
        return await self._function(*arguments)


def test_a_key_that_was_revoked_is_replaced_and_shown_on_a_terminal(demo_cell, capsys):
    assert prepare(demo_cell)
    former = key_of(demo_cell)
    revoke_key(demo_cell, former[APP_KEY])
    session = Session(build(demo_cell))
    Demo(demo_cell, session, "http://127.0.0.1:8080").prepare(show_key=True)
    assert key_of(demo_cell)[APP_KEY] != former[APP_KEY]
    assert key_of(demo_cell)[APP_TOKEN] in capsys.readouterr().out


def test_a_demo_whose_hook_is_refused_says_why_and_goes_on_with_the_feed(cell, tmp_path, capsys):
    closed = Cell(replace(cell.settings, data_dir=tmp_path), cell.clock)
    assert prepare(closed)
    fields = capsys.readouterr().out
    assert "without a hook" in fields
    assert "OMS_DEMO=on" in fields
    assert seen(closed) == (EXPECTED, [200, 404])
    assert asyncio.run(closed.ledger.account(ACCOUNT)).name == ACCOUNT
    closed.close()
