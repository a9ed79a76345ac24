"""The mail servers of accounts; their URLs are stored encrypted."""

from sqlalchemy import Connection, select

from oms_ledger.eventstore.encryption import Encryption
from projections.conversation.tables import mail_providers as t


def place(account: str, name: str) -> str:
    """What the URL of a mail server is sealed for: it opens in its row alone."""
    return f"mail-provider:{account}/{name}"


def get(connection: Connection, encryption: Encryption, account: str, name: str) -> str | None:
    """The URL of an account's server; None where it has none of that name."""
    mine = (t.c.account == account, t.c.name == name)
    sealed = connection.execute(select(t.c.url).where(*mine)).scalar_one_or_none()
    return None if sealed is None else encryption.open(bytes(sealed), place(account, name)).decode()
