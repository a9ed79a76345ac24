"""The official client's calls for Master Data, byte for byte as it put them on the wire.

`tests/published/masterdata_client.json` was recorded from every method of `MasterData` of
`@vtex/api` 6.51.3 (Node 20), against a deployment of ours; what differs from run to run stands
there in braces. The client takes 200 to 299 for done and anything else for an error that carries
the answer, keeps an answer with an `etag` or a `max-age`, and divides `rest-content-range` at `/`.
"""

import gzip
import json
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.test_permissions import signed_in
from tests.support import over_http
from tests.support.patience import HANGS
from tests.support.purchases import ACCOUNT

RECORDED = json.loads(
    (Path(__file__).parents[1] / "published" / "masterdata_client.json").read_text()
)
ENTITY = "wishlist"
SCHEMA = json.loads(RECORDED["calls"][1]["body"])
A, C, D, E, P, Z = (f"{name}@x.com" for name in ("a+b", "c", "d", "e", "plain", "z"))
SAVED = [
    {"Message": "Required properties are missing from object: email.", "Field": "email"},
    {"Message": "Invalid type. Expected String but got Integer.", "Field": "name"},
]


def receipt(document_id: str, query: str = "?_schema=v1") -> dict[str, str]:
    href = f"http://api.vtex.com/api/dataentities/{ENTITY}/documents/"
    return {
        "Id": f"{ENTITY}-{document_id}",
        "Href": f"{href}{document_id.replace(' ', '%20')}{query}",
        "DocumentId": document_id,
    }


def message(text: str) -> dict[str, str]:
    return {"Message": text}


def emails(*found: str) -> list[dict[str, str]]:
    return [{"email": one} for one in found]


ANY = object()
EXPECTED: dict[str, tuple[int, Any]] = {
    "getSchema: unknown": (204, None),
    "createOrUpdateSchema: new": (
        200,
        message(
            "JSON Schema persisted successfully. "
            "Revalidation and indexing process running in background."
        ),
    ),
    "createOrUpdateSchema: equal": (304, None),
    "getSchema: known": (200, SCHEMA),
    "getPublicSchema": (200, SCHEMA),
    "createDocument": (201, ANY),
    "createDocument: no schema": (201, receipt("plain", "")),
    "createDocument: invalid": (400, SAVED),
    "getDocument: all": (200, ANY),
    "getDocument: fields": (200, {"id": "{id}", "email": A, "nope": None}),
    "getDocument: whole id": (200, {"id": "{id}"}),
    "getDocument: unknown": (404, message("Document not found")),
    "createOrUpdateEntireDocument: known": (200, receipt("{id}")),
    "createOrUpdateEntireDocument: equal": (304, None),
    "createOrUpdateEntireDocument: no id": (201, ANY),
    "createOrUpdatePartialDocument: known": (200, receipt("{id}")),
    "createOrUpdatePartialDocument: new id": (201, receipt("new one", "")),
    "getDocument: id with a space": (200, {"email": Z, "name": None}),
    "createOrUpdatePartialDocument: no id": (201, ANY),
    "updateEntireDocument": (204, None),
    "updateEntireDocument: equal": (304, None),
    "updatePartialDocument": (204, None),
    "searchDocuments: plus": (200, [{"email": A, "n": 9}]),
    "searchDocuments: grammar": (200, [{"email": A, "n": 9}, {"email": D, "n": 3}]),
    "searchDocuments: no where": (200, emails(A, D)),
    "searchDocuments: empty texts": (200, [{"email": A, "name": None}]),
    "searchDocuments: nested": (200, [{"n": 9}]),
    "searchDocuments: second page": (200, emails(E, P)),
    "searchDocuments: unknown field": (400, message("Field 'nope' not found in schema")),
    "searchDocumentsWithPaginationInfo": (200, emails(A)),
    "searchDocumentsWithPaginationInfo: many": (200, ANY),
    "scrollDocuments: first": (200, emails(A, D, E)),
    "scrollDocuments: next": (200, emails(P, Z)),
    "scrollDocuments: end": (200, []),
    "scrollDocuments: end again": (200, []),
    "scrollDocuments: unknown token": (400, message("Operation not found for this token: 'xx'")),
    "scrollDocuments: where": (200, emails(D)),
    "deleteDocument": (204, None),
    "deleteDocument: gone": (204, None),
    "getDocument: gone": (404, message("Document not found")),
}


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


def filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def sent(url: str, call: dict[str, Any], values: dict[str, str]) -> Answered:
    """Put a recorded call on the wire, with these values in the place of braces."""
    body = filled(call["body"] or "", values).encode()
    headers = {
        name: filled(value, values)
        for name, value in (RECORDED["headers"] | call["headers"]).items()
    }
    if body:
        headers["content-length"] = str(len(body))
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=HANGS)) as connection:
        connection.putrequest(
            call["method"],
            filled(call["target"], values),
            skip_host=True,
            skip_accept_encoding=True,
        )
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body or None)
        answer = connection.getresponse()
        content = answer.read()
        fields = {name.lower(): value for name, value in answer.getheaders()}
    if fields.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    return Answered(answer.status, fields, content)


def test_every_method_was_recorded():
    methods = {call["call"].partition(":")[0] for call in RECORDED["calls"]}
    assert methods == {
        *("getSchema", "createOrUpdateSchema", "getPublicSchema", "getDocument"),
        *("createDocument", "createOrUpdateEntireDocument", "createOrUpdatePartialDocument"),
        *("updateEntireDocument", "updatePartialDocument", "deleteDocument", "scrollDocuments"),
        *("searchDocuments", "searchDocumentsWithPaginationInfo"),
    }
    assert [call["call"] for call in RECORDED["calls"]] == list(EXPECTED)


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.vtex.ds.v10+json"])
def test_recorded_calls_of_the_official_client_are_answered(client, app, accept):
    """Both spellings of `Accept` that versions of the client send; one token for both carriers."""
    values = {"account": ACCOUNT, "entity": ENTITY, "token": signed_in(client).json()["token"]}
    url = over_http.serve(app)
    for call in RECORDED["calls"]:
        call = {**call, "headers": {**call["headers"], "accept": accept}}
        answer = sent(url, call, values)
        if call["call"] == "createDocument":
            values["id"] = answer.json()["DocumentId"]
            assert answer.json() == receipt(values["id"])
        if call["call"] == "scrollDocuments: first":
            values["scroll"] = answer.headers["x-vtex-md-token"]
        require(call["call"], answer, values)


def require(call: str, answer: Answered, values: dict[str, str]) -> None:
    status, expected = EXPECTED[call]
    assert (call, answer.status) == (call, status), answer.body
    if expected is not ANY:
        assert (call, answer.json()) == (call, json.loads(filled(json.dumps(expected), values)))
    if answer.body:
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert "etag" not in answer.headers  # the client would keep the answer
    assert "max-age" not in answer.headers.get("cache-control", "")
    if call.startswith("searchDocumentsWithPaginationInfo"):
        assert answer.headers["rest-content-range"].split("/")[1] == "5"
    if call.startswith("scrollDocuments") and status == 200 and "where" not in call:
        assert answer.headers["x-vtex-md-token"] == values["scroll"]
