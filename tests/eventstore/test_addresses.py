"""Where the database is, as libpq says it, and what is put in where it is absent."""

import pytest

from oms_ledger.eventstore.addresses import connection_arguments

SEVERAL = [
    "postgresql://oms@one:5432,two:5433/oms",
    "postgresql://oms@/oms?host=one,two&port=5432,5433",
    "host=one,two port=5432,5433 user=oms dbname=oms",
]


@pytest.mark.parametrize("address", SEVERAL)
def test_every_form_of_several_hosts_is_the_same(address):
    found = connection_arguments(address)
    assert (found["host"], found["port"]) == ("one,two", "5432,5433")
    assert (found["user"], found["dbname"]) == ("oms", "oms")
    assert found["target_session_attrs"] == "read-write"


def test_bounds_are_put_in():
    found = connection_arguments("postgresql://db/oms")
    assert found["connect_timeout"] == "3"
    assert found["tcp_user_timeout"] == "8000"
    assert (found["keepalives_idle"], found["keepalives_interval"]) == ("5", "2")
    assert found["keepalives_count"] == "3"
    assert found["application_name"].startswith("oms-ledger ")
    assert "target_session_attrs" not in found


def test_what_is_given_stays():
    found = connection_arguments(
        "postgresql://one,two/oms?connect_timeout=9&target_session_attrs=any&application_name=x"
    )
    assert found["connect_timeout"] == "9"
    assert found["target_session_attrs"] == "any"
    assert found["application_name"] == "x"
