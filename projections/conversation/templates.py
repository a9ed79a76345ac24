"""An account's own templates of mails."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from projections.conversation.tables import mail_templates as t
from projections.sql.upserts import upsert


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """Subject and body of a mail, both in the syntax of `oms_ledger.notifications.templates`."""

    subject: str
    html: str


_GET = select(t.c.subject, t.c.html).where(
    t.c.account == bindparam("whose"), t.c.name == bindparam("named")
)


def get(connection: Connection, account: str, name: str) -> MailTemplate | None:
    """The account's own template of that name; None where the built-in one is used."""
    row = connection.execute(_GET, {"whose": account, "named": name}).one_or_none()
    return None if row is None else MailTemplate(row.subject, row.html)


def put(
    connection: Connection, account: str, name: str, template: MailTemplate, actor: str, now: int
) -> None:
    """Add or replace a template; `now` in microseconds, `actor` who did it."""
    row = {
        "account": account,
        "name": name,
        "subject": template.subject,
        "html": template.html,
        "changed_at": now,
        "changed_by": actor,
    }
    connection.execute(upsert(connection, t), row)


def remove(connection: Connection, account: str, name: str) -> None:
    """Go back to the built-in template; nothing happens where it is used already."""
    connection.execute(delete(t).where(t.c.account == account, t.c.name == name))
