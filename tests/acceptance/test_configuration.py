"""Configuration is events: tables that say who may do what are filled from them, and verified."""

import asyncio
import re
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, text

from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.mail_providers import MailProviderConfigured
from oms_ledger.accounts.operators import DEPLOYMENT, stream_of
from oms_ledger.accounts.registers import AffiliateConfigured
from oms_ledger.accounts.tokens import TokensEnded
from oms_ledger.accounts.trigger_secrets import TriggerSecretRotated
from oms_ledger.cell import Cell
from oms_ledger.eventstore.command import CommandContext
from oms_ledger.ledger import Ledger
from oms_ledger.services.accounts import keys
from oms_ledger.services.accounts.importing import import_configuration
from projections.accounts import app_keys
from projections.accounts.configuration import TABLES
from projections.accounts.gateways import RemoteGateway
from projections.accounts.sellers import Seller
from projections.accounts.tables import configuration_imports
from projections.notifications.feeds import Feed
from projections.notifications.hooks import Hook
from projections.ops.verify_configuration import (
    differences,
    operator_differences,
    verify_configuration,
)
from tests.support.configuring import (
    configure_feed,
    configure_gateway,
    configure_hook,
    create_key,
    create_operator,
    rotate_hook_secret,
    rotate_key,
    run,
    save_seller,
)
from tests.support.purchases import ACCOUNT

EVERY = {"type": "FromWorkflow", "status": []}
URL = "https://erp.example/hook"


def differing(cell: Cell) -> list[tuple[str, str]]:
    found = verify_configuration(cell.database, cell.loader())
    return [(one.table, one.reason) for one in found]


@pytest.fixture
def configured(cell: Cell) -> Cell:
    """An account with something in every table of configuration."""
    key, _ = create_key(cell, ACCOUNT, "Owner", "erp")
    other, _ = create_key(cell, ACCOUNT, "Feed reader")
    rotate_key(cell, key, 3600)
    configure_feed(cell, Feed(key, ACCOUNT, EVERY, 60, 345_600))
    configure_hook(cell, Hook(key, ACCOUNT, EVERY, URL, {"key": "topsecret"}))
    configure_hook(cell, Hook(other, ACCOUNT, EVERY, URL, {}))
    rotate_hook_secret(cell, ACCOUNT, key)
    configure_gateway(cell, RemoteGateway(ACCOUNT, "https://pay.example", "k", "gateway-token"))
    secrets = {"fulfillmentEndpoint": "https://seller.example", "appKey": "k", "appToken": "t"}
    save_seller(cell, Seller(ACCOUNT, "elsewhere", True, {"name": "Elsewhere"}, secrets))

    create_operator(cell, ACCOUNT, "Owner", email="ana@example.com", name="Ana", password_hash="x")

    async def rest(other: Cell) -> None:
        events: list[AccountEvent] = [
            AffiliateConfigured("MKP", {"name": "Market"}, {"searchURIEndpoint": "https://m.x"}),
            TokensEnded(("",)),
            TriggerSecretRotated("whsec_trigger"),
            MailProviderConfigured("own", "smtp://u:secret-of-mail@mx.example"),
        ]
        await other.ledger.configure(CommandContext(ACCOUNT, "test"), lambda _: events)

    run(cell, rest)
    return cell


def test_every_table_is_filled_from_events(configured: Cell) -> None:
    assert differing(configured) == []
    with configured.database.snapshot() as connection:
        held = {
            one.table.name for one in TABLES if one.read(connection, configured.encryption, ACCOUNT)
        }
    assert held == {one.table.name for one in TABLES}


@pytest.mark.guarantee("G54")
def test_no_secret_is_in_the_plain_part_of_an_event(configured: Cell) -> None:
    rows = configured.store.stream(f"{ACCOUNT}/")
    plain = b"".join(bytes(row.body) for row in rows)
    for secret in (
        b"topsecret",
        b"whsec_",
        b"secret-of-mail",
        b"gateway-token",
        b"seller.example",
        b"m.x",
    ):
        assert secret not in plain
    with configured.database.reading() as connection:
        hashes = [key.token_hash.hex() for key in app_keys.of_account(connection, ACCOUNT)]
    assert all(one.encode() not in plain for one in hashes)
    assert not any(secret in bytes(row.personal or b"") for row in rows for secret in (b"whsec_",))


DRILLS = {
    "a role": "UPDATE app_keys SET role = 'Owner' WHERE role = 'Feed reader'",
    "a revocation": "UPDATE app_keys SET revoked_at = 1 WHERE label = 'erp'",
    "a party": "UPDATE app_keys SET party = 'seller:x' WHERE label = 'erp'",
    "a token": "UPDATE app_keys SET token_hash = previous_hash WHERE label = 'erp'",
    "an overlap": "UPDATE app_keys SET previous_until = previous_until * 2 WHERE label = 'erp'",
    "a key": (
        "INSERT INTO app_keys (app_key, account, role, token_hash, created_at)"
        " SELECT 'vtexappkey-acme-FFFFFF', account, 'Owner', token_hash, 1 FROM app_keys"
        " WHERE label = 'erp'"
    ),
    "a lost key": "DELETE FROM app_keys WHERE label = 'erp'",
    "a foreign key": (
        "INSERT INTO app_keys (app_key, account, role, token_hash, created_at)"
        " SELECT 'vtexappkey-other-FFFFFF', 'other', 'Owner', token_hash, 1 FROM app_keys"
        " WHERE label = 'erp'"
    ),
    "a moved key": "UPDATE app_keys SET account = 'other' WHERE label = 'erp'",
    "a hook's address": "UPDATE hooks SET url = 'https://elsewhere.example'",
    "a hook's filter": "UPDATE hooks SET filter = '{}'",
    "swapped secrets": (
        "UPDATE hooks SET secret = (SELECT h.secret FROM hooks h WHERE h.app_key <> hooks.app_key)"
    ),
    "a previous secret": "UPDATE hooks SET secret = previous_secret WHERE previous_until > 0",
    "a hook's pause": "UPDATE hooks SET paused_at = 5",
    "a lost hook": "DELETE FROM hooks",
    "a feed's retention": "UPDATE feeds SET retention = 1",
    "a lost feed": "DELETE FROM feeds",
    "a gateway": "UPDATE gateways SET url = 'https://thief.example'",
    "a lost gateway": "DELETE FROM gateways",
    "a seller": "UPDATE sellers SET body = '{}'",
    "a lost seller": "DELETE FROM sellers",
    "an affiliate": 'UPDATE affiliates SET body = \'{"name": "Other"}\'',
    "an ended token": "DELETE FROM token_bounds",
    "a moved bound": "UPDATE token_bounds SET not_before = 1",
    "a trigger secret": "UPDATE trigger_secrets SET created_at = 1",
    "a lost trigger secret": "DELETE FROM trigger_secrets",
    "a mail server": "UPDATE mail_providers SET configured_at = 1",
    "a lost mail server": "DELETE FROM mail_providers",
    "a promotion": "UPDATE operator_roles SET role = 'Checkout Admin'",
    "a removal": "DELETE FROM operator_roles",
    "a lost operator": "DELETE FROM operators",
    "a password": "UPDATE operators SET password_hash = 'other'",
    "an operator's e-mail": "UPDATE operators SET email = 'eve@example.com'",
    "the whole deployment": "UPDATE operators SET deployment = NOT deployment",
    "a person shut out": "UPDATE operators SET disabled_at = 1",
    "an operator": (
        "INSERT INTO operators (id, email, name, deployment, shortcuts, created_at)"
        " SELECT 'p1', 'eve@example.com', 'Eve', deployment, shortcuts, 1 FROM operators"
    ),
    "an operator's role": (
        "INSERT INTO operator_roles (operator, account, role) VALUES ('p1', 'acme', 'Owner')"
    ),
}


@pytest.mark.guarantee("G8")
def test_what_is_written_past_the_ledger_is_found(configured: Cell) -> None:
    tables = configured.database
    missed = []
    for name, drill in DRILLS.items():
        with tables.engine.connect() as connection:
            if tables.sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            assert connection.execute(text(drill)).rowcount
            found = {
                one.table
                for account in (ACCOUNT, "other")
                for one in differences(
                    connection, configured.loader(), account, configured.clock.micros()
                )
            }
            found |= {one.table for one in operator_differences(connection, configured.loader())}
            connection.rollback()
        named = set(re.findall(r"(?:UPDATE|INTO|DELETE FROM) (\w+)", drill))
        if found != named:
            missed.append(name)
    assert missed == []
    assert differing(configured) == []


@pytest.mark.guarantee("G8")
def test_the_first_row_that_differs_is_named(configured: Cell) -> None:
    with configured.database.writing() as connection:
        connection.execute(text("UPDATE app_keys SET role = 'Owner' WHERE role = 'Feed reader'"))
        connection.execute(text("DELETE FROM gateways"))
    assert differing(configured) == [
        ("app_keys", "role: not what the events say"),
        ("gateways", "the row is missing"),
    ]


class Killed(Exception):
    """Stands for the death of the process at a write."""


@pytest.mark.guarantee("G1")
def test_a_change_cut_short_at_any_write_leaves_event_and_row_or_neither(
    cell: Cell, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, _ = create_key(cell, ACCOUNT, "Owner")
    configure_hook(cell, Hook(key, ACCOUNT, EVERY, URL, {}))
    changed, died = {"status": ["invoiced"]}, 0
    for dies_at in range(50):
        before = len(cell.store.stream(f"{ACCOUNT}/"))
        left = dies_at

        def execute(*_: object, **__: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        with monkeypatch.context() as patch:
            _die_at(patch, execute)
            try:
                configure_hook(cell, Hook(key, ACCOUNT, changed, URL, {}))
            except Killed:
                died += 1
                assert differing(cell) == []
                assert len(cell.store.stream(f"{ACCOUNT}/")) == before
                continue
        break
    assert died >= 3
    assert differing(cell) == []
    assert len(cell.store.stream(f"{ACCOUNT}/")) == before + 1


def _die_at(patch: pytest.MonkeyPatch, execute: Callable[[], object]) -> None:
    """Before each statement with which the table and what goes along with it is written."""
    own = Connection.execute

    def mortal(connection, statement, *args, **kwargs):
        if getattr(statement, "is_dml", False):
            execute()
        return own(connection, statement, *args, **kwargs)

    patch.setattr(Connection, "execute", mortal)


def test_what_fails_to_be_filled_is_not_recorded(cell: Cell) -> None:
    create_key(cell, ACCOUNT, "Owner")
    head = cell.store.head()

    def fails(_: object) -> None:
        raise Killed

    async def story(other: Cell) -> None:
        ctx = CommandContext(ACCOUNT, "test")
        await other.ledger.configure(ctx, lambda _: [TokensEnded(("",))], fills=[fails])

    with pytest.raises(Killed):
        run(cell, story)
    assert cell.store.head() == head
    assert differing(cell) == []


def test_two_who_configure_at_once_are_both_recorded(cell: Cell) -> None:
    create_key(cell, ACCOUNT, "Owner")

    async def story(other: Cell) -> None:
        ctx = CommandContext(ACCOUNT, "test")
        await asyncio.gather(*(keys.create_key(other.ledger, ctx, "Owner") for _ in range(8)))

    run(cell, story)
    with cell.database.reading() as connection:
        assert len(app_keys.of_account(connection, ACCOUNT)) == 9
    assert differing(cell) == []


def test_what_was_configured_before_is_recorded_once(configured: Cell) -> None:
    """As a release left it that wrote the tables itself."""
    other = Cell(configured.settings, configured.clock)
    with other.database.writing() as connection:
        for statement in (
            "UPDATE app_keys SET role = 'Owner', label = 'before' WHERE role = 'Feed reader'",
            "UPDATE gateways SET url = 'https://before.example'",
            "UPDATE feeds SET visibility = 30",
        ):
            connection.execute(text(statement))
        connection.execute(insert(configuration_imports).values(account=ACCOUNT))
    assert len(differing(other)) == 3
    asyncio.run(import_configuration(other))
    assert differing(other) == []
    rows = other.store.stream(f"{ACCOUNT}/")
    imported = [row for row in rows if row.name == "configuration-imported"]
    assert [row.actor for row in imported] == ["migration"] * 3
    asyncio.run(import_configuration(other))
    assert len(other.store.stream(f"{ACCOUNT}/")) == len(rows)
    with other.database.writing() as connection:
        connection.execute(text("UPDATE app_keys SET role = 'Feed reader'"))
    asyncio.run(import_configuration(other))
    assert differing(other) != []  # what is written past the ledger later is not taken over
    other.close()


def test_an_operator_of_before_is_recorded_once(configured: Cell) -> None:
    other = Cell(configured.settings, configured.clock)
    with other.database.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO operators"
                " (id, email, name, password_hash, deployment, shortcuts, created_at, disabled_at)"
                " SELECT 'pbefore', 'bo@example.com', 'Bo', 'hash', deployment, shortcuts, 7, 8"
                " FROM operators"
            )
        )
        connection.execute(insert(configuration_imports).values(account=DEPLOYMENT))
    assert differing(other) == [("operators", "no event made this row")]
    for _ in range(2):
        asyncio.run(import_configuration(other))
        assert differing(other) == []
        (row,) = other.store.stream(stream_of("pbefore"))
        assert (row.name, row.actor) == ("operator-imported", "migration")
        assert b"bo@example.com" not in bytes(row.body) + bytes(row.personal or b"")
    other.close()


def test_a_ledger_without_the_filling_shows_what_the_filling_does(cell: Cell) -> None:
    """The tables are filled by the append alone: no other code of the product writes them."""
    create_key(cell, ACCOUNT, "Owner")
    bare = Ledger(cell.store, cell.encryption, cell.clock)
    ctx = CommandContext(ACCOUNT, "test")
    asyncio.run(keys.create_key(bare, ctx, "Owner"))
    assert differing(cell) == [("app_keys", "the row is missing")]
