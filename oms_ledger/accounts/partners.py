"""Which accounts of a deployment may sell for each other: those that both name each other."""

from oms_ledger.accounts.account import Account

ALL = "*"


def are_partners(one: Account, other: Account, default: str) -> bool:
    """Whether each of two accounts names the other; `default` is for one that says nothing."""
    return names(one, other.name, default) and names(other, one.name, default)


def names(account: Account, name: str, default: str) -> bool:
    """Whether an account names another one as its partner."""
    fields = str(account.settings.get("partners", default))
    return fields.strip() == ALL or name in [one.strip() for one in fields.split(",")]
