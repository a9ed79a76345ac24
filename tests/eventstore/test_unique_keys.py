"""Keys of an older release stay known when the tables are brought to this one."""

from alembic import command
from sqlalchemy import text

from oms_ledger.cell import Cell
from oms_ledger.eventstore.idempotency import IdempotencyScope
from oms_ledger.eventstore.records import Key
from oms_ledger.migrations import _config, migrate
from oms_ledger.settings import Settings
from tests.conftest import MASTER_KEY

CLAIMED, NATURAL = "idempotency:key:one:0", "group:v1acme"


def test_G9_keys_that_were_taken_before_count_as_taken_when_the_tables_are_brought_up(
    database_url, tmp_path
):
    settings = Settings(data_dir=tmp_path, database_url=database_url, master_key=MASTER_KEY)
    cell = Cell(settings)
    config = _config()
    with cell.database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0011_figures")
    with cell.database.writing() as connection:
        for key in (CLAIMED, NATURAL):
            taken = "INSERT INTO unique_keys (account, key, value) VALUES ('acme', :key, :value)"
            connection.execute(text(taken), {"key": key, "value": b"x"})
    migrate(cell.database)
    with cell.database.reading() as connection:
        query = text("SELECT key, at FROM unique_keys WHERE at IS NOT NULL")
        (fields,) = connection.execute(query).all()
    assert fields.key == CLAIMED
    assert cell.store.forget_claims(fields.at) == 0
    assert cell.store.forget_claims(fields.at + 1) == 1
    assert cell.store.key("acme", CLAIMED) is None
    assert cell.store.key("acme", NATURAL) == b"x"
    assert cell.store.take_key(Key("acme", NATURAL, b"y")) == Key("acme", NATURAL, b"x")
    assert cell.store.forget_claims(2**62) == 0
    cell.close()


def test_a_claim_is_of_one_account_actor_and_person_and_keeps_no_text():
    def claim(account="acme", actor="shopper", who="one", key="my e-mail"):
        attempt = IdempotencyScope(key, lambda: "asked", who=who)
        return attempt.claim(account, actor).name

    names = {claim(), claim(actor="key"), claim(who="two"), claim(key="other")}
    assert len(names) == 4
    assert all(name.startswith("idempotency:") and "e-mail" not in name for name in names)
    assert claim() == claim()
