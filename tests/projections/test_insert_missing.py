"""Rows that are there stay as they are, and only the others are counted."""

from projections.conversation.tables import conversation_aliases
from projections.subscriptions.notification import insert_missing


def alias(name, party="customer"):
    return {"account": "acme", "alias": name, "order_id": "1", "party": party}


def test_missing_rows_are_added_and_counted(cell):
    with cell.database.writing() as connection:
        assert insert_missing(connection, conversation_aliases, []) == 0
        assert insert_missing(connection, conversation_aliases, [alias("a")]) == 1
        assert insert_missing(connection, conversation_aliases, [alias("a", "store")]) == 0
        both = [alias("a", "store"), alias("b"), alias("c")]
        assert insert_missing(connection, conversation_aliases, both) == 2
        rows = connection.execute(conversation_aliases.select()).all()
    assert sorted((row.alias, row.party) for row in rows) == [
        ("a", "customer"),
        ("b", "customer"),
        ("c", "customer"),
    ]
