"""Hash trees of RFC 6962 (section 2.1): short proofs that a leaf is under a root.

A range `(low, high)` names the tree over the leaves from `low` to before `high`.
"""

import hashlib
from collections.abc import Sequence

HASH_BYTES = hashlib.sha256().digest_size
Range = tuple[int, int]


def leaf(value: bytes) -> bytes:
    """The hash of a leaf (RFC 6962)."""
    return hashlib.sha256(b"\x00" + value).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node (RFC 6962)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows: its size, and the roots of the whole trees it is made of (peaks)."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if size.bit_count() != len(peaks):
            raise ValueError(f"{len(peaks)} peaks do not make a tree of {size} leaves")
        self.size = size
        self.peaks = list(peaks)
        self.seen: dict[Range, bytes | None] = {}
        """Ranges whose hashes are wanted: each is filled in once its tree is whole."""

    def add(self, value: bytes) -> None:
        """Add a leaf; whole trees of one size become one of twice the size."""
        whole, low = leaf(value), self.size
        self._note(low, self.size + 1, whole)
        width = 1
        while self.size & width:
            whole, low, width = node(self.peaks.pop(), whole), low - width, width * 2
            self._note(low, self.size + 1, whole)
        self.peaks.append(whole)
        self.size += 1

    def root(self) -> bytes:
        """The root over all leaves; of an empty tree the hash of nothing."""
        if not self.peaks:
            return hashlib.sha256().digest()
        whole = self.peaks[-1]
        widths = [1 << bit for bit in range(self.size.bit_length()) if self.size >> bit & 1]
        low = self.size - widths[0]
        for peak, width in zip(self.peaks[-2::-1], widths[1:], strict=True):
            self._note(low, self.size, whole)
            whole, low = node(peak, whole), low - width
        return whole

    def _note(self, low: int, high: int, whole: bytes) -> None:
        if (low, high) in self.seen:
            self.seen[low, high] = whole


def path(index: int, size: int) -> list[Range]:
    """The ranges beside the way from a leaf up to the root, the nearest first."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    ranges, low, high = list[Range](), 0, size
    while high - low > 1:
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return ranges[::-1]


def root_from(value: bytes, index: int, size: int, hashes: Sequence[bytes]) -> bytes:
    """The root that a leaf and the hashes beside its way lead to."""
    whole = leaf(value)
    for (low, _), beside in zip(path(index, size), hashes, strict=True):
        whole = node(whole, beside) if low > index else node(beside, whole)
    return whole
