"""Each guarantee is shown by a test, each number is registered, and the page says so."""

from tests.support.guarantees import (
    ATTACKS_PAGE,
    PAGE,
    attacks_page,
    groups,
    kinds,
    known,
    page,
)


def test_each_guarantee_has_a_test_and_each_number_a_sentence():
    registered = {number for sentences in groups().values() for number in sentences}
    assert {number for numbers in known().values() for number in numbers} == registered


def test_the_page_is_what_make_guarantees_writes():
    assert PAGE.read_text() == page(), "run make guarantees"


def test_each_attack_is_held_by_tests_that_there_are():
    rows = [row for kind in kinds() for row in kind["rows"]]
    assert all(row["tests"] for row in rows)
    assert {test for row in rows for test in row["tests"]} <= set(known())


def test_the_page_of_attacks_is_what_make_guarantees_writes():
    assert ATTACKS_PAGE.read_text() == attacks_page(), "run make guarantees"
