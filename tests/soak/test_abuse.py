"""G44, G53, G64: hostile clients of a deployment of little memory end nothing and store nothing.

Each drill is over real HTTP, and beside it an honest account reads its order: every read is
answered. What is counted are answers, events and bytes of memory, never seconds.
"""

import contextlib
import json
from collections import Counter
from urllib.parse import quote

import pytest

from benchmarks.hostile_requests import (
    credentials,
    deep_bodies,
    large_bodies,
    lists,
    request,
)
from tests.soak.abuse import MIB, RESIDENT, Bounded
from tests.support import servers
from tests.support.hostile_expressions import EVERY

ALLOWED = ("200", "206", "400", "401", "403", "404", "413", "429", "503", "closed")
TESTED = ("200", "400", "413", "429", "503")

PLACE, TEST = "/api/checkout/pub/orders", "/api/orders/expressions/jsonata"
WRONG = ("vtexappkey-acme-WRONGX", "wrong")
MANY = 3_000
REFUSED = "credentials-refused"
QUEUE = {"visibilityTimeoutInSeconds": 60, "messageRetentionPeriodInSeconds": 345_600}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bounded(request, worker_id, tmp_path_factory):
    """One deployment for all drills: what each leaves in its memory is there for the next."""
    folder = tmp_path_factory.mktemp("abuse")
    with started(request.param, folder, servers.redis_url(worker_id), "web", "projector") as one:
        yield one


@contextlib.contextmanager
def started(database, folder, redis_url, *names):
    with contextlib.ExitStack() as stack:
        url = f"sqlite:///{folder / 'ledger.sqlite3'}"
        if database == "postgresql":
            url = servers.fresh_database(servers.postgres_url())
            stack.callback(servers.drop_database, url)
        deployment = stack.enter_context(contextlib.closing(Bounded(folder, url, redis_url)))
        try:
            for name in names:
                deployment.start(name)
            deployment.wait_for_web()
            yield deployment
        except BaseException as error:
            error.add_note(deployment.logs())
            raise


class Drill:
    """One attack: what it is answered, and what must hold when it is over."""

    def __init__(self, deployment: Bounded) -> None:
        self.deployment = deployment
        self.keys = (None, WRONG, deployment.other_keys)
        deployment.attack([request("GET", "/healthz", None)])
        self._pids, self._recorded = deployment.pids("web"), deployment.recorded()

    def attack(self, requests, *answers: str) -> Counter[str]:
        """Attack, and see that nothing was answered but this."""
        got = self.deployment.attack(requests)
        assert set(got) <= set(answers), got
        return got

    def end(self) -> None:
        """The same processes are there, in their memory, and nothing was recorded but refusals."""
        assert self.deployment.pids("web") == self._pids
        peak = self.deployment.peak("web")
        assert peak < RESIDENT, f"{peak / MIB:.0f} MiB"
        more = self.deployment.recorded() - self._recorded
        assert {name for _, name in more} <= {REFUSED}, more
        assert more.total() < 100, more


@pytest.fixture
def drill(bounded):
    return Drill(bounded)


@pytest.mark.guarantee("G53", "G64")
def test_bodies_at_their_limits_and_deep_ones_are_refused(drill):
    refused = ("400", "401", "403", "413", "429", "503", "closed")
    for keys in drill.keys:
        drill.attack(large_bodies(keys), *refused)
        drill.attack(deep_bodies(keys), *refused)
    drill.end()


@pytest.mark.guarantee("G53", "G64")
def test_objects_of_very_many_keys_are_refused(drill):
    keys = drill.deployment.other_keys
    body = json.dumps({f"k{n}": n for n in range(110_000)}).encode()
    assert MIB < len(body) < 2 * MIB
    places = [request("PUT", PLACE, keys, body)] * 12
    nested = json.dumps({"items": [{f"k{n}": {} for n in range(60_000)}]}).encode()
    places += [request("PUT", PLACE, keys, nested)] * 12
    drill.attack(places, "400", "429", "503")
    small = json.dumps({f"k{n}": 0 for n in range(1_200)}).encode()
    login = request("POST", "/api/vtexid/apptoken/login", None, small)
    drill.attack([login] * 100, "400", "401", "429", "503")
    drill.end()


@pytest.mark.guarantee("G44", "G64")
def test_the_worst_expressions_and_patterns_are_answered(drill):
    keys = drill.deployment.other_keys
    document = {"s": "a" * 200, "items": [{"id": str(n), "price": n} for n in range(20)]}
    tests = [
        json.dumps({"Expression": text, "Document": document}).encode() for text in EVERY.values()
    ]
    got = drill.attack([request("POST", TEST, keys, body) for body in tests], *TESTED)
    assert got["200"] + got["400"], got
    nobody = [request("POST", TEST, WRONG, body) for body in tests]
    drill.attack(nobody, "401", "429", "503")
    drill.end()


@pytest.mark.guarantee("G64", "G73")
def test_the_worst_conditions_are_answered(drill):
    deep = "(" * 32 + "a=1" + ")" * 32
    conditions = [
        "(" * 4000 + "a=1" + ")" * 4000,
        " AND ".join(f"a{n}=*b*" for n in range(200)),
        " OR ".join(f"a.b.c.d=*{n}*" for n in range(200)),
        " OR ".join(f"a{n}<>null" for n in range(1_000)),
        "a=" + "*a" * 32,
        "a=" + "*a" * 4_000,
        f"{deep} OR " * 8 + deep,
        "a between 0001-01-01 AND 9999-12-31",
        "a=\u0000",
        "email=" + "%" * 3_000,
    ]
    targets = [
        f"/api/dataentities/{entity}/search?_where={quote(text)}&_fields=_all"
        for text in conditions
        for entity in ("CL", "XX")
    ]
    targets += [f"/api/dataentities/CL/search?_keyword={'a' * 5_000}&_sort={'a,' * 2_000}"]
    for keys in drill.keys:
        drill.attack([request("GET", one, keys) for one in targets * 3], *ALLOWED)
    drill.end()


@pytest.mark.guarantee("G64")
def test_lists_as_large_as_allowed_are_answered(drill):
    exports = b"/api/ledger/exports"
    for keys in drill.keys:
        short = [one for one in lists(keys) if exports not in one]
        drill.attack(short * 4, *ALLOWED)
    drill.end()


@pytest.mark.guarantee("G64")
def test_long_addresses_and_heads_are_refused(drill):
    keys = drill.deployment.other_keys
    whole = request("GET", "/api/oms/pvt/orders", keys)
    first, _, rest = whole.partition(b"\r\n")

    def with_headers(*more: bytes) -> bytes:
        return first + b"\r\n" + b"\r\n".join(more) + b"\r\n" + rest

    heads = [
        request("GET", "/api/oms/pvt/orders?q=" + "a" * 60_000, keys),
        request("GET", "/api/oms/pvt/orders?q=" + "a" * 120_000, keys),
        request("GET", "/api/oms/pvt/orders?" + "f_status=a&" * 5_000, keys),
        request("GET", "/api/oms/pvt/orders/" + "a" * 60_000, keys),
        request("GET", "/" + "a/" * 30_000, keys),
        with_headers(b"X-Long: " + b"a" * 60_000),
        with_headers(b"X-Long: " + b"a" * 500_000),
        with_headers(*(b"X-%d: a" % n for n in range(95))),
        with_headers(*(b"X-%d: a" % n for n in range(5_000))),
        with_headers(b"Cookie: " + b"VtexIdclientAutCookie_acme=a; " * 2_000),
        with_headers(b"Authorization: Bearer " + b"a." * 30_000),
        with_headers(b"Forwarded: " + b"for=1.2.3.4," * 4_000),
        with_headers(b"Host: acme.example"),
        with_headers(b"Content-Length: 99999999999999999999999"),
        with_headers(b"Transfer-Encoding: chunked") + b"FFFFFFFFFFFFFFFFFF\r\n",
        b"\x16\x03\x01" + b"\x00" * 500,
        b"GET / HTTP/1.1\r\n" + b"a" * 200_000,
    ]
    drill.attack(heads * 6, *ALLOWED, "414", "431")
    drill.end()


@pytest.mark.guarantee("G64")
def test_bodies_that_do_not_come_keep_nobody_waiting(drill):
    for keys in drill.keys:
        whole = request("PUT", PLACE, keys, b"[" * 15_000)
        head = whole.index(b"\r\n\r\n") + 4
        drill.deployment.slow([whole[: 40 if n % 2 else head + n] for n in range(150)])
    drill.end()


@pytest.mark.guarantee("G64", "G65")
def test_thousands_of_unknown_keys_cost_their_owners_nothing(drill):
    target = "/api/oms/pvt/orders"
    guessed = [request("GET", target, (f"vtexappkey-acme-{n:06}", "x")) for n in range(MANY)]
    got = drill.attack(guessed, "401", "429", "503")
    assert got["401"], got
    for keys in drill.keys:
        drill.attack(list(credentials(keys)), "400", "401", "429", "503")
    drill.end()


@pytest.mark.guarantee("G64")
def test_thousands_of_accounts_are_requested_and_none_is_found(drill):
    keys = drill.deployment.other_keys
    for held in (None, keys):
        named = [request("GET", f"/api/oms/pvt/orders?an=other{n}", held) for n in range(MANY // 3)]
        drill.attack(named, "401", "403", "404", "429", "503")
    claimed = [
        request("GET", "/api/oms/pvt/orders", (f"vtexappkey-other{n}-ABCDEF", "x"))
        for n in range(MANY // 3)
    ]
    drill.attack(claimed, "401", "429", "503")
    shops = [
        request("GET", f"/api/checkout/pub/orderForm?an=other{n}", None) for n in range(MANY // 3)
    ]
    drill.attack(shops, "401", "403", "404", "429", "503")
    drill.end()
