"""Why Master Data says no; each answers `{"Message": text}`."""

from collections.abc import Sequence
from dataclasses import dataclass

from oms_ledger.refusal import Refusal


class MasterDataRefusal(Refusal):
    """A no of Master Data: 400 unless a class says otherwise, with the text alone."""

    text = "{0}"
    code = "MD001"


class InvalidFilter(MasterDataRefusal):
    """A condition that is none, costs too much, or compares a field with what it cannot be."""

    text = "Invalid filter: {0}"


class FieldNotFound(MasterDataRefusal):
    """A condition or a sorting names a field that no schema and no index has."""

    text = "Field '{0}' not found in schema"


class InvalidBody(MasterDataRefusal):
    """A body, a name or an id that cannot be one; the argument says what was expected."""


class InvalidSchema(MasterDataRefusal):
    """A schema that cannot be one; the argument says where and what was expected."""


class InvalidRange(MasterDataRefusal):
    """A `REST-Range` that is none; one that asks for too much is cut instead."""

    text = "Invalid range: {0}"


class SchemaNotFound(MasterDataRefusal):
    """The entity has no schema of that name, or one whose base is gone."""

    text = "Schema '{0}' not found in entity '{1}'"


class TooManySchemas(MasterDataRefusal):
    """The entity has as many schemas as it may have: 60."""

    text = "Maximum number of schemas reached for entity '{0}'"


class DuplicatedEntry(MasterDataRefusal):
    """Another document has the same values of a unique index."""

    text = "Duplicated entry for index '{0}'"


class UnknownScroll(MasterDataRefusal):
    """A scroll token that was never given, was not used for 20 minutes, or is of another entity."""

    text = "Operation not found for this token: '{0}'"


class TooManyScrolls(MasterDataRefusal):
    """The account has ten scrolls that have not come to their end."""

    text = "Maximum simultaneous scrolls rate exceeded (10)"


class DocumentNotFound(MasterDataRefusal):
    """The entity has no document of that id, or no longer."""

    status, text = 404, "Document not found"


class NotFound(MasterDataRefusal):
    """Something else than a document that is not there; the argument says what."""

    status = 404


class PrivateFields(MasterDataRefusal):
    """An anonymous caller's fields that `v-security` does not open; the argument is the verb."""

    status, text = 403, "Cannot {0} private fields"


class ReadOnly(MasterDataRefusal):
    """Documents of `orders` are the orders: they change by the orders' own operations alone."""

    status, text = 403, "orders is read only"


class SearchTooSlow(MasterDataRefusal):
    """A search was given up after its time; the argument says what would make it faster."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What a schema finds wrong with a document; `field` is its place, empty for the whole."""

    message: str
    field: str


class InvalidDocument(Refusal):
    """A document that its schema does not take: one message for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__()
        self.problems = tuple(problems)
        self.message = "; ".join(problem.message for problem in problems)
