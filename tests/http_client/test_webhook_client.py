"""G52: on an anonymous caller's word, nothing is connected to that is private, however it is
written.
"""

import asyncio
import socket
from ipaddress import ip_address, ip_network

import aiohttp
import pytest

from oms_ledger.clock import Clock
from oms_ledger.http_client import webhook_client
from oms_ledger.http_client.addresses import (
    REFUSED,
    opened,
    permitted,
    wrong_url,
)
from oms_ledger.http_client.webhook_client import ForbiddenAddress, Gate, Sender
from tests.support.listening import listening
from tests.support.receiver import Receiver

LOOPBACK = (ip_network("127.0.0.1/32"),)

FORBIDDEN = [
    "127.0.0.1",
    "127.255.255.254",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "168.63.129.16",
    "100.100.100.200",
    "0.0.0.0",
    "0.0.0.1",
    "100.64.0.1",
    "192.0.0.192",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:7f00:1::",
    "2606:4700::5efe:7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fe80::1%251",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
]
PUBLIC = ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::"]


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize("address", FORBIDDEN)
def test_private_addresses_are_refused_in_every_form(address: str) -> None:
    assert not permitted(address, ())


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert permitted(address, ())


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize(("port", "allowed"), [(443, True), (8443, True), (22, False), (80, False)])
def test_odd_ports_are_closed_outside_opened_networks(port: int, allowed: bool) -> None:
    assert permitted("1.1.1.1", (), port) is allowed
    assert permitted("10.0.0.1", (ip_network("10.0.0.0/8"),), port)


def test_an_opened_network_opens_no_other_spelling_than_the_mapped_one() -> None:
    assert opened(ip_address("::ffff:127.0.0.1"), LOOPBACK, 8080)
    for other in ("::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"):
        assert not permitted(other, LOOPBACK)


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https:///nowhere",
        "nonsense",
        "https://user:password@example.com/",
        "https://@example.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com#@127.0.0.1\\",
        "https://127.0.0.1%2f@example.com/",
        "https://exa\tmple.com/",
        "https://example.com/\r\nX: y",
        "https://[fe80::1%25eth0]/",
        "https://\u2460\u2461\u2466.0.0.1/",
        "https://example.com:0/",
        "https://example.com:99999/",
    ],
)
def test_what_two_readers_may_read_differently_is_refused(url: str) -> None:
    assert wrong_url(url, ()) == REFUSED


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        ("https://169.254.169.254/", False),
        ("https://10.0.0.1:8443/", False),
        ("https://[::1]/", False),
        ("https://[::ffff:10.0.0.1]/", False),
        ("http://93.184.215.14/", False),
        ("https://93.184.215.14/", True),
        ("https://10.1.2.3/", True),
        ("http://10.1.2.3:9000/", True),
        ("http://partner.example/", True),
    ],
)
def test_an_address_in_place_of_a_name_is_checked_at_once(url: str, opened: bool) -> None:
    networks = (ip_network("10.1.0.0/16"),)
    assert wrong_url(url, networks) == (None if opened else REFUSED)


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "localhost.",
    ],
)
def test_nothing_is_sent_to_a_forbidden_host_however_it_is_written(host: str) -> None:
    with listening() as (port, result):
        assert post(f"https://{host}:{port}/", ()).status is None
        assert post(f"http://{host}:{port}/", (ip_network("10.0.0.0/8"),)).status is None
    assert result == []


def post(url: str, networks: object) -> webhook_client.Answer:
    async def once() -> webhook_client.Answer:
        sender = Sender(networks, Clock())  # type: ignore[arg-type]
        try:
            return await sender.post(url, "{}", {})
        finally:
            await sender.close()

    return asyncio.run(once())


def answers(monkeypatch: pytest.MonkeyPatch, *turns: list[str]) -> None:
    """What the system's resolver says, one list a question, the last one for ever."""
    waiting = list(turns)

    def ask(host: str, port: int, family: int) -> list[object]:
        addresses = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port, 0, 0) if ":" in one else (one, port),
            )
            for one in addresses
        ]

    monkeypatch.setattr(webhook_client, "_ask", ask)


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_a_name_that_is_bound_anew_to_the_inside_leads_nowhere(
    inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public when it is asked first, inside when it is asked again, and the other way round."""
    with listening() as (port, result):
        for turns in ([[inside]], [[inside], ["1.1.1.1"]], [["1.1.1.1", inside]]):
            answers(monkeypatch, *turns)
            answer = post(f"https://rebinding.example:{port}/", ())
            assert (answer.status, answer.seen) == (None, REFUSED)
    assert result == []


@pytest.mark.guarantee("G52")
def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One question a connection; the name stays in the request."""
    with Receiver() as receiver:
        answers(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        answer = post(f"http://kept.example:{port}/hook", LOOPBACK)
        assert answer.status == 200
        assert receiver.headers[0]["host"] == f"kept.example:{port}"


@pytest.mark.guarantee("G52")
def test_plain_http_is_sent_to_opened_networks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, ["1.1.1.1"])
    assert post("http://public.example/", LOOPBACK).seen == REFUSED
    assert post("http://1.1.1.1/", LOOPBACK).seen == REFUSED


@pytest.mark.guarantee("G52")
def test_no_socket_is_made_for_a_forbidden_address_whoever_asks() -> None:
    """The last gate stands behind the resolver: a client that skips the one meets the other."""
    gate = Gate(())

    async def skip_the_resolver(port: int) -> None:
        connector = aiohttp.TCPConnector(socket_factory=gate.socket)
        async with aiohttp.ClientSession(connector=connector) as session:
            await session.get(f"http://127.0.0.1:{port}/")

    with listening() as (port, result):
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            asyncio.run(skip_the_resolver(port))
        assert isinstance(refused.value.os_error, ForbiddenAddress)
    assert result == []


@pytest.mark.guarantee("G52")
def test_a_redirect_is_not_followed() -> None:
    with listening() as (port, result):
        location = f"http://127.0.0.1:{port}/"
        say = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        with listening(say) as (redirecting, _):
            assert post(f"http://127.0.0.1:{redirecting}/", LOOPBACK).status == 302
    assert result == []


@pytest.mark.guarantee("G52")
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_not_used(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would resolve the name itself, past the check."""
    with listening() as (port, result), Receiver() as receiver:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert post(receiver.url, LOOPBACK).status == 200
        answers(monkeypatch, ["127.0.0.1"])
        assert post("https://inside.example/", ()).seen == REFUSED
    assert result == []


def test_the_operator_may_open_a_network() -> None:
    with Receiver() as receiver:
        assert asyncio.run(webhook_client.ping(receiver.url, {}, LOOPBACK, Clock())) is None
        assert receiver.received == [{"hookConfig": "ping"}]
        assert asyncio.run(webhook_client.ping(receiver.url, {}, (), Clock()))


@pytest.mark.guarantee("G44")
@pytest.mark.parametrize(
    ("say", "status"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n" + b"x" * 1_000_000, 200),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n", None),
        (
            b"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8bx",
            500,
        ),
        (b"\x00\xff not HTTP at all", None),
        (b"", None),
    ],
)
def test_a_giant_or_garbled_answer_is_bounded(say: bytes, status: int | None) -> None:
    with listening(say) as (port, result):
        assert post(f"http://127.0.0.1:{port}/", LOOPBACK).status == status
    assert result


@pytest.mark.guarantee("G44")
@pytest.mark.parametrize(
    "say", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
def test_an_answer_that_never_ends_is_given_up(say: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_client, "TIMEOUT", aiohttp.ClientTimeout(total=0.2))
    with listening(say, then_wait=True) as (port, _):
        answer = post(f"http://127.0.0.1:{port}/", LOOPBACK)
        assert (answer.status, answer.seen) == (None, "no answer within 5 s")
