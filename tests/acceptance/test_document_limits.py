"""Bounds of Master Data: at the bound it works, beyond it a clear refusal and nothing stored."""

from typing import Any
from urllib.parse import quote

import pytest

from oms_ledger.masterdata.condition import MOST_BYTES
from oms_ledger.masterdata.limits import DEEPEST, LARGEST, MOST_VALUES
from tests.acceptance.test_documents import BASE, documents, get

KIB = 1024
UNKNOWN = "Operation not found for this token: 'x'"


def nested(levels):
    """An object that is so many levels deep, with the document itself."""
    inner: dict[str, Any] = {}
    for _ in range(levels - 2):
        inner = {"a": inner}
    return {"id": "1", "a": inner}


def filled(size):
    """A document of so many bytes, its id aside."""
    empty = len(b'{"text":""}')
    return {"id": "1", "text": "x" * (size - empty)}


def of_values(count):
    return {"id": "1", **{f"f{at}": 1 for at in range(count)}}


def where(text):
    return f"/search?_where={quote(text)}"


def together(count):
    return " OR ".join(["id=1"] * count)


def parentheses(count):
    return "(" * count + "id=1" + ")" * count


def triggers(count, **more):
    action = {"type": "save", "dataEntity": "copy", "json": {"a": 1}}
    return {
        "properties": {},
        "v-triggers": [{"name": f"t{at}", "action": action, **more} for at in range(count)],
    }


@pytest.mark.parametrize(
    ("most", "beyond", "text"),
    [
        (filled(LARGEST), filled(LARGEST + 1), "1048577 bytes, expected at most 1048576"),
        (nested(DEEPEST), nested(DEEPEST + 1), "nested deeper than 64"),
        (of_values(MOST_VALUES), of_values(MOST_VALUES + 1), "more than 10000 values"),
        ({"id": "1", "l": [{}] * 9999}, {"id": "1", "l": [{}] * 10_000}, "more than 10000 values"),
    ],
    ids=["bytes", "depth", "fields", "members"],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_document_beyond_a_bound_is_refused_and_not_stored(client, method, most, beyond, text):
    answer = client.call(method, documents(), beyond)
    assert (answer.status, list(answer.json())) == (400, ["Message"]), answer.body
    assert text in answer.json()["Message"]
    assert get(client, "1").status == 404
    assert client.call("GET", f"{documents()}/1/versions").json() == []
    assert client.call(method, documents(), most).status == 201
    before = get(client, "1").body
    assert client.call(method, documents(), beyond).status == 400
    assert get(client, "1").body == before
    assert len(client.call("GET", f"{documents()}/1/versions").json()) == 1


def test_a_partial_save_is_bound_by_what_comes_of_it(client):
    assert client.call("PUT", f"{documents()}/1", filled(LARGEST - 100)).status == 204
    answer = client.call("PATCH", f"{documents()}/1", {"more": "y" * 200})
    assert answer.status == 400
    assert "expected at most 1048576" in answer.json()["Message"]
    assert get(client, "1", "more").json() == {"more": None}


@pytest.mark.parametrize(
    ("most", "beyond", "text"),
    [
        (where(together(200)), where(together(201)), "more than 200 comparisons"),
        (where(parentheses(32)), where(parentheses(33)), "parenthes"),
        (
            where(f"id={'x' * (MOST_BYTES - 3)}"),
            where(f"id={'x' * (MOST_BYTES - 2)}"),
            "longer than 8192 bytes",
        ),
        (
            where("createdBy=" + "*a" * 32),
            where("createdBy=" + "*a" * 33),
            "more than 32 wildcards",
        ),
        (None, where(f"{'.'.join('abcdefghi')}=1"), "1 to 8 names"),
        (None, where("createdIn=2024*"), "Invalid filter"),
        (None, "/scroll?_token=x", UNKNOWN),
        (None, "/search?_sort=nope", "Field 'nope' not found in schema"),
        (None, "/search?_sort=id upwards".replace(" ", "%20"), ""),
        (None, "/search?_schema=nope", "Schema 'nope' not found in entity 'Newsletter'"),
    ],
    ids=str,
)
def test_an_expression_beyond_a_bound_is_refused(client, most, beyond, text):
    assert client.call("PUT", f"{documents()}/1", {"a": 1}).status == 204
    answer = client.call("GET", f"{BASE}/Newsletter{beyond}")
    assert (answer.status, list(answer.json())) == (400, ["Message"]), answer.body
    assert text in answer.json()["Message"]
    if most is not None:
        assert client.call("GET", f"{BASE}/Newsletter{most}").status == 200


@pytest.mark.parametrize(
    ("requested", "shown"),
    [
        ("resources=0-1000", 100),
        ("resources=0-100", 100),
        ("resources=0-0", 0),
        ("resources=103-999", 2),
        ("resources=900-999", 0),
        (None, 15),
    ],
)
def test_ranges_are_cut_and_tell_the_total(client, requested, shown):
    for at in range(105):
        assert client.call("PUT", f"{documents()}/{at}", {}).status == 204
    headers = {"REST-Range": requested} if requested else {}
    answer = client.call("GET", f"{BASE}/Newsletter/search", **headers)
    assert (answer.status, len(answer.json())) == (200, shown)
    assert answer.header("rest-content-range").endswith("/105")


@pytest.mark.parametrize(
    ("most", "beyond", "text"),
    [
        (triggers(50), triggers(51), "found 51, expected at most 50"),
        (
            triggers(1, retry={"times": 20}),
            triggers(1, retry={"times": 21}),
            "retry.times",
        ),
        (triggers(1, retry={"times": 1}), triggers(1, retry={"times": 0}), "retry.times"),
        (triggers(1, weight=100), triggers(1, weight=101), "weight"),
        (triggers(1, weight=0), triggers(1, weight=-1), "weight"),
        (triggers(1, condition="a=1"), triggers(1, condition="a=="), "condition"),
        (
            triggers(1, retry={"delay": {"addMinutes": 0}}),
            triggers(1, retry={"delay": {"addMinutes": -1}}),
            "addMinutes",
        ),
        (
            {"properties": {}, "x": "y" * (250 * KIB)},
            {"properties": {}, "x": "y" * (256 * KIB)},
            "larger than 262144 bytes",
        ),
    ],
    ids=["triggers", "times", "no times", "weight", "no weight", "condition", "delay", "bytes"],
)
def test_a_schema_beyond_a_bound_is_refused_and_not_stored(client, most, beyond, text):
    url = f"{BASE}/Newsletter/schemas/v1"
    answer = client.call("PUT", url, beyond)
    assert (answer.status, list(answer.json())) == (400, ["Message"]), answer.body
    assert text in answer.json()["Message"]
    assert client.call("GET", url).status == 204
    assert client.call("PUT", url, most).status == 200
    assert client.call("PUT", url, beyond).status == 400
    assert client.call("GET", url).json() == most


def test_an_entity_has_at_most_100_indices(client):
    url = f"{BASE}/Newsletter/indices"
    for at in range(100):
        index = {"name": f"i{at}", "multiple": True, "fields": "a"}
        assert client.call("PUT", url, index).status == 200
    answer = client.call("PUT", url, {"name": "more", "multiple": True, "fields": "a"})
    assert (answer.status, list(answer.json())) == (400, ["Message"])
    assert len(client.call("GET", url).json()) == 100


def test_a_cluster_has_one_to_five_rules(client):
    client.call("PUT", f"{documents()}/1", {"a": 1})
    rules = [{"name": str(at), "rule": "a=1"} for at in range(6)]
    url = f"{documents()}/1/clusters"
    assert client.call("POST", url, rules[:5]).status == 200
    for wrong in (rules, [], [{"name": "x", "rule": "a=="}]):
        answer = client.call("POST", url, wrong)
        assert (answer.status, list(answer.json())) == (400, ["Message"])


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_attachments_are_not_available(client, method):
    client.call("PUT", f"{documents()}/1", {"a": 1})
    before = get(client, "1").body
    answer = client.call(
        method, f"{documents()}/1/photo/attachments", {} if method == "POST" else None
    )
    assert (answer.status, answer.json()) == (404, {"Message": "Not available"})
    assert get(client, "1").body == before
    action = {"type": "email", "to": "a@x.com", "attachments": ["x"]}
    answer = client.call(
        "PUT",
        f"{BASE}/Newsletter/schemas/v1",
        {"properties": {}, "v-triggers": [{"name": "t", "action": action}]},
    )
    assert answer.status == 400
    assert "attachments" in answer.json()["Message"]
