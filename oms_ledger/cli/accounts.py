"""`oms-ledger account …`: create accounts, show and set their settings."""

import asyncio
import hashlib
import re
from typing import Annotated

import typer

from oms_ledger.accounts.account import SETTINGS, Account, parse_setting
from oms_ledger.accounts.events import AccountCreated, AccountEvent, AccountSettingsChanged
from oms_ledger.accounts.refusals import AccountExists, AccountNotFound, InvalidSetting
from oms_ledger.cell import Cell
from oms_ledger.cli.opening import by_operator, open_migrated
from oms_ledger.cli.output import AsJson, print_json, print_table

app = typer.Typer(help="Accounts and their settings.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The account's name: small letters and digits.")]


def suffix_of(name: str) -> str:
    """Four letters that tell the account's order groups from those of other accounts."""
    digest = hashlib.sha256(name.encode()).digest()
    return "".join(chr(ord("a") + byte % 26) for byte in digest[:4])


def create_account(cell: Cell, name: str) -> Account:
    if not re.fullmatch(r"[a-z][a-z0-9]{1,39}", name):
        raise InvalidSetting(
            f"{name!r} is no account name: 2 to 40 small letters and digits, a letter first"
        )

    def decide(account: Account | None) -> list[AccountEvent]:
        if account is not None:
            raise AccountExists(name)
        return [AccountCreated(name, suffix_of(name))]

    return asyncio.run(cell.ledger.change_account(by_operator(name), decide))


@app.command()
def create(name: Name) -> None:
    """Create an account."""
    cell = open_migrated()
    create_account(cell, name)
    typer.echo(f"Account {name} created. Next: oms-ledger key create --account {name} --role Owner")


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show an account's settings beside their defaults."""
    cell = open_migrated()
    account = asyncio.run(cell.ledger.account(name))
    if as_json:
        print_json({"name": name, "settings": {s: account.setting(s) for s in SETTINGS}})
        return
    rows = [(s, account.setting(s), default, what) for s, (default, what) in SETTINGS.items()]
    print_table(("setting", "value", "default", "what it is"), rows)


@app.command(name="set")
def set_(
    name: Name,
    settings: Annotated[list[str], typer.Argument(help="SETTING=VALUE, any number of them.")],
) -> None:
    """Change settings; `oms-ledger account show NAME` lists them."""
    parsed = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise InvalidSetting(f"{setting!r}: expected SETTING=VALUE")
        parsed[key] = parse_setting(key, text)
    cell = open_migrated()

    def decide(account: Account | None) -> list[AccountEvent]:
        if account is None:
            raise AccountNotFound(name)
        return [AccountSettingsChanged(parsed)]

    asyncio.run(cell.ledger.change_account(by_operator(name), decide))
    typer.echo(f"Account {name}: " + ", ".join(f"{k} = {v}" for k, v in parsed.items()))
