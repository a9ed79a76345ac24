"""What inside otherwise plain fields of events is about a person, and is erased with the person.

`*` stands for each member of a list. What an event names here is encrypted with the order's key,
as its `personal()` fields are; where the key is gone it is absent.
"""

from collections.abc import Mapping

from oms_ledger.orders import events

Path = tuple[str, ...]

# Texts that were written by or for the shopper: what is engraved, whom it is for, where a click
# came from.
_LINE: tuple[Path, ...] = (
    ("details", "attachments"),
    ("details", "bundleItems", "*", "attachments"),
)
_PLACED: tuple[Path, ...] = (
    ("marketing",),
    ("details", "giftRegistryData"),
    ("details", "followUpEmail"),
    *(("items", "*", *path) for path in _LINE),
)

PERSONAL_PARTS: Mapping[type, tuple[Path, ...]] = {
    events.OrderPlaced: _PLACED,
    events.OrderImported: tuple(("placed", *path) for path in _PLACED),
    events.ChangeRegistered: tuple(("lines", "*", *path) for path in _LINE),
    events.ChangeRequested: tuple(("items", "*", *path) for path in _LINE),
}
