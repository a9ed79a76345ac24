"""Hash trees as RFC 6962 has them: its published roots, and every way of every size."""

import hashlib

import pytest

from oms_ledger.eventstore.merkle import Tree, path, root_from

# The leaves and roots that the tests of Certificate Transparency's implementations publish.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def test_roots_are_the_published_ones():
    tree = Tree()
    assert tree.root() == hashlib.sha256().digest()
    for value, root in zip(LEAVES, ROOTS, strict=True):
        tree.add(value)
        assert tree.root().hex() == root


@pytest.mark.parametrize("size", range(1, 34))
def test_every_leaf_leads_to_the_root_and_no_other_does(size):
    values = [str(number).encode() for number in range(size)]
    tree = Tree()
    tree.seen = {one: None for index in range(size) for one in path(index, size)}
    for value in values:
        tree.add(value)
    root = tree.root()
    for index, value in enumerate(values):
        hashes = [tree.seen[one] for one in path(index, size)]
        assert root_from(value, index, size, hashes) == root
        assert root_from(b"other", index, size, hashes) != root
        with pytest.raises(ValueError, match="longer"):
            root_from(value, index, size, [*hashes, root])


def test_a_tree_goes_on_from_its_peaks():
    whole, first = Tree(), Tree()
    for value in LEAVES[:5]:
        whole.add(value)
        first.add(value)
    second = Tree(first.size, first.peaks)
    for value in LEAVES[5:]:
        whole.add(value)
        second.add(value)
    assert second.root() == whole.root()
    with pytest.raises(ValueError, match="peaks"):
        Tree(3, first.peaks[:1])
