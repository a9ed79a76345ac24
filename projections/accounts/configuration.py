"""Tables of configuration: filled from the events of accounts, in the transaction that stores them.

What a table should hold is a function of an account's state, so a change writes the rows that
differ between two states, and `verify` compares the rows of that state with those stored.
Nothing else writes these tables, but for columns that no row here names: what a feed or a hook
does while it runs.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection, Table, and_, delete, insert, select, update

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.configuration import Configuration, Item
from oms_ledger.accounts.gateways import GatewayItem
from oms_ledger.accounts.keys import KeyItem
from oms_ledger.accounts.mail_providers import MailProviderItem
from oms_ledger.accounts.members import MemberItem
from oms_ledger.accounts.operators import OperatorState
from oms_ledger.accounts.registers import AffiliateItem, SellerItem
from oms_ledger.accounts.subscriptions import FeedItem, HookItem
from oms_ledger.accounts.tokens import TokenBoundItem
from oms_ledger.accounts.trigger_secrets import TriggerSecretItem
from oms_ledger.clock import Clock
from oms_ledger.eventstore.encryption import Encryption
from oms_ledger.eventstore.records import Fill
from projections import tables
from projections.accounts import affiliates, gateways, sellers, token_bounds
from projections.conversation import providers
from projections.conversation.tables import mail_providers
from projections.masterdata import trigger_secrets
from projections.masterdata.tables import trigger_secrets as trigger_secrets_table
from projections.notifications import feeds, hooks
from projections.operators import directory
from projections.operators.tables import operator_roles

Row = Mapping[str, Any]
Key = tuple[Any, ...]

UNREADABLE = "unreadable"
"""Stands for a sealed column that is not what this deployment sealed for its row."""


@dataclass(frozen=True)
class ConfigurationTable:
    """A table, and how the items of an account become its rows.

    `sealed` columns are encrypted by the master key and bound to `place` of their row; in rows here
    they are plain. `secret` fields of items are never in the plain part of an event; those in
    `json` are texts in a row. `changing` does what goes along before a row is written or removed,
    `fresh` has the columns of a row that is new at an instant and that are no configuration.
    """

    table: Table
    item: type[Item]
    row: Callable[[str, Any], Row]
    sealed: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    json: frozenset[str] = frozenset()
    place: Callable[[Row], str] = lambda row: ""
    fresh: Callable[[int], Row] = lambda now: {}
    changing: Callable[[Connection, Row | None, Row | None], None] = lambda *_: None
    stored: Callable[[Row], Row] = lambda row: row
    """A stored row without what is no configuration in it."""
    upgraded: Callable[[Row], Row] = lambda row: row
    """A row of before as it would be written now."""
    kept: Callable[[Row, int], bool] = lambda row, now: True
    """Whether a row has to be there at an instant; what may be forgotten is not missed."""

    def key(self, row: Row) -> Key:
        """The values of the table's primary key, in its order."""
        return tuple(row[column.name] for column in self.table.primary_key)

    def rows(self, account: str, configuration: Configuration) -> dict[Key, Row]:
        """What the table should hold of an account."""
        made = (self.row(account, item) for item in configuration.all(self.item).values())
        return {self.key(row): row for row in made}

    def differences(
        self, account: str, before: Configuration, after: Configuration
    ) -> Iterable[tuple[Row | None, Row | None]]:
        """Rows that a change removes, adds or sets."""
        if before.all(self.item) is after.all(self.item):
            return
        old, new = self.rows(account, before), self.rows(account, after)
        for key in old.keys() - new.keys():
            yield old[key], None
        for key, row in new.items():
            if old.get(key) != row:
                yield old.get(key), row

    def write(
        self,
        connection: Connection,
        encryption: Encryption,
        before: Row | None,
        after: Row | None,
        now: int,
    ) -> None:
        """Set the row of an item, or remove it where there is no `after`; `now` in microseconds."""
        self.changing(connection, before, after)
        row = after or before or {}
        own = zip(self.table.primary_key, self.key(row), strict=True)
        mine = and_(*(column == value for column, value in own))
        if after is None:
            connection.execute(delete(self.table).where(mine))
            return
        values = {
            name: encryption.seal(value.encode(), self.place(row))
            if name in self.sealed and value is not None
            else value
            for name, value in row.items()
        }
        if not connection.execute(update(self.table).where(mine).values(values)).rowcount:
            connection.execute(insert(self.table).values({**self.fresh(now), **values}))

    def read(self, connection: Connection, encryption: Encryption, account: str) -> dict[Key, Row]:
        """What the table holds of an account, in the form of `rows`."""
        t = self.table
        found = connection.execute(select(t).where(t.c.account == account))
        return {
            self.key(row): self.opened(row, encryption) for row in (dict(f._mapping) for f in found)
        }

    def wrong(self, expected: Row, stored: Row) -> list[str]:
        """The columns of a stored row that are not what is configured."""
        return [name for name, value in expected.items() if stored[name] != value]

    def fields(self, row: Row) -> dict[str, Any]:
        """The fields of a row's item."""
        now = self.upgraded(row)
        names = [field.name for field in fields(self.item)]  # type: ignore[arg-type]
        return {name: self._field(name, now[name]) for name in names}

    def _field(self, name: str, value: Any) -> Any:
        if name in self.json:
            return json.loads(value) if value != UNREADABLE else {}
        if value == UNREADABLE:
            return ""
        return value.hex() if isinstance(value, bytes) else value

    def opened(self, row: Row, encryption: Encryption) -> Row:
        """A stored row with its sealed columns in plain; `UNREADABLE` where one does not open."""
        return self.stored({name: self._plain(row, name, encryption) for name in row})

    def _plain(self, row: Row, name: str, encryption: Encryption) -> Any:
        value = row[name]
        if isinstance(value, memoryview):
            value = bytes(value)
        if name not in self.sealed or value is None:
            return value
        try:
            return encryption.open(bytes(value), self.place(row)).decode()
        except InvalidTag:
            return UNREADABLE


def _key_row(account: str, key: KeyItem) -> Row:
    return {
        "app_key": key.app_key,
        "account": account,
        "role": key.role,
        "token_hash": bytes.fromhex(key.token_hash),
        "created_at": key.created_at,
        "revoked_at": key.revoked_at,
        "previous_hash": bytes.fromhex(key.previous_hash) if key.previous_hash else None,
        "previous_until": key.previous_until,
        "label": key.label,
        "party": key.party,
        "resources": json.dumps(key.resources),
    }


def _feed_row(account: str, feed: FeedItem) -> Row:
    return {
        "app_key": feed.app_key,
        "account": account,
        "filter": json.dumps(feed.filter),
        "visibility": feed.visibility,
        "retention": feed.retention,
        "created_at": feed.created_at,
    }


def _hook_row(account: str, hook: HookItem) -> Row:
    return {
        "app_key": hook.app_key,
        "account": account,
        "filter": json.dumps(hook.filter),
        "url": hook.url,
        "headers": json.dumps(hook.headers),
        "secret": hook.secret,
        "previous_secret": hook.previous_secret,
        "previous_until": hook.previous_until,
        "created_at": hook.created_at,
        "paused_at": hook.paused_at,
        "pause_reason": None,
        "resumed_at": hook.resumed_at,
    }


def _hook_stored(row: Row) -> Row:
    """A pause with a reason was made by the endpoint's answers: nobody configured it."""
    return row if row["pause_reason"] is None else {**row, "paused_at": None, "pause_reason": None}


def _gateway_row(account: str, gateway: GatewayItem) -> Row:
    return {
        "account": account,
        "url": gateway.url,
        "credentials": json.dumps(gateway.credentials),
        "configured_at": gateway.configured_at,
    }


def _seller_row(account: str, seller: SellerItem) -> Row:
    return {
        "account": account,
        "seller": seller.seller,
        "outside": seller.outside,
        "body": json.dumps(seller.body),
        "channels": json.dumps(seller.channels),
        "secrets": json.dumps(seller.secrets),
        "unsealed_url": None,
        "configured_at": seller.configured_at,
    }


def _affiliate_row(account: str, affiliate: AffiliateItem) -> Row:
    return {
        "account": account,
        "affiliate": affiliate.affiliate,
        "body": json.dumps(affiliate.body),
        "secrets": json.dumps(affiliate.secrets),
        "configured_at": affiliate.configured_at,
    }


def _member_row(account: str, member: MemberItem) -> Row:
    return {"operator": member.operator, "account": account, "role": member.role}


def _bound_row(account: str, bound: TokenBoundItem) -> Row:
    return {"account": account, "subject": bound.subject, "not_before": bound.not_before}


def _trigger_secret_row(account: str, one: TriggerSecretItem) -> Row:
    return {"account": account, "secret": one.secret, "created_at": one.created_at}


def _mail_provider_row(account: str, one: MailProviderItem) -> Row:
    return {
        "account": account,
        "name": one.name,
        "url": one.url,
        "configured_at": one.configured_at,
    }


TABLES: Sequence[ConfigurationTable] = (
    ConfigurationTable(
        tables.app_keys,
        KeyItem,
        _key_row,
        secret=frozenset({"token_hash", "previous_hash"}),
        json=frozenset({"resources"}),
    ),
    ConfigurationTable(
        tables.feeds,
        FeedItem,
        _feed_row,
        json=frozenset({"filter"}),
        fresh=feeds.fresh,
        changing=feeds.changing,
    ),
    ConfigurationTable(
        tables.hooks,
        HookItem,
        _hook_row,
        sealed=frozenset({"headers", "secret", "previous_secret"}),
        secret=frozenset({"headers", "secret", "previous_secret"}),
        json=frozenset({"filter", "headers"}),
        place=lambda row: f"hook:{row['app_key']}",
        fresh=hooks.fresh,
        changing=hooks.changing,
        stored=_hook_stored,
    ),
    ConfigurationTable(
        tables.gateways,
        GatewayItem,
        _gateway_row,
        sealed=frozenset({"credentials"}),
        secret=frozenset({"credentials"}),
        json=frozenset({"credentials"}),
        place=lambda row: gateways.place(row["account"]),
    ),
    ConfigurationTable(
        tables.sellers,
        SellerItem,
        _seller_row,
        sealed=frozenset({"secrets"}),
        secret=frozenset({"secrets"}),
        json=frozenset({"body", "channels", "secrets"}),
        upgraded=sellers.upgraded,
        place=lambda row: sellers.place(row["account"], row["seller"]),
    ),
    ConfigurationTable(
        tables.affiliates,
        AffiliateItem,
        _affiliate_row,
        sealed=frozenset({"secrets"}),
        secret=frozenset({"secrets"}),
        json=frozenset({"body", "secrets"}),
        place=lambda row: affiliates.place(row["account"], row["affiliate"]),
    ),
    ConfigurationTable(operator_roles, MemberItem, _member_row),
    ConfigurationTable(
        tables.token_bounds,
        TokenBoundItem,
        _bound_row,
        kept=lambda row, now: row["not_before"] >= now - token_bounds.KEPT,
    ),
    ConfigurationTable(
        trigger_secrets_table,
        TriggerSecretItem,
        _trigger_secret_row,
        sealed=frozenset({"secret"}),
        secret=frozenset({"secret"}),
        place=lambda row: trigger_secrets.place(row["account"]),
    ),
    ConfigurationTable(
        mail_providers,
        MailProviderItem,
        _mail_provider_row,
        sealed=frozenset({"url"}),
        secret=frozenset({"url"}),
        place=lambda row: providers.place(row["account"], row["name"]),
    ),
)


def configuration_of(state: Any) -> Configuration:
    """What the state of an account's stream has configured; nothing for any other."""
    return state.configuration if isinstance(state, Account) else Configuration()


def fill(encryption: Encryption, clock: Clock, stream: str, before: Any, after: Any) -> Fill | None:
    """What writes the rows that differ between two states of a stream; None for none."""
    if isinstance(after, OperatorState):
        return directory.fill(encryption, before, after)
    if not isinstance(after, Account):
        return None
    old, new, account = configuration_of(before), after.configuration, after.name
    found = [(table, *rows) for table in TABLES for rows in table.differences(account, old, new)]

    def write(connection: Connection) -> None:
        for table, row_before, row_after in found:
            table.write(connection, encryption, row_before, row_after, clock.micros())

    return write if found else None
