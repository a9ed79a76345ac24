"""Why an account or one of its settings is refused."""

from oms_ledger.refusal import Refusal


class AccountNotFound(Refusal):
    """No account of that name is in the deployment."""

    status, code, text = 404, "OMS007", "Account {0} not found"


class AccountNotReached(Refusal):
    """Another cell hosts the account, and does not answer now; nothing was recorded."""

    status, code, retry_after = 503, "OMS503", 5
    text = "The account {0} is not reached just now: try again in a moment"


class AccountExists(Refusal):
    """The name of an account that is to be created is taken."""

    status, code, text = 409, "OMS003", "Account {0} exists already"


class InvalidSetting(Refusal):
    """A setting that there is not, or a value that it cannot have; the text says which."""

    text = "{0}"


class InvalidSeller(Refusal):
    """An entry of the register of sellers that cannot be one; the code is the register's own."""

    text, code = "{0}", "SRAPI-400"

    def __init__(self, message: str, *, code: str = "SRAPI-400") -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]


class SellerNotRegistered(Refusal):
    """The register of sellers has no entry with that id; the code is the register's own."""

    status, code, text = 404, "SRAPI-404", "Seller {0} not found"


class InvalidAffiliate(Refusal):
    """An affiliate that cannot be one, with the published code."""

    text = "{1}"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code  # type: ignore[misc]


class AffiliateNotFound(Refusal):
    """The account has no affiliate with that id; the code is the published one."""

    status, code, text = 404, "FMT0021", "Invalid affiliate id: there is no affiliate {0}"


class KeyCreatedBefore(Refusal):
    """409: the request with this Idempotency-Key has made a key, whose token was shown then."""

    status, code = 409, "OMS003"
    text = "The request made the key {0} before: its token was shown then, rotate it for another"


class KeyNotFound(Refusal):
    """The account has no app key of that name."""

    status, code, text = 404, "OMS404", "The account has no key {0}"


class KeyRevokedAlready(Refusal):
    """A revoked key gets no other token."""

    status, code, text = 409, "OMS003", "The key is revoked"


class NothingConfigured(Refusal):
    """There is nothing to remove; the argument says what the account has instead."""

    status, code, text = 404, "OMS404", "The account {0}"


class NoSubscription(Refusal):
    """The key has no feed, or no hook; the argument is which."""

    status, code = 404, "OMS404"
    text = "This key has no {0}: configure one by POST /api/orders/{0}/config"


class OperatorNotFound(Refusal):
    """The deployment has no such operator, or the account no such member."""

    status, code, text = 404, "OMS007", "There is no operator {0}"


class LastOwner(Refusal):
    """The last Owner who may sign in stays one: nobody could manage the account's people."""

    status, code, text = 409, "OMS003", "The account would have no Owner any more"
