"""`oms-ledger account …`: create accounts, show and set their settings."""

import asyncio
import hashlib
import re
from typing import Annotated

import typer

from oms_ledger.accounts.account import SETTINGS, Account, change_settings, parse_setting
from oms_ledger.accounts.events import AccountCreated, AccountEvent
from oms_ledger.accounts.mail_providers import is_provider, without_secrets
from oms_ledger.accounts.refusals import AccountExists, AccountNotFound, InvalidSetting
from oms_ledger.cell import Cell, open_cell
from oms_ledger.cli.cells import cell_of, the_directory
from oms_ledger.cli.opening import by_operator, open_migrated
from oms_ledger.cli.output import AsJson, print_json, print_rows, print_table, progress
from oms_ledger.directory import Directory, DirectoryError, open_directory
from oms_ledger.services.cells.forgetting import forget as forget_account
from oms_ledger.services.cells.move import FENCED_FOR, STEPS, Move

app = typer.Typer(help="Accounts and their settings.", no_args_is_help=True)
JOBS_FOR = 600.0
Name = Annotated[str, typer.Argument(help="The account's name: small letters and digits.")]


def suffix_of(name: str) -> str:
    """Four letters that keep the account's order groups apart from those of other accounts."""
    digest = hashlib.sha256(name.encode()).digest()
    return "".join(chr(ord("a") + byte % 26) for byte in digest[:4])


def create_account(cell: Cell, name: str) -> Account:
    """Create an account, with the letters that its order groups end with.
    A deployment of several cells claims the name in the directory first. `InvalidSetting` for a
    name that no account may have, `AccountExists` for one that is taken.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]{1,39}", name):
        raise InvalidSetting(
            f"{name!r} is no account name: 2 to 40 small letters and digits, a letter first"
        )

    if (directory := open_directory(cell.settings, cell.clock)) is not None:
        assert cell.settings.cell is not None
        directory.create_tables()
        directory.claim(name, cell.settings.cell)
        directory.close()

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
def where(name: Name, as_json: AsJson = False) -> None:
    """Show which cell hosts an account."""
    directory = the_directory(open_cell())
    _, cells, places = directory.read()
    if (place := places.get(name)) is None:
        raise DirectoryError(f"The directory knows no account {name}.")
    known = cells.get(place.cell)
    row = (place.account, place.cell, place.state, place.epoch, known.url if known else "")
    print_rows(("account", "cell", "state", "epoch", "url"), [row], as_json=as_json)


@app.command()
def move(
    name: Name,
    to: Annotated[str, typer.Option(help="The cell that is to host it.")],
    abort: Annotated[bool, typer.Option(help="Give a move up that was begun.")] = False,
    fenced_for: Annotated[
        float, typer.Option(help="Seconds for which writes may wait at the end.", min=0.5)
    ] = FENCED_FOR,
    jobs_for: Annotated[
        float, typer.Option(help="Seconds for which unfinished jobs are waited for.", min=0)
    ] = JOBS_FOR,
    forget: Annotated[
        bool, typer.Option(help="Then delete what the former cell keeps of it, for good.")
    ] = False,
) -> None:
    """Move an account to another cell while it is in use.

    Whatever ends the command, the account is in one cell: run it again, and it goes on.
    """
    here = open_migrated()
    directory = the_directory(here)
    _, cells, places = directory.read()
    if (place := places.get(name)) is None:
        raise DirectoryError(f"The directory knows no account {name}.")
    if to not in cells:
        raise DirectoryError(f"The directory knows no cell {to}.")
    former: str | None = place.cell
    if former == to:  # the directory says so, but the former cell may not have forgotten it yet
        former = directory.unfinished(name, place.epoch, STEPS[-1])
    if former is None:
        raise DirectoryError(f"The cell {to} hosts the account {name} already.")
    with progress() as bar:
        task = bar.add_task(f"{name}: {former} to {to}", total=None)
        source = cell_of(cells[former], here)
        moving = Move(
            name,
            source,
            cell_of(cells[to], here),
            directory,
            done=lambda step: bar.update(task, description=f"{name}: {step}"),
            copied=lambda position, last: bar.update(task, completed=position, total=last),
            fenced_for=fenced_for,
            jobs_for=jobs_for,
        )
        if abort:
            moving.abort()
        else:
            moving.run()
    if abort:
        typer.echo(f"Account {name} stays in cell {former}.")
        return
    typer.echo(f"Account {name} is in cell {to}. Writes waited for {moving.seconds_fenced:.1f} s.")
    if forget:
        _forget(source, directory, name)
    else:
        typer.echo(
            f"Cell {former} can still read what it had of it, persons too. Next, in that cell:"
            f" oms-ledger account forget {name}"
        )


def _forget(cell: Cell, directory: Directory, name: str) -> None:
    deleted = 0
    with progress() as bar:
        task = bar.add_task("Deleting rows", total=None)
        for count in forget_account(cell, directory, name):
            deleted += count
            bar.update(task, completed=deleted)
    typer.echo(f"Account {name} is forgotten in cell {cell.settings.cell}: {deleted} rows deleted.")


@app.command()
def forget(name: Name) -> None:
    """Delete what this cell keeps of an account that has moved to another one, for good.

    Orders' data keys, views, documents and jobs go; events stay, unreadable where they are about
    persons. The account cannot return to this cell. Ended early, run it again.
    """
    cell = open_migrated()
    _forget(cell, the_directory(cell), name)


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
        return change_settings(account, parsed)

    asyncio.run(cell.ledger.change_account(by_operator(name), decide))
    shown = {k: without_secrets(v) if is_provider(k) and v else v for k, v in parsed.items()}
    typer.echo(f"Account {name}: " + ", ".join(f"{k} = {v}" for k, v in shown.items()))
