"""Each guarantee is shown by a test, each number is registered, and the page says so."""

from tests.support.guarantees import PAGE, groups, known, page


def test_each_guarantee_has_a_test_and_each_number_a_sentence():
    registered = {number for sentences in groups().values() for number in sentences}
    assert {number for numbers in known().values() for number in numbers} == registered


def test_the_page_is_what_make_guarantees_writes():
    assert PAGE.read_text() == page(), "run make guarantees"
