"""Why Master Data says no; each answers `{"Message": text}`."""

from collections.abc import Sequence
from dataclasses import dataclass

from oms_ledger.refusal import Refusal


class MasterDataRefusal(Refusal):
    text = "{0}"
    code = "MD001"


class InvalidFilter(MasterDataRefusal):
    text = "Invalid filter: {0}"


class FieldNotFound(MasterDataRefusal):
    text = "Field '{0}' not found in schema"


class InvalidBody(MasterDataRefusal):
    pass


class InvalidSchema(MasterDataRefusal):
    pass


class InvalidRange(MasterDataRefusal):
    text = "Invalid range: {0}"


class SchemaNotFound(MasterDataRefusal):
    text = "Schema '{0}' not found in entity '{1}'"


class TooManySchemas(MasterDataRefusal):
    text = "Maximum number of schemas reached for entity '{0}'"


class DuplicatedEntry(MasterDataRefusal):
    text = "Duplicated entry for index '{0}'"


class UnknownScroll(MasterDataRefusal):
    text = "Operation not found for this token: '{0}'"


class TooManyScrolls(MasterDataRefusal):
    text = "Maximum simultaneous scrolls rate exceeded (10)"


class DocumentNotFound(MasterDataRefusal):
    status, text = 404, "Document not found"


class NotFound(MasterDataRefusal):
    status = 404


class PrivateFields(MasterDataRefusal):
    status, text = 403, "Cannot {0} private fields"


class ReadOnly(MasterDataRefusal):
    status, text = 403, "orders is read only"


class SearchTooSlow(MasterDataRefusal):
    pass


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
