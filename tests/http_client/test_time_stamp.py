"""Time stamps of RFC 3161: what is sent, and which answers are taken for one."""

from ipaddress import ip_network

import pytest

from oms_ledger.http_client.sessions import ForbiddenAddress
from oms_ledger.http_client.time_stamp import TimeStampRefused, time_stamp
from tests.support.time_stamp_authority import authority, imprint_of

LOOPBACK = [ip_network("127.0.0.0/8")]
TEXT = b"an anchor"


def test_a_time_stamp_is_about_the_hash_of_the_text():
    with authority() as tsa:
        token = time_stamp(tsa.url, TEXT, LOOPBACK)
    assert imprint_of(TEXT) in token
    (request,) = tsa.received
    assert imprint_of(TEXT) in request
    assert TEXT not in request


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"status": 2}, "status 2"),
        ({"nonce": b"\x02\x01\x05"}, "another request"),
        ({"imprint": imprint_of(b"other")}, "another request"),
        ({"raw": b""}, "RFC 3161"),
        ({"raw": b"<html>"}, "RFC 3161"),
        ({"raw": b"\x30\x80"}, "RFC 3161"),
        ({"raw": b"\x30\x84\xff\xff\xff\xff"}, "RFC 3161"),
    ],
    ids=str,
)
def test_another_answer_is_no_time_stamp(wrong, said):
    with authority() as tsa:
        for name, value in wrong.items():
            setattr(tsa, name, value)
        with pytest.raises(TimeStampRefused, match=said):
            time_stamp(tsa.url, TEXT, LOOPBACK)


def test_an_authority_inside_is_reached_where_that_is_opened_alone():
    with authority() as tsa, pytest.raises((ForbiddenAddress, OSError)):
        time_stamp(tsa.url, TEXT, [])
    assert tsa.received == []
