"""Why an account or one of its settings is refused."""

from oms_ledger.refusal import Refusal


class AccountNotFound(Refusal):
    status, code, text = 404, "OMS007", "Account {0} not found"


class AccountNotReached(Refusal):
    """Another cell hosts the account, and does not answer now; nothing was recorded."""

    status, code, retry_after = 503, "OMS503", 5
    text = "The account {0} is not reached just now: try again in a moment"


class AccountExists(Refusal):
    status, code, text = 409, "OMS003", "Account {0} exists already"


class InvalidSetting(Refusal):
    text = "{0}"


class InvalidSeller(Refusal):
    """An entry of the register of sellers that cannot be one; the code is the register's own."""

    text, code = "{0}", "SRAPI-400"

    def __init__(self, message: str, *, code: str = "SRAPI-400") -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]


class SellerNotRegistered(Refusal):
    status, code, text = 404, "SRAPI-404", "Seller {0} not found"


class InvalidAffiliate(Refusal):
    """An affiliate that cannot be one, with the published code."""

    text = "{1}"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code  # type: ignore[misc]


class AffiliateNotFound(Refusal):
    status, code, text = 404, "FMT0021", "Invalid affiliate id: there is no affiliate {0}"


class KeyNotFound(Refusal):
    status, code, text = 404, "OMS404", "The account has no key {0}"


class KeyRevokedAlready(Refusal):
    status, code, text = 409, "OMS003", "The key is revoked"


class NothingConfigured(Refusal):
    status, code, text = 404, "OMS404", "The account {0}"


class NoSubscription(Refusal):
    status, code = 404, "OMS404"
    text = "This key has no {0}: configure one by POST /api/orders/{0}/config"


class OperatorNotFound(Refusal):
    status, code, text = 404, "OMS007", "There is no operator {0}"


class LastOwner(Refusal):
    status, code, text = 409, "OMS003", "The account would have no Owner any more"
