import json
from typing import Any

import pytest
from fastapi import FastAPI, Request

from oms_ledger.api.http import errors
from oms_ledger.api.http.addressing import QUERY_LIMIT, REQUESTED_ACCOUNT, AccountResolver, path_id
from oms_ledger.api.http.bodies import json_body
from tests.support.asgi import ask

ORDER = "/api/oms/pvt/orders/{order_id}"
CALLBACK = "/api/checkout/pub/gatewayCallback/{group}"
TEMPLATES = [
    ORDER,
    f"{ORDER}/invoice/{{number}}",
    f"{ORDER}/raw/{{number:path}}/tracking",
    CALLBACK,
]

inner = FastAPI(redirect_slashes=False)
errors.install(inner)


@inner.api_route(ORDER, methods=["GET", "POST"])
@inner.api_route(f"{ORDER}/invoice/{{number}}")
@inner.api_route(f"{ORDER}/raw/{{number:path}}/tracking")
async def requested(request: Request) -> Any:
    await json_body(request)
    names = {name: path_id(value) for name, value in request.path_params.items()}
    return {"account": request.scope["state"][REQUESTED_ACCOUNT], **names}


@inner.post(CALLBACK)
async def called_back(request: Request, group: str) -> Any:
    await json_body(request)
    return {"group": group}


app = AccountResolver(inner, TEMPLATES)
GET_ORDER = "/api/oms/pvt/orders/v1-01"


def fields(target: str, host: str = "127.0.0.1") -> Any:
    answer = ask(app, target, headers=[("Host", host)])
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("host", "account"),
    [
        ("luxstore.vtexcommercestable.com.br", "luxstore"),
        ("luxstore.vtexcommercebeta.com.br", "luxstore"),
        ("LuxStore.myvtex.com:8080", "luxstore"),
        ("work--space--luxstore.myvtex.com", "luxstore"),
        ("luxstore.localhost:8000", "luxstore"),
        ("luxstore.example.org", "luxstore"),
        ("localhost:8000", None),
        ("luxstore", None),
        ("10.1.2.3:80", None),
        ("[::1]:80", None),
        ("[::ffff:1.2.3.4]:80", None),
        ("api.vtex.com", None),
        ("www.luxstore.com", None),
        ("", None),
    ],
)
def test_the_first_label_of_the_host_names_the_account(host, account):
    assert fields(GET_ORDER, host)["account"] == account


def test_the_query_goes_before_the_host_and_the_host_before_the_path():
    in_path = f"/third{GET_ORDER}"
    assert (
        fields(f"{in_path}?an=First&accountName=other", "second.myvtex.com")["account"] == "first"
    )
    assert fields(f"{in_path}?accountName=first", "second.myvtex.com")["account"] == "first"
    assert fields(f"{in_path}?an=", "second.myvtex.com")["account"] == "second"
    assert fields(in_path, "api.vtex.com")["account"] == "third"


def test_path_words_are_matched_without_case_and_ids_with_it():
    assert fields("/API/Oms/PVT/ORDERS/V1-01/")["order_id"] == "V1-01"
    assert fields("/api/oms/pvt/orders/API")["order_id"] == "API"
    assert fields(f"{GET_ORDER}/Invoice/INVOICE")["number"] == "INVOICE"
    assert ask(app, "/api/checkout/pub/gatewaycallback/v1/", method="POST").status == 200


def test_one_trailing_slash_more_is_the_same_path_and_two_are_not():
    assert fields(f"{GET_ORDER}/")["order_id"] == "v1-01"
    assert ask(app, f"{GET_ORDER}//").status == 404


@pytest.mark.parametrize(
    ("raw", "meant"),
    [("1%2F2", "1/2"), ("a%20b", "a b"), ("%252F", "%2F"), ("%zz", "%zz"), ("%C3%A9%23", "é#")],
)
def test_a_segment_is_decoded_once(raw, meant):
    assert fields(f"{GET_ORDER}/invoice/{raw}")["number"] == meant


def test_a_raw_slash_belongs_to_the_parameter_that_takes_the_rest():
    assert fields(f"{GET_ORDER}/RAW/A/b/Tracking")["number"] == "A/b"


def test_without_a_raw_path_the_decoded_one_is_taken():
    answer = ask(app, f"{GET_ORDER}/invoice/50%25", raw_path=False)
    assert json.loads(answer.body)["number"] == "50%25"


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize(
    "path",
    ["/api/../x", "/api/%2e%2E/x", "/api/a%2F..%2Fb", "/api/%00", "/api/%0d%0aX", "/api/%C2%85",
     "/api/%ff", "/api/%c3%28", "/api/./x"],
)  # fmt: skip
def test_path_trickery_is_refused(path):
    answer = ask(app, path)
    assert (answer.status, answer.error["code"]) == (400, "OMS004")


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("query", ["an=%00", "an=a%0ab", f"an={'a' * 300}"])
def test_an_account_name_that_is_none_is_refused(query):
    assert ask(app, f"{GET_ORDER}?{query}").status == 400


@pytest.mark.guarantee("G53")
def test_a_query_string_may_be_64_KiB_long_and_no_longer():
    assert ask(app, f"{GET_ORDER}?{'q' * QUERY_LIMIT}").status == 200
    assert ask(app, f"{GET_ORDER}?{'q' * (QUERY_LIMIT + 1)}").status == 414


@pytest.mark.guarantee("G53")
@pytest.mark.parametrize("length", ["-1", "1e2", ""])
def test_a_length_that_is_no_number_is_refused(length):
    headers = [("Content-Length", length)]
    assert ask(app, GET_ORDER, b"{}", method="POST", headers=headers).status == 400


@pytest.mark.parametrize("path", [GET_ORDER, "/nowhere", "/api/%00"])
def test_every_answer_has_the_id_that_the_request_brought(path):
    answer = ask(app, path, headers=[("X-Request-Id", "req-1:a.b_c")])
    assert answer.headers["x-request-id"] == "req-1:a.b_c"


@pytest.mark.parametrize("unfit", ["", "a b", "é", "x" * 129, "a\tb"])
def test_an_unfit_request_id_is_replaced(unfit):
    given = ask(app, GET_ORDER, headers=[("X-Request-Id", unfit)]).headers["x-request-id"]
    assert len(given) == 32
    assert int(given, 16) >= 0


def test_bare_words_still_spell_paths():
    words = AccountResolver(inner, {"api", "oms", "pvt", "orders"})
    assert ask(words, "/API/OMS/pvt/Orders/V1-01").status == 200
