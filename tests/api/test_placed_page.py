"""Where a browser is sent after a purchase, by what the account has set."""

import pytest

from oms_ledger.api.checkout.pages import placed_page


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("/thanks", "/thanks?og=v1"),
        ("https://store.example/a?b=1", "https://store.example/a?b=1&og=v1"),
        ("/a#top", "/a?og=v1#top"),
        ("/a?b#top?c", "/a?b&og=v1#top?c"),
        ("/%C3%A9", "/%C3%A9?og=v1"),
        ("/спасибо", "/%D1%81%D0%BF%D0%B0%D1%81%D0%B8%D0%B1%D0%BE?og=v1"),
        ("/a\r\nset-cookie: b", "/a%0D%0Aset-cookie:%20b?og=v1"),
    ],
)
def test_the_page_gets_the_group_and_stays_a_header(page, expected):
    assert placed_page(page, "v1") == expected
    assert placed_page(page, "v1").isascii()


def test_a_group_with_other_signs_is_one_value():
    assert placed_page("/a", "a/b&c#d") == "/a?og=a%2Fb%26c%23d"
