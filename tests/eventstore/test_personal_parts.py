"""Parts of plain fields that tell of a person are stored apart, and put back where they were."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.eventstore.parts import put, take
from oms_ledger.orders import events
from oms_ledger.orders.privacy.parts import PERSONAL_PARTS
from tests.support.purchases import placed

ENGRAVED = [{"name": "Engraving", "content": {"text": "For Ana"}}]


def personal_order() -> events.OrderPlaced:
    order = placed()
    service = {"id": "s1", "price": 100, "attachments": ENGRAVED}
    item = dataclasses.replace(
        order.items[0], details={"name": "Mug", "attachments": ENGRAVED, "bundleItems": [service]}
    )
    plain = dataclasses.replace(item, details={"name": "Lamp", "attachments": []})
    return dataclasses.replace(
        order,
        items=(plain, item),
        marketing={"utmSource": "ana"},
        details={"giftRegistryData": {"description": "Ana"}, "hostname": "acme"},
    )


@pytest.mark.guarantee("G56")
@pytest.mark.parametrize("imported", [False, True])
def test_what_is_personal_is_in_the_encrypted_part_alone(imported: bool) -> None:
    event: Any = personal_order()
    if imported:
        at = datetime(2026, 1, 2, tzinfo=UTC)
        event = dataclasses.replace(event, client_profile={})  # that has a place of its own
        event = events.OrderImported(placed=event, status=None, created_at=at, changed_at=at)
    name, body, personal = EVENT_TYPES.encode(event)
    assert personal is not None
    assert b"Ana" not in body
    assert b"ana" not in body
    assert EVENT_TYPES.decode(name, body, personal) == event
    erased = EVENT_TYPES.decode(name, body, None)
    order = erased.placed if imported else erased
    assert order.marketing is None
    assert order.details == {"hostname": "acme"}
    assert order.items[1].details == {"name": "Mug", "bundleItems": [{"id": "s1", "price": 100}]}
    assert order.items[0] == personal_order().items[0]


def test_an_event_without_such_parts_is_stored_as_before() -> None:
    order = placed()
    _, body, personal = EVENT_TYPES.encode(order)
    assert personal is not None
    assert b"@parts" not in personal
    assert msgspec.json.decode(body)["marketing"] is None


@pytest.mark.parametrize("event", PERSONAL_PARTS, ids=lambda one: one.__name__)
def test_every_path_begins_with_a_plain_field_of_its_event(event: type) -> None:
    plain = {one.name for one in dataclasses.fields(event) if not one.metadata.get("personal")}
    assert {path[0] for path in PERSONAL_PARTS[event]} <= plain


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(json_values, st.lists(st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=4)))
def test_what_is_taken_out_is_put_back(value: Any, paths: list[list[str]]) -> None:
    paths = [path for path in paths if path[-1] != "*"]
    before = msgspec.json.encode(value)
    taken = take(value, paths)
    put(value, taken)
    assert msgspec.json.decode(msgspec.json.encode(value)) == msgspec.json.decode(before)
