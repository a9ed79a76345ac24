"""Why a decision about a buying policy is refused; each answers `{"message": text}`."""

from oms_ledger.refusal import Refusal


class DimensionNotFound(Refusal):
    status, code, text = 404, "1", "Dimension not found."


class RuleNotFound(Refusal):
    status, code, text = 404, "1", "Dimension or rule not found."


class AuthorizationNotFound(Refusal):
    status, code, text = 404, "1", "Order authorization not found."


class InvalidPolicyBody(Refusal):
    code, text = "1", "Invalid request body. {0}"


class NotTheAuthorizer(Refusal):
    status, code, text = 403, "1", "Access denied. Missing required permissions."
