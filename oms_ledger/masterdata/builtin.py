"""Entities that every account has from the start, with their fields, schemas and indices."""

from collections.abc import Mapping
from typing import Any

from oms_ledger.masterdata.names import ADDRESSES, CLIENTS, ORDERS

Json = dict[str, Any]

TEXT, BOOLEAN, OBJECT = "string", "boolean", "object"


def _texts(names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), TEXT)


FIELDS: Mapping[str, Mapping[str, str]] = {
    CLIENTS: {
        **_texts(
            "email userId firstName lastName document documentType phone homePhone cellPhone"
            " birthDate gender"
        ),
        "isCorporate": BOOLEAN,
        **_texts("corporateName tradeName corporateDocument stateRegistration"),
        "isFreeStateRegistration": BOOLEAN,
        "isNewsletterOptIn": BOOLEAN,
        **_texts("localeDefault priceTables"),
        "restrictions": OBJECT,
    },
    ADDRESSES: _texts(
        "userId addressName addressLabel addressType receiverName street number complement"
        " neighborhood reference city state country countryfake postalCode geoCoordinate"
    ),
}
"""The fixed fields of `CL` and `AD`; documents may have any others, and all may be filtered by."""

NUMBERS: Mapping[str, frozenset[str]] = {CLIENTS: frozenset({"document", "corporateDocument"})}
"""Fields that compare with and without `. - /`."""


def _schema(names: str, needed: str, **more: Any) -> Json:
    properties = {name: {"type": "string"} for name in names.split()}
    return {
        "properties": {**properties, **more},
        "required": needed.split(),
        "v-indexed": [*properties],
    }


_STORES = _schema(
    "name mobileNumber pickupPoint franchiseAccount postalCode tradePolicy country state city"
    " neighborhood address number complement",
    "name",
)
_VENDORS = _schema(
    "name user code store",
    "name user store",
    store={"type": "string", "link": "/api/dataentities/stores/schemas/v1", "linked_field": "id"},
)
_ENABLED = {"enabled": {"type": "boolean"}, "required": {"type": "boolean"}}
_SETTINGS = _schema("contractId name level type additionalData", "name", **_ENABLED)
_VALUES = _schema("contractId customFieldId auxId value description", "customFieldId value")
_DEFAULTS: Json = {
    "properties": {
        "defaultValues": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "entity": {"type": "string"},
                    "entityValueId": {"type": "string"},
                },
            },
        }
    }
}

SCHEMAS: Mapping[str, Mapping[str, Json]] = {
    "stores": {"v1": _STORES},
    "vendors": {"v1": _VENDORS},
    "customFieldSettings": {"v1": _SETTINGS, "v2": _SETTINGS},
    "customFieldValues": {"v1": _VALUES, "v2": _VALUES},
    "defaultValues": {"v1": _DEFAULTS},
}

INDICES: Mapping[str, Mapping[str, tuple[tuple[str, ...], bool]]] = {
    CLIENTS: {"email": (("email",), False)},
    ADDRESSES: {"userId": (("userId",), True)},
}
"""By name: the fields, and whether several documents may have the same values."""

ENTITIES = (CLIENTS, ADDRESSES, ORDERS, *SCHEMAS)
