"""Personal data: encrypted per order, so that erasing an order's key erases the person (G56).

AES-256-GCM. Each order has a data key of its own, wrapped by the deployment's master key
(`OMS_MASTER_KEY`, else a file of mode 600 in the data directory).
"""

import base64
import hashlib
import hmac
import os
from collections import OrderedDict
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_CACHED = 50_000


class ForeignDataKey(Exception):
    """The stored data key of a stream is not the one that was made for it by this master key."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"the data key of {stream} is not the one that was made for it")
        self.stream = stream


class Encryption:
    """Encrypts personal data with a key for each stream, wrapped by the master key (AES-GCM)."""

    def __init__(self, master_key: bytes, secret: bytes | None = None) -> None:
        """`secret` is what is signed by; None where the master key is the first one."""
        self._master = AESGCM(master_key)
        self.secret = secret or hashlib.sha256(b"signing" + master_key).digest()
        self._keys: OrderedDict[str, tuple[bytes, AESGCM]] = OrderedDict()

    def new_key(self, stream: str) -> bytes:
        """A fresh data key for a stream, wrapped: what is stored."""
        key = AESGCM.generate_key(256)
        wrapped = self.seal(key, stream)
        self._remember(stream, wrapped, AESGCM(key))
        return wrapped

    def unwrap(self, stream: str, wrapped: bytes) -> AESGCM:
        """The data key of a stream, as the database has it now."""
        known = self._keys.get(stream)
        if known is not None and known[0] == wrapped:
            return known[1]
        try:
            key = AESGCM(self.open(wrapped, stream))
        except InvalidTag:
            raise ForeignDataKey(stream) from None
        self._remember(stream, wrapped, key)
        return key

    def key(self, stream: str) -> AESGCM | None:
        """The key that was seen last, to write with. It may be erased: never read by it."""
        known = self._keys.get(stream)
        return known[1] if known else None

    def forget(self, stream: str) -> None:
        """Drop the stream's key from memory: it was erased, or replaced."""
        self._keys.pop(stream, None)

    def seal(self, plain: bytes, context: str) -> bytes:
        """A deployment's secret, encrypted by the master key and bound to its place."""
        nonce = os.urandom(_NONCE)
        return nonce + self._master.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """What `seal` encrypted; `InvalidTag` where the key or the place is another, or nothing."""
        if len(sealed) < _NONCE:
            raise InvalidTag
        return self._master.decrypt(sealed[:_NONCE], sealed[_NONCE:], context.encode())

    def sign(self, text: str) -> str:
        """32 hex digits that only this deployment can make of a text."""
        return hmac.digest(self.secret, text.encode(), "sha256").hex()[:32]

    def _remember(self, stream: str, wrapped: bytes, key: AESGCM) -> None:
        self._keys[stream] = (wrapped, key)
        if len(self._keys) > _CACHED:
            self._keys.popitem(last=False)


def encrypt(key: AESGCM, plain: bytes, place: str) -> bytes:
    """Nonce and ciphertext, bound to a place: elsewhere it cannot be decrypted."""
    nonce = os.urandom(_NONCE)
    return nonce + key.encrypt(nonce, plain, place.encode())


def decrypt(key: AESGCM, sealed: bytes, place: str) -> bytes:
    """What `encrypt` was given; `InvalidTag` where the key or the place is another."""
    return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], place.encode())


def master_key(given: bytes | None, data_dir: Path) -> bytes:
    """The master key as given, else that of the data directory, made at the first start."""
    if given is not None:
        return given
    path = data_dir / "master.key"
    data_dir.mkdir(parents=True, exist_ok=True)
    fresh = data_dir / f".master.key.{os.getpid()}"
    if not path.exists():
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(32)))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # of two processes at the first start one wins, whole
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return base64.b64decode(path.read_bytes())
