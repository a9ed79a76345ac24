import pytest

from oms_ledger.orders.placement.numbers import order_group, order_id


@pytest.mark.parametrize(
    ("form", "group"), [("deadLetters", "v502559llux"), ("digits", "502559000788")]
)
def test_a_group_is_spelled_as_the_account_chose(form, group):
    assert order_group(502559, "llux", form, 788) == group


@pytest.mark.parametrize(("number", "spelled"), [(1, "-01"), (12, "-12"), (100, "-100")])
def test_an_order_is_a_number_of_its_group(number, spelled):
    assert order_id("v502559llux", number) == f"v502559llux{spelled}"


def test_groups_of_digits_differ_whatever_the_noise():
    noises = (0, 1, 99_999, 999_999)
    groups = [order_group(n, "x", "digits", noise) for n in (1, 10, 100) for noise in noises]
    assert len(set(groups)) == len(groups)
