"""`v-security`: what a schema opens to callers without credentials."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from oms_ledger.masterdata.refusals import InvalidSchema, PrivateFields


@dataclass(frozen=True, slots=True)
class Security:
    """Fields that callers without credentials may read, write and filter by.

    `all_fields`: they may ask for all readable ones at once; `json_schema`: for the schema too.
    """

    read: frozenset[str] = frozenset()
    write: frozenset[str] = frozenset()
    filter: frozenset[str] = frozenset()
    all_fields: bool = False
    json_schema: bool = False

    def united(self, other: "Security") -> "Security":
        """What at least one of the two opens."""
        return Security(
            self.read | other.read,
            self.write | other.write,
            self.filter | other.filter,
            self.all_fields or other.all_fields,
            self.json_schema or other.json_schema,
        )

    def readable(self, requested: Iterable[str] | None) -> list[str]:
        """The fields an anonymous caller gets; None asks for all. Refuses the others."""
        if requested is None:
            if not self.all_fields:
                raise PrivateFields("read")
            return [*sorted(self.read), "id"]
        names = list(requested)
        if any(name != "id" and name not in self.read for name in names):
            raise PrivateFields("read")
        return names

    def require_filters(self, fields: Iterable[str]) -> None:
        """Refuse a filter by a field that is not open; the id always is."""
        if any(name != "id" and name not in self.filter for name in fields):
            raise PrivateFields("filter by")

    def require_writes(self, fields: Iterable[str]) -> None:
        """Refuse to set a field that is not open."""
        if any(name not in self.write for name in fields):
            raise PrivateFields("write")


def security_of(given: Any) -> Security | None:
    """What a schema says; None when it says nothing."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise InvalidSchema("v-security: expected an object")
    return Security(
        _names(given, "publicRead"),
        _names(given, "publicWrite"),
        _names(given, "publicFilter"),
        _flag(given, "allowGetAll"),
        _flag(given, "publicJsonSchema"),
    )


def _names(given: dict[str, Any], name: str) -> frozenset[str]:
    names = given.get(name) or []
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise InvalidSchema(f"v-security.{name}: expected a list of names")
    return frozenset(names)


def _flag(given: dict[str, Any], name: str) -> bool:
    flag = given.get(name, False)
    if not isinstance(flag, bool):
        raise InvalidSchema(f"v-security.{name}: expected true or false")
    return flag
