"""The store's own running numbers: increasing, never twice, with gaps nobody can guess."""

from collections.abc import Callable

from sqlalchemy.dialects import postgresql, sqlite

from oms_ledger.ledger.database import Database
from oms_ledger.ledger.tables import sequences as t

FIRST = 100_000
WIDEST_GAP = 9


def allot(database: Database, account: str, count: int, random: Callable[[int], int]) -> list[int]:
    """`count` fresh sequence numbers in a row; `random(n)` answers 0…n-1."""
    step = count + random(WIDEST_GAP)
    dialect = sqlite if database.sqlite else postgresql
    upsert = dialect.insert(t).values(account=account, next=FIRST + step)
    upsert = upsert.on_conflict_do_update(
        index_elements=["account"], set_={"next": t.c.next + step}
    )
    with database.writing() as connection:
        after: int = connection.execute(upsert.returning(t.c.next)).scalar_one()
    return list(range(after - step, after - step + count))
