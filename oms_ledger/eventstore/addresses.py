"""Addresses of PostgreSQL, in every form that libpq reads, and what is put in where it is absent.

A machine that vanishes sends no farewell: without these bounds the kernel waits for a quarter of
an hour, and whoever called the machine waits with it.
"""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

from oms_ledger.process_name import process_name

_BOUNDS = {
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "8000",
}
"""Seconds, the last in milliseconds: a dead machine is noticed after 8 to 11 s."""

_LONGEST = 63
"""Characters of an application name that PostgreSQL keeps."""


PRIMARY, STANDBY = "read-write", "prefer-standby"


def connection_arguments(address: str, prefer: str = PRIMARY) -> dict[str, Any]:
    """What a driver connects with: the address taken apart, with bounds and a name put in.

    Of several hosts, the one that takes writes is meant, unless `prefer` or the address says
    otherwise.
    """
    given = conninfo_to_dict(address)
    hosts = str(given.get("host") or given.get("hostaddr") or "")
    several = {"target_session_attrs": prefer} if "," in hosts else {}
    name = {"application_name": f"oms-ledger {process_name()}"[:_LONGEST]}
    return {**_BOUNDS, **several, **name, **given}
