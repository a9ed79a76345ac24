"""Why a decision about a buying policy is refused; each answers `{"message": text}`."""

from oms_ledger.refusal import Refusal


class DimensionNotFound(Refusal):
    """The account has no dimension of that id."""

    status, code, text = 404, "1", "Dimension not found."


class RuleNotFound(Refusal):
    """The account has no rule of that id in the dimension."""

    status, code, text = 404, "1", "Dimension or rule not found."


class AuthorizationNotFound(Refusal):
    """The order has no authorization: no buying policy was on when it was placed."""

    status, code, text = 404, "1", "Order authorization not found."


class InvalidPolicyBody(Refusal):
    """A word about a rule that cannot be taken; the argument says why."""

    code, text = "1", "Invalid request body. {0}"


class NotTheAuthorizer(Refusal):
    """Somebody else has to speak about the rule first, or at all."""

    status, code, text = 403, "1", "Access denied. Missing required permissions."
