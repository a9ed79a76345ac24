"""How often a schema may look at one value of a document; who writes schemas is not trusted.

Schemas that a value is held against lead to one another by `$ref`, `anyOf` and the like: two
references to the next definition, twenty times over, are a million looks at a single number. What
the worst document could cost is counted before a schema is taken.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from oms_ledger.masterdata.limits import DEEPEST
from oms_ledger.masterdata.refusals import InvalidSchema

MOST_LOOKS = 256
"""At one value, by all parts of the schema together."""
MOST_STEPS = 100_000
"""Of this count itself."""

Json = dict[str, Any]
Held = list[tuple[Json, int]]
InPlace = Callable[[Json], Iterator[Any]]
"""The schemas that are held against the same value as one; there are no cycles of them."""


def most_looks(root: Json, in_place: InPlace) -> int:
    """How often a schema may look at one value, at any depth, with the most that it may say of it.

    `InvalidSchema` where that is too often.
    """
    return _Count(root, in_place).most()


class _Count:
    def __init__(self, root: Json, in_place: InPlace) -> None:
        self._root, self._in_place = root, in_place
        self._nodes: dict[int, Json] = {}
        self._closures: dict[int, Counter[int]] = {}
        self._members_of: dict[int, list[Counter[int]]] = {}
        self._looks: dict[tuple[int, int], int] = {}
        self._steps = 0

    def most(self) -> int:
        """Count depth after depth, until the schema says nothing of what is below."""
        root, most = self._known(self._root), 0
        for depth in range(DEEPEST + 1):
            looks = self._looks_at(root, depth)
            if not looks:
                break
            most = max(most, looks)
        return most + max(map(_repeated, self._nodes.values()))

    def _looks_at(self, node: int, depth: int) -> int:
        """Most looks at one value so deep below the value that the schema is held against."""
        found = self._looks.get((node, depth))
        if found is None:
            if depth == 0:
                closure = self._closure(node).items()
                found = sum(n * _looks_of(self._nodes[one]) for one, n in closure)
            else:
                kinds = (
                    sum(n * self._looks_at(one, depth - 1) for one, n in members.items())
                    for members in self._members(node)
                )
                found = max(kinds, default=0)
            self._spend(1 + sum(map(len, self._members(node))))
            self._looks[node, depth] = _few(found)
        return found

    def _known(self, node: Json) -> int:
        """Note a schema by its identity, unless it leads on in a way that is not followed here."""
        if id(node) not in self._nodes:
            moved = node is not self._root and str(node.get("$id", "#"))[:1] != "#"
            if moved or "$dynamicRef" in node or "$recursiveRef" in node:
                names = "$id below the root, $dynamicRef or $recursiveRef"
                raise InvalidSchema(f"The schema is not valid: {names} is not taken here")
            self._nodes[id(node)] = node
        return id(node)

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > MOST_STEPS:
            raise InvalidSchema("The schema is not valid: it has too many parts in one another")

    def _closure(self, node: int, depth: int = 0) -> Counter[int]:
        """The schemas that a value is held against because of one, and how often each."""
        found = self._closures.get(node)
        if found is None:
            _few(depth)
            found = Counter({node: 1})
            for next_node in self._in_place(self._nodes[node]):
                if isinstance(next_node, dict):
                    found.update(self._closure(self._known(next_node), depth + 1))
                    self._spend(_few(found.total()))
            self._closures[node] = found
        return found

    def _members(self, node: int) -> list[Counter[int]]:
        """For each kind of member of a value, the schemas that it is held against."""
        found = self._members_of.get(node)
        if found is None:
            held = [(self._nodes[one], n) for one, n in self._closure(node).items()]
            names = {name for one, _ in held for name in _map(one, "properties")}
            places = max(len(_listed(one)) for one, _ in held)
            found = [self._named(held, name) for name in (*sorted(names), None)]
            found += [self._placed(held, place) for place in range(places + 1)]
            found = [one for one in found if one]
            self._members_of[node] = found
        return found

    def _named(self, held: Held, name: str | None) -> Counter[int]:
        """Of the property of a name; None is one that is not named."""
        found = Counter[int]()
        for schema, n in held:
            properties = _map(schema, "properties")
            known = properties.get(name) if name is not None else None
            other = None if name in properties else schema.get("additionalProperties")
            patterns = _map(schema, "patternProperties").values()
            self._add(found, [known, other, *patterns, schema.get("unevaluatedProperties")], n)
        return found

    def _placed(self, held: Held, place: int) -> Counter[int]:
        """Of the item at a place."""
        found = Counter[int]()
        for schema, n in held:
            listed, items = _listed(schema), schema.get("items")
            known = listed[place] if place < len(listed) else schema.get("additionalItems")
            more = (schema.get("contains"), schema.get("unevaluatedItems"))
            self._add(found, [known, items, *more], n)
        return found

    def _add(self, found: Counter[int], members: list[Any], n: int) -> None:
        self._spend(1)
        for one in members:
            if isinstance(one, dict):
                found[self._known(one)] += n


def _few(looks: int) -> int:
    if looks > MOST_LOOKS:
        raise InvalidSchema(
            f"The schema is not valid: it may look at one value more than {MOST_LOOKS} times"
        )
    return looks


def _looks_of(schema: Json) -> int:
    """One, and one for each object or list that a value may be equal to: these are compared."""
    members = schema.get("enum")
    given = members if isinstance(members, list) else ()
    return 1 + sum(isinstance(one, dict | list) for one in given)


def _repeated(schema: Json) -> int:
    """How much a problem with the schema repeats of it."""
    lists = (schema.get("enum"), schema.get("required"))
    return sum(len(one) for one in lists if isinstance(one, list))


def _map(schema: Json, name: str) -> Mapping[str, Any]:
    members = schema.get(name)
    return members if isinstance(members, dict) else {}


def _listed(schema: Json) -> list[Any]:
    """The schemas of an array's first items, each by its place."""
    for members in (schema.get("prefixItems"), schema.get("items")):
        if isinstance(members, list):
            return members
    return []
