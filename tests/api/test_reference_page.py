"""The API reference: a page of our own that loads nothing from anywhere."""

import base64
import hashlib
import json
import re
from pathlib import Path

from oms_ledger.api.description.page import HEADERS, render
from tests.acceptance.conftest import app, client, client_of
from tests.support.client import Client

__all__ = ["app", "client", "client_of"]

DESCRIPTION = json.loads(
    (Path(__file__).parents[2] / "docs" / "reference" / "openapi.json").read_text()
)


def test_every_operation_and_schema_is_on_the_page():
    page = render(DESCRIPTION).decode()
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for item in DESCRIPTION["paths"].values():
        for operation in item.values():
            assert operation["operationId"] in ids
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links <= set(ids)
    assert {f"schema-{name}" for name in DESCRIPTION["components"]["schemas"]} <= set(ids)


def test_the_page_loads_nothing_and_its_policy_allows_nothing_more():
    page = render(DESCRIPTION).decode()
    assert set(re.findall(r"<(script|link|img|iframe|object|form)\b", page)) == set()
    assert " style=" not in page
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = HEADERS["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert re.findall(r"'sha256-([^']+)'", policy) == [digest]
    assert "unsafe" not in policy


def test_texts_of_the_description_are_no_markup():
    harmful = {**DESCRIPTION, "info": {"title": "<script>", "description": "<b>&", "version": "1"}}
    page = render(harmful).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_the_server_shows_it_with_its_policy(client):
    answer = Client(client.app).call("GET", "/docs")
    assert answer.status == 200
    assert answer.header("content-security-policy") == HEADERS["content-security-policy"]
    assert Client(client.app).call("GET", "/redoc").status == 404
