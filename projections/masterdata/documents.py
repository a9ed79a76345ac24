"""The view of documents: each as it stands, with the terms that it is found by."""

from collections.abc import Mapping
from typing import Any

from oms_ledger.masterdata.values import Leaf, Paths
from projections.masterdata.where import TERM_LENGTH


def rows_of_terms(
    place: Mapping[str, Any], fields: Mapping[str, Any], paths: Paths
) -> list[dict[str, Any]]:
    """The rows of `document_terms` of one document, each value of a path once."""
    ordinals: dict[str, int] = {}
    seen: set[tuple[str, Leaf]] = set()
    rows = []
    for path, leaf in paths.every(fields):
        if (path, leaf) in seen:
            continue
        seen.add((path, leaf))
        ordinal = ordinals[path] = ordinals.get(path, -1) + 1
        rows.append(
            {
                **place,
                "path": path.replace("\x00", "\ufffd"),
                "ordinal": ordinal,
                "kind": leaf.kind,
                "term": None if leaf.term is None else leaf.term[:TERM_LENGTH],
                "rest": (leaf.term or "")[TERM_LENGTH:] or None,
                "number": leaf.number,
                "instant": leaf.instant,
            }
        )
    return rows
