"""Master Data documents over HTTP: saved, read, found, scrolled, versioned."""

import asyncio
import re
import uuid
from typing import Any

import pytest

from oms_ledger.accounts.events import AccountSettingsChanged, DocumentsDisclosed
from oms_ledger.eventstore.command import CommandContext
from projections.masterdata import search
from tests.support.client import Client
from tests.support.purchases import ACCOUNT, open_account

BASE = "/api/dataentities"
CLARK = {"email": "clark.kent@examplemail.com", "firstName": "Clark", "age": 33}


def documents(entity="Newsletter"):
    return f"{BASE}/{entity}/documents"


def post(client, body, entity="Newsletter", query="", **headers):
    return client.call("POST", f"{documents(entity)}{query}", body, **headers)


def get(client, document_id, fields="_all", entity="Newsletter"):
    return client.call("GET", f"{documents(entity)}/{document_id}?_fields={fields}")


def schema(client, body, entity="Newsletter", name="v1"):
    answer = client.call("PUT", f"{BASE}/{entity}/schemas/{name}", body)
    assert answer.status in (200, 304), answer.body
    return answer


def find(client, query, entity="Newsletter", **headers):
    answer = client.call("GET", f"{BASE}/{entity}/search?{query}", **headers)
    assert answer.status == 200, answer.body
    return answer


def message(answer):
    return answer.json()["Message"]


PERSON = {
    "properties": {
        "email": {"type": "string"},
        "firstName": {"type": "string"},
        "age": {"type": "integer"},
        "at": {"type": "string", "format": "date-time"},
    },
    "v-indexed": ["email"],
}


# Documents


def test_post_creates_and_answers_as_published(client):
    answer = post(client, CLARK)
    assert answer.status == 201
    values = answer.json()
    assert list(values) == ["Id", "Href", "DocumentId"]
    assert values["Id"] == f"Newsletter-{values['DocumentId']}"
    assert values["Href"].endswith(f"/api/dataentities/Newsletter/documents/{values['DocumentId']}")
    assert uuid.UUID(values["DocumentId"]).version == 4
    whole = get(client, values["DocumentId"]).json()
    assert list(whole)[:3] == ["email", "firstName", "age"]
    key = client.headers["X-VTEX-API-AppKey"]
    assert (whole["createdBy"], whole["updatedBy"], whole["updatedIn"]) == (key, None, None)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", whole["createdIn"])
    assert (whole["followers"], whole["tags"], whole["schemas"]) == ([], [], [])
    assert (whole["accountName"], whole["dataEntityId"]) == (ACCOUNT, "Newsletter")
    plain = client.call("GET", f"{documents()}/{values['Id']}").json()
    assert list(plain) == ["id", "accountId", "accountName", "dataEntityId"]


def test_saves_follow_the_table_of_calls(client):
    assert post(client, {"id": "A1", "a": 1}).status == 201
    assert post(client, {"id": "a1", "b": 2}).status == 200  # ids compare without case
    assert get(client, "A1", "id,a,b").json() == {"id": "A1", "a": None, "b": 2}
    assert client.call("PATCH", f"{documents()}/A1", {"c": None}).status == 204
    assert client.call("PATCH", f"{documents()}/A1", {"c": None}).status == 304
    assert client.call("PUT", f"{documents()}/A1", {"d": 1.10}).status == 204
    assert get(client, "A1", "b,c,d").json() == {"b": None, "c": None, "d": 1.1}
    assert client.call("PUT", f"{documents()}/A1", {"d": 1.1}).status == 304
    assert client.call("PUT", f"{documents()}/new", {}).status == 204
    assert client.call("PATCH", documents(), {"id": "new", "x": 1}).status == 200
    assert client.call("PUT", documents(), {"x": 1}).status == 201
    assert client.call("DELETE", f"{documents()}/NEW").status == 204
    assert client.call("DELETE", f"{documents()}/NEW").status == 204
    answer = get(client, "new")
    assert (answer.status, message(answer)) == (404, "Document not found")


def test_partial_save_replaces_objects_whole(client):
    post(client, {"id": "1", "o": {"a": 1, "b": 2}, "l": [1, 2], "keep": "x"})
    client.call("PATCH", f"{documents()}/1", {"o": {"c": 3}, "createdBy": "me", "tags": ["x"]})
    values = get(client, "1").json()
    assert (values["o"], values["l"], values["keep"]) == ({"c": 3}, [1, 2], "x")
    assert values["createdBy"] != "me"
    assert values["tags"] == []
    assert get(client, "1", "o.c").json() == {"o": {"c": 3}}


@pytest.mark.parametrize("given", ["new one", "a?b#c", "50%2F", "+é🎉", "{x}&y=z", "..."])
def test_the_address_of_a_saved_document_leads_to_it(client, given):
    href = post(client, {"id": given, "n": 1}).json()["Href"]
    host, _, path = href.removeprefix("http://").partition("/")
    assert (host, path.isascii(), " " in path) == ("127.0.0.1", True, False)
    answer = client.call("GET", f"/{path}?_fields=id,n")
    assert (answer.status, answer.json()) == (200, {"id": given, "n": 1})


@pytest.mark.parametrize("body", [None, [], "x", 7, b"{"])
def test_bad_bodies_are_400_with_message(client, body):
    answer = post(client, body)
    assert answer.status == 400
    assert list(answer.json()) == ["Message"]


@pytest.mark.parametrize("given", ["a/b", "x" * 101, "", 1.5, ".", ".."])
def test_bad_ids_are_400(client, given):
    assert post(client, {"id": given}).status == 400


def test_limits_of_documents_are_400_and_store_nothing(client):
    deep: dict[str, Any] = {}
    for _ in range(62):
        deep = {"a": deep}
    assert (
        post(client, {"id": "1", "a": "x" * 1024, **{str(n): 1 for n in range(10_001)}}).status
        == 400
    )
    assert post(client, {"id": "1", "a": deep, "b": "x" * (1024 * 1024)}).status == 400
    assert get(client, "1").status == 404


def test_where_guards_a_change(client):
    post(client, {"id": "1", "state": "open"})
    assert client.call("PATCH", f"{documents()}/1?_where=state=closed", {"x": 1}).status == 304
    assert client.call("PATCH", f"{documents()}/1?_where=state=open", {"x": 1}).status == 204
    assert client.call("PUT", f"{documents()}/2?_where=state=open", {"x": 1}).status == 304
    assert get(client, "2").status == 404


def test_repeated_post_makes_one_document(client):
    answers = [post(client, CLARK, Idempotency_Key="k") for _ in range(3)]
    assert len({answer.body for answer in answers}) == 1
    assert {answer.status for answer in answers} == {201}
    assert find(client, "").header("rest-content-range") == "resources 0-1/1"


def test_other_hosts_and_addresses_reach_the_same(client):
    post(client, {"id": "1"})
    for path in (
        f"/{ACCOUNT}/dataentities/Newsletter/documents/1",
        f"/dataentities/Newsletter/documents/1?an={ACCOUNT}",
        f"{documents()}/1/?_page=2&an={ACCOUNT}",
    ):
        answer = client.call("GET", path, Accept="application/vnd.vtex.ds.v10+json")
        assert answer.status == 200, path
        assert answer.header("content-type") == "application/json; charset=utf-8"


# Schemas


def test_schema_round_trip(client):
    url = f"{BASE}/Newsletter/schemas/v1"
    assert (client.call("GET", url).status, client.call("GET", url).body) == (204, b"")
    answer = schema(client, PERSON)
    assert message(answer).startswith("JSON Schema persisted successfully.")
    assert schema(client, PERSON).status == 304
    assert client.call("GET", url).json() == PERSON
    assert client.call("GET", f"{BASE}/Newsletter/schemas").json() == PERSON
    schema(client, {"properties": {}}, name="v2")
    values = client.call("GET", f"{BASE}/Newsletter/schemas").json()
    assert [one["name"] for one in values] == ["v1", "v2"]
    assert client.call("DELETE", url).status == 204
    assert client.call("DELETE", url).status == 204


def test_documents_are_validated_before_they_are_stored(client):
    schema(client, {**PERSON, "required": ["email", "age"]})
    answer = post(client, {"id": "1", "firstName": 7, "age": "x"}, query="?_schema=v1")
    assert answer.status == 400
    assert answer.json() == [
        {"Message": "Required properties are missing from object: email.", "Field": "email"},
        {"Message": "Invalid type. Expected String but got Integer.", "Field": "firstName"},
        {"Message": "Invalid type. Expected Integer but got String.", "Field": "age"},
    ]
    assert get(client, "1").status == 404
    assert post(client, {"id": "1", "firstName": 7}).status == 201
    assert client.call("PATCH", f"{documents()}/1?_schema=v1", {"age": 1}).status == 400
    answer = post(client, {}, query="?_schema=nope")
    assert message(answer) == "Schema 'nope' not found in entity 'Newsletter'"


def test_formats_are_asserted_and_each_error_names_its_field(client):
    formats = ("date-time", "date", "time", "email", "uri", "uuid", "ipv4", "ipv6", "telephone")
    properties = {name: {"type": "string", "format": name} for name in formats}
    schema(client, {"properties": properties, "additionalProperties": False})
    answer = post(client, dict.fromkeys((*formats, "more"), "x y"), query="?_schema=v1")
    named = {one["Field"] for one in answer.json()}
    assert named == {*formats, "more"} - {"telephone"}
    known = {"uuid": "0FD0D9F9-46F9-4DB0-8B56-1B6A25F4D8A5", "telephone": "x"}
    assert post(client, known, query="?_schema=v1").status == 201


def test_compliance_is_evaluated_again_when_schemas_change(client):
    post(client, {"id": "1", "email": "a"})
    post(client, {"id": "2", "email": 5})
    schema(client, PERSON)
    assert [one["id"] for one in find(client, "_schema=v1").json()] == ["1"]
    assert get(client, "1").json()["schemas"] == ["v1"]
    schema(client, {"properties": {"email": {"type": "integer"}}})
    assert [one["id"] for one in find(client, "_schema=v1").json()] == ["2"]
    progress = "/api/ledger/masterdata/Newsletter/schemas/v1/progress"
    assert client.call("GET", progress).json() == {"total": 2, "done": 2, "valid": 1, "invalid": 1}


def test_counters_have_no_gap_and_nobody_sets_them(client):
    schema(
        client,
        {
            "properties": {"n": {"type": "integer"}, "a": {"type": "string"}},
            "v-auto-increment": ["n"],
        },
    )
    for at in range(3):
        post(client, {"id": str(at), "n": 99}, query="?_schema=v1")
    assert post(client, {"id": "9", "a": 1}, query="?_schema=v1").status == 400
    post(client, {"id": "3"}, query="?_schema=v1")
    client.call("PATCH", f"{documents()}/1?_schema=v1", {"n": 50, "a": "x"})
    assert [get(client, str(at), "n").json()["n"] for at in range(4)] == [1, 2, 3, 4]
    schema(client, {"properties": {"n": {"type": "integer"}}}, name="free")
    for query in ("", "?_schema=free"):  # no other way to set or lose a number
        client.call("PATCH", f"{documents()}/2{query}", {"n": 1})
        client.call("PUT", f"{documents()}/3{query}", {"b": 1, "n": 1})
        post(client, {"id": f"other{query}", "n": 1}, query=query)
    assert [get(client, str(at), "n").json()["n"] for at in (2, 3)] == [3, 4]
    assert get(client, "other?_schema=free".replace("?", "%3F"), "n").json() == {"n": None}
    client.call("PATCH", f"{documents()}/other?_schema=v1", {"n": 1, "a": "x"})
    assert get(client, "other", "n").json() == {"n": None}  # it was created without


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"properties": []},
        {"properties": {"a": {"$ref": "http://example.com/x"}}},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"properties": {"a": {"type": "strin"}}},
        {"properties": {}, "v-indexed": ["nope"]},
        {"properties": {"n": {"type": "string"}}, "v-auto-increment": ["n"]},
        {"properties": {}, "v-canonicalto": "http://x/api/dataentities/Newsletter/schemas/none"},
        {"properties": {}, "v-security": 7},
        {"properties": {}, "v-triggers": [{"name": "a b", "action": {"type": "http", "uri": "x"}}]},
        {"properties": {}, "x": "y" * 300_000},
    ],
    ids=lambda body: str(body)[:50],
)
def test_bad_schemas_are_400_and_not_stored(client, body):
    answer = client.call("PUT", f"{BASE}/Newsletter/schemas/v1", body)
    assert (answer.status, list(answer.json())) == (400, ["Message"])
    assert client.call("GET", f"{BASE}/Newsletter/schemas/v1").status == 204


def test_the_61st_schema_is_refused(client):
    for at in range(60):
        schema(client, {"properties": {}}, name=f"s{at}")
    answer = client.call("PUT", f"{BASE}/Newsletter/schemas/s60", {"properties": {}})
    assert message(answer) == "Maximum number of schemas reached for entity 'Newsletter'"


# Search


def filled(client, entity="Newsletter"):
    schema(client, PERSON, entity)
    for at, (name, age) in enumerate([("Ana", 30), ("Bia", 20), ("José +1", None), ("bob", 40)]):
        body = {"id": str(at), "firstName": name, "age": age, "email": f"{at}+x@a.com"}
        assert post(client, {k: v for k, v in body.items() if v is not None}, entity).status == 201


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "0123"),
        ("firstName=ANA", "0"),
        ("firstName=ana&firstName=bob", "03"),
        ("firstName=*b*", "13"),
        ("_where=age>20 AND age<=40", "03"),
        ("_where=(age=20 OR age=40)", "13"),
        ("_where=age is null", "2"),
        ("_where=firstName=José%20%2B1", "2"),
        ("_where=firstName=José++1", "2"),
        ("email=0%2Bx@a.com", "0"),
        ("email=0+x@a.com", "0"),
        ("_where=email=1+x@a.com+AND+age=20", "1"),
        ("_sort=age DESC", "3012"),
        ("_sort=age", "1032"),
        ("_sort=firstName asc", "0132"),
        ("_keyword=*X@A*", "0123"),
        ("_keyword=nothing", ""),
        ("_schema=v1&age=30", "0"),
        ("_where=createdIn>2020-01-01", "0123"),
        ("_where=id between 1 AND 2", "12"),
        ("_where=firstName=", ""),
    ],
)
def test_search_finds(client, query, ids):
    filled(client)
    assert "".join(one["id"] for one in find(client, query).json()) == ids


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("nope=1", "Field 'nope' not found in schema"),
        ("_where=nope=1", "Field 'nope' not found in schema"),
        ("_sort=nope", "Field 'nope' not found in schema"),
        ("_where=(age=1", "Invalid filter: "),
        ("age=abc", "Invalid filter: "),
        ("age=4*", "Invalid filter: "),
        ("_sort=age SIDEWAYS", "Invalid filter: "),
        ("_where=age==1", "Invalid filter: "),
    ],
)
def test_bad_searches_are_400(client, query, text):
    filled(client)
    answer = client.call("GET", f"{BASE}/Newsletter/search?{query}")
    assert answer.status == 400
    assert message(answer).startswith(text)


@pytest.mark.parametrize(
    ("requested", "values"),
    [
        (None, "resources 0-4/4"),
        ("resources=0-2", "resources 0-2/4"),
        ("resources=2-1000", "resources 2-4/4"),
        ("resources=0-0", "resources 0-0/4"),
        ("resources=9-10", "resources 9-9/4"),
        ("resources=0-999999999999999999999999", "resources 0-4/4"),
        (f"resources={10**30}-{10**31}", f"resources {2**62}-{2**62}/4"),
    ],
)
def test_ranges_tell_exact_totals(client, requested, values):
    filled(client)
    headers = {"REST-Range": requested} if requested else {}
    assert find(client, "", **headers).header("rest-content-range") == values


@pytest.mark.parametrize(
    "requested", ["resources=2-1", "resources=-1-2", "items=0-1", "resources=a-b"]
)
def test_bad_ranges_are_400(client, requested):
    answer = client.call("GET", f"{BASE}/E/search", REST_Range=requested)
    assert answer.status == 400
    assert message(answer).startswith("Invalid range: ")


COUNTED = [
    *("firstName=ANA", "firstName=*", "age=30", "age=20", "firstName=*b*", "_where=age>20"),
    *("_where=age<=30 AND firstName=*a*", "_where=firstName<>Ana", "_where=age is null"),
    *("_where=tag=x", "_where=tag>w", "tag=y", "firstName=nobody", "_where=firstName=true"),
]


@pytest.mark.guarantee("G36")
def test_totals_are_those_of_all_pages(client):
    filled(client)
    values = ["x", "x", "y", 30, True]  # one document, however many of its values are meant
    schema(client, {"properties": {"tag": {}}}, name="v2")
    post(client, {"id": "many", "tag": values, "firstName": ["ana", "ANA", "true"]})
    for query in COUNTED:
        whole = find(client, f"{query}&_fields=id", REST_Range="resources=0-100").json()
        counted = find(client, query, REST_Range="resources=0-0").header("rest-content-range")
        assert (query, counted) == (query, f"resources 0-0/{len(whole)}")


def test_unknown_entity_is_an_empty_list(client):
    assert find(client, "", "Never").json() == []
    assert find(client, "", "Never").header("rest-content-range") == "resources 0-0/0"


def test_places_are_found_by_distance(client):
    point = {
        "type": "object",
        "properties": {"latitude": {"type": "number"}, "longitude": {"type": "number"}},
    }
    schema(client, {"properties": {"at": point}}, "stores2")
    for name, latitude, longitude in (
        ("near", -23.0, -43.5),
        ("far", -25.0, -43.5),
        ("rio", -22.9, -43.2),
    ):
        post(client, {"id": name, "at": {"latitude": latitude, "longitude": longitude}}, "stores2")
    values = find(
        client, "at=-23.01,-43.46,40km&_sort=at asc -23.01,-43.46 km&_fields=id,_sort", "stores2"
    )
    rows = values.json()
    assert [row["id"] for row in rows] == ["near", "rio"]
    assert 4 < rows[0]["_sort"][0] < 5
    assert values.header("rest-content-range") == "resources 0-2/2"


GUIDE: dict[str, Any] = {
    "properties": {
        "name": {"type": "string"},
        "address": {
            "type": "object",
            "properties": {
                "location": {
                    "type": ["null", "object"],
                    "properties": {
                        "latitude": {"type": "number"},
                        "longitude": {"type": "number"},
                    },
                    "additionalProperties": False,
                }
            },
        },
    },
    "v-indexed": ["name", "address"],
    "v-default-fields": ["id", "name", "_sort"],
}
"""The schema of the guide "Search by geocoordinates"."""


def place(latitude, longitude):
    return {"location": {"latitude": latitude, "longitude": longitude}}


def test_places_within_objects_and_lists_are_found_as_the_guide_does(client):
    schema(client, GUIDE, "shops")
    many = [place(-25, -43.5), place(-23.1, -43.5), place(10, 10)]
    for name, address in {
        "near": place(-23.01, -43.46),
        "far": place(-25, -43.5),
        "none": {"location": None},
        "odd": place(-23, 1000),  # is nowhere
        "words": {"location": {"latitude": "-23", "longitude": True}},
        "many": many,
    }.items():
        post(client, {"id": name, "name": name, "address": address}, "shops")

    def shown(query):
        rows = find(client, f"{query}&_schema=v1", "shops").json()
        return [(row["id"], row["_sort"] and round(row["_sort"][0])) for row in rows]

    def scrolled(query):
        answer = client.call("GET", f"{BASE}/shops/scroll?{query}&_schema=v1")
        return [row["id"] for row in answer.json()]

    within = "address.location=-23.01227,-43.46163,100km"
    asc, desc = (f"_sort=address.location {way} -23.01227,-43.46163 km" for way in ("asc", "desc"))
    assert shown(f"{within}&{asc}") == [("near", 0)]
    everything = find(client, f"{within}&{asc}&_fields=_all", "shops")
    assert everything.header("warning") is None
    schema(client, {**GUIDE, "properties": {**GUIDE["properties"], "address": {}}}, "shops")
    assert shown(f"{within}&{asc}") == [("near", 0), ("many", 11)]
    assert shown(f"{within}&_sort=name desc") == [("near", None), ("many", None)]
    assert shown(asc)[:3] == [("near", 0), ("many", 11), ("far", 221)]
    assert shown(desc)[0] == ("many", 6877)  # of several places the farthest
    assert {row for row in shown(desc)[3:]} == {("none", None), ("odd", None), ("words", None)}
    assert scrolled(f"{within}&{asc}") == ["near", "many"]


def test_searches_by_distance_are_refused_when_they_take_too_long(client, monkeypatch):
    schema(client, GUIDE, "shops")
    post(client, {"id": "1", "address": place(1, 1)}, "shops")
    monkeypatch.setattr(search, "PATIENCE", 0.0)
    for way in ("search", "scroll"):
        answer = client.call(
            "GET", f"{BASE}/shops/{way}?_schema=v1&_sort=address.location asc 0,0 km"
        )
        assert answer.status == 400
        assert message(answer).endswith("Indexed fields: name, address")


# Indices


def test_unique_index_finds_and_refuses(client):
    index = {"name": "mail", "multiple": False, "fields": "email"}
    post(client, {"id": "1", "email": "A@x.com"})
    assert client.call("PUT", f"{BASE}/Newsletter/indices", index).status == 200
    assert client.call("PUT", f"{BASE}/Newsletter/indices", index).status == 200
    values = client.call("GET", f"{BASE}/Newsletter/indices/mail").json()
    assert values == {
        "name": "mail",
        "acronym": "Newsletter",
        "isGlobal": False,
        "multiple": False,
        "fields": "email",
    }
    answer = post(client, {"id": "2", "email": "a@x.com"})
    assert (answer.status, message(answer)) == (400, "Duplicated entry for index 'mail'")
    answer = client.call("PATCH", documents(), {"email": "a@x.com", "n": 1})
    assert (answer.status, answer.json()["DocumentId"]) == (200, "1")
    client.call("PATCH", f"{documents()}/1", {"email": "b@x.com"})
    assert post(client, {"id": "2", "email": "a@x.com"}).status == 201
    client.call("DELETE", f"{documents()}/2")
    assert post(client, {"id": "3", "email": "a@x.com"}).status == 201
    assert find(client, "email=a@x.com").json()[0]["id"] == "3"
    post(client, {"id": "4", "a": 1})
    post(client, {"id": "5", "a": 1})
    answer = client.call("PUT", f"{BASE}/Newsletter/indices", {**index, "name": "a", "fields": "a"})
    assert answer.status == 400
    assert "4" in message(answer)
    assert client.call("DELETE", f"{BASE}/Newsletter/indices/mail").status == 204
    assert client.call("GET", f"{BASE}/Newsletter/indices/mail").status == 404


@pytest.mark.guarantee("G71")
def test_saves_at_once_lose_and_double_nothing(client):
    index = {"name": "mail", "multiple": False, "fields": "email"}
    client.call("PUT", f"{BASE}/Newsletter/indices", index)
    schema(client, {"properties": {"n": {"type": "integer"}}, "v-auto-increment": ["n"]})

    async def race():
        return await asyncio.gather(
            *(
                client.ask("POST", f"{documents()}?_schema=v1", {"email": "one@x.com"})
                for _ in range(8)
            ),
            *(
                client.ask("PATCH", documents(), {"email": "two@x.com", f"f{n}": n})
                for n in range(8)
            ),
            *(client.ask("PATCH", f"{documents()}/three", {f"f{n}": n}) for n in range(8)),
        )

    answers = asyncio.run(race())
    assert sorted(answer.status for answer in answers[:8]) == [201] + [400] * 7
    assert sorted(answer.status for answer in answers[8:16]) == [200] * 7 + [201]
    assert {answer.status for answer in answers[16:]} == {204}
    (two,) = find(client, "email=two@x.com&_fields=_all").json()
    assert [two[f"f{n}"] for n in range(8)] == list(range(8))
    three = get(client, "three").json()
    assert [three[f"f{n}"] for n in range(8)] == list(range(8))
    assert post(client, {"id": "next"}, query="?_schema=v1").status == 201
    assert get(client, "next", "n").json() == {"n": 2}


# Scroll


@pytest.mark.guarantee("G70")
def test_scroll_walks_a_fixed_set_once(client):
    for at in range(7):
        post(client, {"id": str(at)})
    first = client.call("GET", f"{BASE}/Newsletter/scroll?_size=3&_fields=id,x")
    token = first.header("x-vtex-md-token")
    assert first.header("rest-content-total") == "7"
    post(client, {"id": "new"})
    client.call("DELETE", f"{documents()}/4")
    client.call("PATCH", f"{documents()}/5", {"x": 1})
    pages = [first.json()]
    while pages[-1]:
        answer = client.call("GET", f"{BASE}/Newsletter/scroll?_token={token}&_size=9&nope=1")
        assert answer.header("x-vtex-md-token") == token
        pages.append(answer.json())
    values = [(one["id"], one["x"]) for page in pages for one in page]
    assert values == [("0", None), ("1", None), ("2", None), ("3", None), ("5", 1), ("6", None)]
    assert client.call("GET", f"{BASE}/Newsletter/scroll?_token={token}").json() == []


@pytest.mark.parametrize("size", ["%C2%B2", "0", "-1", "9" * 5000])
def test_a_size_that_is_no_number_is_refused(client, size):
    assert client.call("GET", f"{BASE}/Newsletter/scroll?_size={size}").status == 400


def test_scrolls_are_counted_until_they_end(client):
    for at in range(3):
        post(client, {"id": str(at)})
    url = f"{BASE}/Newsletter/scroll?_size=2"
    tokens = [client.call("GET", url).header("x-vtex-md-token") for _ in range(10)]
    answer = client.call("GET", url)
    assert (answer.status, message(answer)) == (
        400,
        "Maximum simultaneous scrolls rate exceeded (10)",
    )
    client.call("GET", f"{BASE}/Newsletter/scroll?_token={tokens[0]}")
    assert client.call("GET", url).status == 200
    answer = client.call("GET", f"{BASE}/Newsletter/scroll?_token=nope")
    assert message(answer) == "Operation not found for this token: 'nope'"


# Versions and clusters


def test_versions_are_kept_and_restored(client):
    url = f"{documents()}/1"
    for at in range(3):
        client.call("PUT", url, {"n": at})
    values = client.call("GET", f"{url}/versions?load=true&fields=n").json()
    assert [one["document"] for one in values] == [{"n": 2}, {"n": 1}, {"n": 0}]
    assert all(len(one["id"]) == 32 for one in values)
    assert "document" not in client.call("GET", f"{url}/versions").json()[0]
    oldest = values[-1]["id"]
    version = client.call("GET", f"{url}/versions/{oldest}").json()
    assert (version["id"], version["document"]["n"]) == (oldest, 0)
    assert version["author"] == client.headers["X-VTEX-API-AppKey"]
    answer = client.call("PUT", f"{url}/versions/{oldest}")
    assert (answer.status, list(answer.json())) == (200, ["Id", "Href"])
    assert client.call("PUT", f"{url}/versions/{oldest}").status == 304
    assert get(client, "1", "n").json() == {"n": 0}
    assert len(client.call("GET", f"{url}/versions").json()) == 4
    client.call("DELETE", url)
    assert client.call("GET", f"{url}/versions").json() == []
    client.call("PUT", url, {"n": 9})
    assert len(client.call("GET", f"{url}/versions").json()) == 1
    assert get(client, "1", "n").json() == {"n": 9}


def test_clusters_evaluate_rules(client):
    post(client, {"id": "1", "gender": "male", "percent": 0.35, "name": "Margot"})
    rules = [
        {"name": "male", "rule": "gender=female"},
        {
            "name": "complex",
            "rule": "((gender=male AND percent=0.35) AND any is null) AND (name=*go*)",
        },
        {"name": "createdIn", "rule": "createdIn between 2015-10-28 AND 2015-10-30"},
    ]
    answer = client.call("POST", f"{documents()}/1/clusters", rules)
    assert [one["isValid"] for one in answer.json()] == [False, True, False]
    assert client.call("POST", f"{documents()}/1/clusters", rules * 2).status == 400
    answer = client.call("POST", f"{documents()}/1/clusters", [{"name": "bad", "rule": "(a"}])
    assert "bad" in message(answer)
    assert client.call("POST", f"{documents()}/none/clusters", rules).status == 404


def test_features_of_v1_are_not_available(client):
    for method, path in (("POST", "photo/attachments"), ("GET", "photo/attachments/a.png")):
        answer = client.call(method, f"{documents()}/1/{path}")
        assert (answer.status, message(answer)) == (404, "Not available")


# Links and entities


def test_links_show_the_other_document(client):
    store = post(client, {"name": "Main"}, "stores", "?_schema=v1").json()["DocumentId"]
    vendor = {"name": "Zoe", "user": "zoe@x.com", "store": store}
    assert post(client, vendor, "vendors", "?_schema=v1").status == 201
    (values,) = find(client, "_schema=v1&_fields=_all", "vendors").json()
    assert values["store_linked"]["name"] == "Main"
    (values,) = find(client, "_schema=v1&_fields=name", "vendors").json()
    assert values == {"name": "Zoe"}


def test_entities_are_listed_with_their_fields(client):
    schema(client, {**PERSON, "required": ["email"]})
    values = {one["acronym"]: one for one in client.call("GET", BASE).json()}
    assert {"CL", "AD", "orders", "stores", "vendors", "Newsletter"} <= values.keys()
    assert values["CL"] == {
        "acronym": "CL",
        "name": "CL",
        "primaryKeyType": "GUID",
        "allowGetAll": False,
    }
    fields = client.call("GET", f"{BASE}/Newsletter").json()["fields"]
    assert fields[0] == {
        "name": "email", "type": "Text", "displayName": "email", "isNullable": False,
        "isSearchable": True, "isFilter": True, "isInternal": False,
    }  # fmt: skip


def test_clients_are_found_with_and_without_punctuation(client):
    client.call("PATCH", documents("CL"), {"email": "a@x.com", "document": "123.456.789-00"})
    answer = client.call("PATCH", documents("CL"), {"email": "A@x.com", "firstName": "Ana"})
    assert answer.status == 200
    for requested in ("12345678900", "123.456.789-00"):
        (values,) = find(client, f"_where=document={requested}&_fields=_all", "CL").json()
        assert values["auto_filter"] is None
        assert "schemas" not in values
    assert find(client, "_keyword=123456789&_fields=id", "CL").status == 200


def test_masking_accounts_show_clients_for_a_reason_that_is_recorded(cell, client):
    client.call("PUT", f"{documents('CL')}/1", {"email": "ana@x.com", "tags2": ["Ana"], "n": 7})
    link = {"client": {"link": f"{BASE}/CL/schemas/x", "linked_field": "id", "type": "string"}}
    schema(client, {"properties": link, "v-default-fields": ["id"]}, "visits")
    client.call("PUT", f"{documents('visits')}/V", {"client": "1"})
    version = client.call("GET", f"{documents('CL')}/1/versions").json()[0]["id"]
    ways = {
        f"{documents('CL')}/1?_fields=_all": lambda body: body,
        f"{BASE}/CL/search?_fields=_all&email=ana@x.com": lambda body: body[0],
        f"{BASE}/CL/scroll?_fields=_all": lambda body: body[0],
        f"{documents('CL')}/1/versions?load=true": lambda body: body[0]["document"],
        f"{documents('CL')}/1/versions/{version}?a=b": lambda body: body["document"],
        f"{documents('visits')}/V?_schema=v1&_fields=client": lambda body: body["client_linked"],
    }

    def shown(reason=""):
        return {way: of(client.call("GET", way + reason).json()) for way, of in ways.items()}

    def disclosed():
        events = client.call("GET", "/api/ledger/account/events").json()["events"]
        return [one["data"] for one in events if one["name"] == "documents-disclosed"]

    assert {one["email"] for one in shown("&reason=fraud").values()} == {"ana@x.com"}
    change = [AccountSettingsChanged({"pii": True})]
    asyncio.run(cell.ledger.change_account(CommandContext(ACCOUNT, "test"), lambda _: change))
    for hidden in (shown(), shown("&reason=")):
        assert not any("ana" in repr(one).lower() for one in hidden.values()), hidden
        assert {(one["id"], one["n"]) for one in hidden.values()} == {("1", 7)}
    assert disclosed() == []
    assert {one["email"] for one in shown("&reason=fraud").values()} == {"ana@x.com"}
    assert disclosed() == [{"entity": "CL", "count": 1}] * len(ways)  # of no person
    recorded = cell.loader().events(cell.store.stream(f"{ACCOUNT}/")[-len(ways) :])
    assert {type(one) for one in recorded} == {DocumentsDisclosed}
    assert {(*one.documents, one.reason) for one in recorded} == {("1", "fraud")}


# Doors


def anonymous(client):
    return Client(client.app)


@pytest.mark.guarantee("G74")
def test_without_credentials_nothing_is_open_unless_a_schema_says_so(client):
    visitor = anonymous(client)
    filled(client)
    place = f"an={ACCOUNT}"
    for url in (f"{documents()}/1?{place}", f"{BASE}/Newsletter/search?{place}"):
        answer = visitor.call("GET", url)
        assert (answer.status, answer.json()) == (401, {"Message": "Unauthorized"})
    security = {
        "publicRead": ["firstName"],
        "publicFilter": ["email"],
        "publicWrite": ["firstName"],
    }
    schema(client, {**PERSON, "v-security": security})
    values = visitor.call(
        "GET", f"{BASE}/Newsletter/search?{place}&_fields=id,firstName&email=0%2Bx@a.com"
    )
    assert values.json() == [{"id": "0", "firstName": "Ana"}]
    for query, text in (
        ("_fields=_all", "Cannot read private fields"),
        ("", "Cannot read private fields"),
        ("_fields=id,age", "Cannot read private fields"),
        ("_fields=id&age=3", "Cannot filter by private fields"),
        ("_fields=age&age=3", "Cannot filter by private fields"),
        ("_fields=id&_where=age>3", "Cannot filter by private fields"),
        ("_fields=id&_where=nope>3", "Cannot filter by private fields"),
        ("_fields=id&_sort=age", "Cannot filter by private fields"),
        ("_fields=id&_keyword=x", None),
    ):
        answer = visitor.call("GET", f"{BASE}/Newsletter/search?{place}&{query}")
        if text is None:
            assert answer.status == 200
            continue
        assert (answer.status, message(answer)) == (403, text), query
    answer = visitor.call("POST", f"{documents()}?{place}", {"age": 1})
    assert (answer.status, message(answer)) == (403, "Cannot write private fields")
    assert visitor.call("POST", f"{documents()}?{place}", {"firstName": "New"}).status == 201
    answer = visitor.call("PATCH", f"{documents()}/1?{place}", {"firstName": "Other"})
    assert (answer.status, message(answer)) == (403, "Cannot write private fields")
    for method, path in (
        ("DELETE", f"{documents()}/1"),
        ("GET", f"{documents()}/1/versions"),
        ("GET", f"{BASE}/Newsletter/scroll"),
        ("GET", f"{BASE}/Newsletter/indices"),
        ("GET", f"{BASE}/Newsletter/schemas"),
        ("GET", f"{BASE}/Newsletter/schemas/v1/public"),
        ("POST", f"{documents()}/1/clusters"),
    ):
        assert visitor.call(method, f"{path}?{place}").status == 401, path


@pytest.mark.guarantee("G74")
@pytest.mark.parametrize("method", ["PATCH", "PUT", "POST"])
def test_without_credentials_no_document_is_changed_by_a_unique_value(client, method):
    unknown, place = anonymous(client), f"?an={ACCOUNT}"
    index = {"name": "mail", "multiple": False, "fields": "email"}
    client.call("PUT", f"{BASE}/Newsletter/indices", index)
    post(client, {"id": "1", "email": "a@x.com", "firstName": "Ana", "secret": "s"})

    def sent(body):
        return unknown.call(method, f"{documents()}{place}", body).status

    def opened(*names):
        schema(client, {**PERSON, "v-security": {"publicWrite": list(names)}})

    opened("email", "firstName")
    assert sent({"email": "new@x.com", "firstName": "New"}) == 201
    taken = {"email": "A@x.com", "firstName": "Other"}
    assert sent(taken) == (400 if method == "POST" else 403)
    assert get(client, "1", "firstName,secret").json() == {"firstName": "Ana", "secret": "s"}
    opened("id", "email", "firstName")  # documents that are there may be changed, not replaced
    named = {**taken, "id": "1"} if method == "POST" else taken
    assert sent(named) == (200 if method == "PATCH" else 403)
    assert get(client, "1", "secret").json() == {"secret": "s"}
    opened("id", "email", "firstName", "secret")
    assert sent({**named, "firstName": "Third"}) == 200


def test_public_schema_is_without_triggers(client):
    body = {**PERSON, "v-security": {"publicJsonSchema": True}, "v-triggers": []}
    schema(client, body)
    answer = anonymous(client).call("GET", f"{BASE}/Newsletter/schemas/v1/public?an={ACCOUNT}")
    open_body = {k: v for k, v in body.items() if k != "v-triggers"}
    assert answer.json() == open_body
    known = client.call("GET", f"{BASE}/Newsletter/schemas/v1/public")  # of the key's account
    assert known.json() == open_body
    assert client.call("GET", f"{BASE}/Newsletter/schemas/v2/public").status == 401


def test_roles_without_master_data_are_403(client_of):
    answer = client_of("OMS - Full access").call("GET", f"{documents()}/1")
    assert answer.status == 403
    assert message(answer).startswith("Unauthorized. The key needs one of these resources: ")


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        ("Read only documents", {"read", "search", "schemas"}),
        (
            "Insert or update document (not remove)",
            {"read", "search", "schemas", "save", "clusters"},
        ),
        (
            "Full access to all documents",
            {"read", "search", "schemas", "save", "clusters", "delete"},
        ),
        ("View index details", {"index", "indices"}),
        ("List index", {"indices"}),
        ("Edit index", {"put index"}),
        ("Create index", {"put index"}),
        ("Remove index", {"delete index"}),
        ("List data entity", {"entities"}),
        ("View data entity details", {"entity"}),
    ],
)
def test_single_resources_open_their_operations_alone(client, resource, allowed):
    post(client, {"id": "1", "a": 1})
    index = {"name": "a", "multiple": True, "fields": "a"}
    assert client.call("PUT", f"{BASE}/Newsletter/indices", index).status == 200
    made = client.call("POST", "/api/ledger/keys", {"resources": [resource]})
    assert (made.status, made.json()["resources"]) == (201, [resource])
    headers = dict(
        zip(
            ("X-VTEX-API-AppKey", "x-vtex-api-apptoken"),
            (made.json()["appKey"], made.json()["appToken"]),
            strict=True,
        )
    )
    holder = Client(client.app, headers)
    calls: dict[str, tuple[Any, ...]] = {
        "read": ("GET", f"{documents()}/1"),
        "search": ("GET", f"{BASE}/Newsletter/search"),
        "schemas": ("GET", f"{BASE}/Newsletter/schemas"),
        "save": ("PATCH", f"{documents()}/1", {"a": 2}),
        "clusters": ("POST", f"{documents()}/1/clusters", [{"name": "x", "rule": "a=1"}]),
        "index": ("GET", f"{BASE}/Newsletter/indices/a"),
        "indices": ("GET", f"{BASE}/Newsletter/indices"),
        "put index": ("PUT", f"{BASE}/Newsletter/indices", index),
        "entities": ("GET", BASE),
        "entity": ("GET", f"{BASE}/Newsletter"),
        "put schema": ("PUT", f"{BASE}/Newsletter/schemas/v1", PERSON),
        "delete schema": ("DELETE", f"{BASE}/Newsletter/schemas/v1"),
        "orders": ("GET", "/api/oms/pvt/orders"),
        "delete": ("DELETE", f"{documents()}/1"),
        "delete index": ("DELETE", f"{BASE}/Newsletter/indices/a"),
    }
    answers = {name: holder.call(*call).status for name, call in calls.items()}
    assert {name for name, status in answers.items() if status < 400} == allowed, answers
    assert {status for name, status in answers.items() if name not in allowed} == {403}
    beyond = holder.call("POST", "/api/ledger/keys", {"resources": ["List Orders"]})
    assert beyond.status == 403


@pytest.mark.guarantee("G51")
def test_documents_of_another_account_are_not_seen(cell, client, client_of):
    asyncio.run(open_account(cell.ledger, name="other"))
    filled(client)
    other_account = client_of("Owner", "other")
    assert get(other_account, "1").status == 404
    assert find(other_account, "").json() == []
    assert other_account.call("GET", f"{BASE}/Newsletter/schemas").json() == []
