"""Every field of every form with what nobody would type: refused or taken, and never a failure."""

import asyncio
import re
from html import unescape
from typing import NamedTuple
from urllib.parse import quote

import pytest

from oms_ledger.accounts.account import SETTINGS, parse_setting
from oms_ledger.accounts.refusals import InvalidSetting
from tests.acceptance.test_order_life import paid
from tests.backoffice.test_other_pages import PAGES, ROOT, client  # noqa: F401 - a fixture
from tests.support.browsing import Browser
from tests.support.run_until_idle import settle

HOSTILE = (
    "\"><script>window.hit = 1</script>\x00{{7*7}}\u202e\ud800😀' OR 1=1 --\r\nx: y",
    "9" * 400,
    "²",
    "-1.5e400",
)
ACTIONS = (
    "cancel",
    "start-handling",
    "invoice",
    "change",
    "change-v1",
    "change-seller",
    "tracking",
)
OTHERS = ("partners/sellers/1", "masterdata/CL", "masterdata", "orders/bulk?command=cancel")
FIELD = re.compile(r"<(input|textarea|select|button)\b([^>]*)>")


class Form(NamedTuple):
    method: str
    target: str
    fields: dict[str, str]


def attribute(tag: str, name: str) -> str | None:
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else None


def forms(html: str, page: str) -> list[Form]:
    """The forms of a page, each with what its fields hold; of several buttons the first."""
    found = []
    for tag, inside in re.findall(r"<form\b([^>]*)>(.*?)</form>", html, re.S):
        fields: dict[str, str] = {}
        for field in FIELD.finditer(inside):
            name = attribute(field[2], "name")
            chosen = inside[field.end() :] if field[1] == "select" else field[2]
            if name and (name not in fields or not fields[name]):
                fields[name] = attribute(chosen, "value") or ""
        found.append(
            Form(attribute(tag, "method") or "get", attribute(tag, "action") or page, fields)
        )
    return found


def encoded(fields: dict[str, str]) -> str:
    """As a browser sends it, and surrogates as no browser would."""
    return "&".join(
        f"{quote(name)}={quote(value, errors='surrogatepass')}" for name, value in fields.items()
    )


def test_no_field_of_any_form_makes_a_page_fail(cell, client, browser_of):  # noqa: F811
    browser = browser_of(deployment=True)
    order, key = paid(client), client.headers["X-VTEX-API-AppKey"]
    client.call("POST", f"/api/oms/pvt/orders/{order}/start-handling")
    asyncio.run(settle(cell))
    pages = [page.format(order=order, key=key) for page in PAGES]
    pages += [f"orders/{order}/{action}" for action in ACTIONS] + list(OTHERS)
    targets = [f"{ROOT}/{page}".rstrip("/") for page in pages] + ["/admin/-/me", "/admin/-/system"]
    seen, failed = set(), []
    for target in targets:
        for form in forms(browser.get(target).html, target):
            kind = (form.method, form.target.partition("?")[0], form.fields.get("do"), *form.fields)
            if kind in seen or form.target == "/admin/-/sign-out":
                continue
            seen.add(kind)
            for name in form.fields:
                for text in HOSTILE:
                    body = encoded({**form.fields, name: text})
                    if form.method == "get":
                        answer = browser.get(f"{form.target.partition('?')[0]}?{body}")
                    else:
                        answer = browser.post(form.target, body)
                    if answer.status >= 500:
                        failed.append((form.method, form.target, name, ascii(text[:20])))
    assert len(seen) > 40
    assert failed == []
    broken = [target for target in targets if browser.get(target).status >= 500]
    assert broken == []  # by what was stored


def test_no_field_makes_the_entrance_fail(app, operator_of):
    operator_of()
    anonymous = Browser(app)
    fields = {"email": "bo@example.com", "password": "x" * 12, "token": "t", "name": "Bo"}
    for page in ("sign-in", "first", "link"):
        for name in fields:
            for text in HOSTILE[:2]:  # each costs a password's hash
                answer = anonymous.post(f"/admin/-/{page}", encoded({**fields, name: text}))
                assert answer.status < 500, (page, name, ascii(text[:20]))


@pytest.mark.parametrize(
    "name", [n for n, (default, _) in SETTINGS.items() if type(default) is int]
)
def test_a_number_that_no_instant_can_be_reckoned_with_is_no_setting(name):
    for text in ("9" * 10, "9" * 400, "²", "٣", "-1", "1.5"):
        with pytest.raises(InvalidSetting):
            parse_setting(name, text)
    assert parse_setting(name, "030") == 30
