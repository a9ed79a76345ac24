"""Time stamps of RFC 3161: an authority outside says that a text was there at a time.

What is sent is a hash. The answer is kept as it comes; `openssl ts -verify` checks whose it is.
Here is looked at that it is about this hash and answers this request.
"""

import hashlib
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from oms_ledger.http_client.addresses import Allowed
from oms_ledger.http_client.sessions import exchange, session

_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")  # 1.2.840.113549.1.9.16.1.4
_GRANTED = (0, 1)


class TimeStampRefused(Exception):
    """The authority gave no time stamp for this text."""


class _Part(NamedTuple):
    tag: int
    content: bytes
    whole: bytes


def time_stamp(url: str, text: bytes, networks: Sequence[Allowed]) -> bytes:
    """A token for a text, DER; raises `TimeStampRefused`, or `OSError` where no answer came."""
    nonce = _number(secrets.randbits(63))
    imprint = _made(_SEQUENCE, _SHA256 + _made(_OCTETS, hashlib.sha256(text).digest()))
    wanted = _made(_SEQUENCE, _number(1) + imprint + nonce + b"\x01\x01\xff")
    headers = {"Content-Type": "application/timestamp-query"}
    response, answer = exchange(session(networks), "POST", url, data=wanted, headers=headers)
    if response.status_code != 200:
        raise TimeStampRefused(f"the authority answered {response.status_code}")
    try:
        return _token(answer, imprint, nonce)
    except (IndexError, ValueError) as error:
        raise TimeStampRefused("the authority's answer is not of RFC 3161") from error


def _token(answer: bytes, imprint: bytes, nonce: bytes) -> bytes:
    status, *tokens = _parts(_only(answer, _SEQUENCE))
    code = int.from_bytes(_parts(status.content)[0].content, "big")
    if code not in _GRANTED or not tokens:
        raise TimeStampRefused(f"the authority refused: status {code}")
    signed = _parts(_only(_parts(tokens[0].content)[1].content, _SEQUENCE))
    kind, stamped = _parts(signed[2].content)
    if kind.whole != _TST_INFO:
        raise TimeStampRefused("the authority signed something else than a time stamp")
    said = _parts(_only(_only(stamped.content, _OCTETS), _SEQUENCE))
    if said[2].whole != imprint or nonce not in [part.whole for part in said[3:]]:
        raise TimeStampRefused("the time stamp is not about this text, or of another request")
    return tokens[0].whole


def _only(encoded: bytes, tag: int) -> bytes:
    """The content of the one part there is, of the kind that is due."""
    (part,) = _parts(encoded)
    if part.tag != tag:
        raise ValueError(f"found {part.tag:#x}, expected {tag:#x}")
    return part.content


def _parts(encoded: bytes) -> list[_Part]:
    parts, at = list[_Part](), 0
    while at < len(encoded):
        length, begin = encoded[at + 1], at + 2
        if length & 0x80:
            begin += length & 0x7F
            length = int.from_bytes(encoded[at + 2 : begin], "big")
        end = begin + length
        if end > len(encoded):
            raise ValueError("a part is cut off")
        parts.append(_Part(encoded[at], encoded[begin:end], encoded[at:end]))
        at = end
    return parts


def _made(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _number(value: int) -> bytes:
    return _made(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))
