"""Keep beside a task what it is searched by: its name, its assignee, the comments"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0030_task_words"
down_revision = "0029_hosted_accounts"
branch_labels = None
depends_on = None

tasks = sa.table("tasks", *(sa.column(name, sa.Text()) for name in ("id", "body", "words")))
history = sa.table(
    "task_history", *(sa.column(name, sa.Text()) for name in ("task", "kind", "text"))
)


def upgrade() -> None:
    op.add_column("tasks", sa.Column("words", sa.Text(), nullable=False, server_default=""))
    connection = op.get_bind()
    comments: dict[str, list[str]] = {}
    said = sa.select(history.c.task, history.c.text).where(history.c.kind == "comment")
    for task, text in connection.execute(said):
        comments.setdefault(task, []).append(text)
    rows = [
        {"of": task, "kept": _words(json.loads(body), comments.get(task, []))}
        for task, body in connection.execute(sa.select(tasks.c.id, tasks.c.body))
    ]
    if rows:
        kept = sa.update(tasks).where(tasks.c.id == sa.bindparam("of"))
        connection.execute(kept.values(words=sa.bindparam("kept")), rows)


def _words(body: dict[str, object], comments: list[str]) -> str:
    assignee, named = body.get("assignee"), body.get("translateMapping")
    said = [body.get("name"), *(named.values() if isinstance(named, dict) else ())]
    if isinstance(assignee, dict):
        said += [assignee.get("name"), assignee.get("email")]
    texts = [*said, *comments]
    folded = "".join(f"{text.casefold()}\n" for text in texts if isinstance(text, str) and text)
    return folded.replace("\x00", "\ufffd")


def downgrade() -> None:
    with op.batch_alter_table("tasks") as table:
        table.drop_column("words")
