"""The command `oms-ledger`."""

import sys

import typer
from sqlalchemy.exc import OperationalError

from oms_ledger.cell import MissingMasterKey, NotMigrated
from oms_ledger.cli import (
    accounts,
    demo,
    exports,
    external_sellers,
    feed,
    gateways,
    hook,
    imports,
    keys,
    maintenance,
    offers,
    operators,
    outbox,
    privacy,
    processes,
    tokens,
)
from oms_ledger.jsonata import EngineMissing
from oms_ledger.refusal import Refusal
from oms_ledger.settings import SettingsError

app = typer.Typer(
    name="oms-ledger",
    help="A self-hosted, event-sourced order ledger that speaks the VTEX OMS HTTP API.\n\n"
    "Start with `oms-ledger up`. Everything is set by environment variables: see the README.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
processes.install(app)
imports.install(app)
exports.install(app)
maintenance.install(app)
privacy.install(app)
app.add_typer(accounts.app, name="account")
app.add_typer(keys.app, name="key")
app.add_typer(operators.app, name="person")
app.add_typer(gateways.app, name="gateway")
app.add_typer(external_sellers.app, name="seller")
app.add_typer(tokens.app, name="token")
app.add_typer(offers.app, name="offers")
app.add_typer(outbox.app, name="outbox")
app.add_typer(feed.app, name="feed")
app.add_typer(hook.app, name="hook")
app.add_typer(demo.app, name="demo")


def main() -> None:
    """Run a command; what a person can mend is one sentence, not a traceback."""
    try:
        app()
    except (Refusal, SettingsError, NotMigrated, MissingMasterKey, EngineMissing) as error:
        sys.exit(f"oms-ledger: {error}")
    except OperationalError as error:
        sys.exit(f"oms-ledger: the database does not answer: {error.orig}")
