"""What built-in and own texts of mails say, with the names that they are given."""

from oms_ledger.orders.conversation.texts import filled


def test_names_are_filled_in_and_other_braces_stay():
    names = {"name": "Ana", "order_id": "v1-01", "reason": ""}
    text = " {name}: {order_id}{reason} {else} {} {NAME} {{name}} "
    assert filled(text, names) == "Ana: v1-01 {else} {} {NAME} {Ana}"


def test_what_was_filled_in_is_not_filled_in_again():
    """However a customer is called."""
    names = {"name": "{reason}" * 1_000, "reason": "r" * 1_000}
    assert filled("{name}, {reason}", names) == "{reason}" * 1_000 + ", " + "r" * 1_000
