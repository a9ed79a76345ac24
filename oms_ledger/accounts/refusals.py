"""Why an account or one of its settings is refused."""

from oms_ledger.refusal import Refusal


class AccountNotFound(Refusal):
    status, code, text = 404, "OMS007", "Account {0} not found"


class AccountExists(Refusal):
    status, code, text = 409, "OMS003", "Account {0} exists already"


class InvalidSetting(Refusal):
    text = "{0}"
