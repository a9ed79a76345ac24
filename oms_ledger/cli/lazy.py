"""Commands that are loaded when they are called: help and errors of usage load none of them."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# By name the module below `oms_ledger.cli`, and what `--help` says of the command.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": (
        "up",
        "Set up what is missing and run the whole system: web, projector, worker, scheduler.",
    ),
    "serve": ("serve", "Run the web process: the API."),
    "project": (
        "project",
        "Run the projector: it keeps the views and signals feeds and hooks.",
    ),
    "work": (
        "work",
        "Run a worker: it evaluates filters and delivers. Any number of them may run.",
    ),
    "scheduler": (
        "schedule",
        "Run the scheduler: timers, the reconciliation of what is behind, retention.",
    ),
    "migrate": ("up", "Create the tables, or bring them to this release."),
    "import": (
        "imports",
        "Import orders, one JSON document a line, in the Get-order or the place-order shape.",
    ),
    "export": (
        "exports",
        "Export orders: the published Order report as CSV or XLSX, or documents as JSON lines.",
    ),
    "status": (
        "maintenance",
        "Show where everything stands: head, lags, queues, hooks, filters, leases, processes.",
    ),
    "doctor": (
        "doctor",
        "Say what is wrong with this deployment, and what to do about it.",
    ),
    "alive": (
        "alive",
        "Say whether a process of this host gave a sign of life lately: for a health check.",
    ),
    "verify": (
        "maintenance",
        "Recompute the chain of seals, every view and who may do what; name what differs first.",
    ),
    "seal": (
        "anchoring",
        "Print the last position and its seal, to be kept where nobody who writes here writes.",
    ),
    "archive": (
        "archiving",
        "Copy old events to Parquet files that the chain of seals runs through; none is removed.",
    ),
    "proof": (
        "anchoring",
        "Prove the events of one order by an anchor, or check such a proof without a ledger.",
    ),
    "rebuild": (
        "maintenance",
        "Rebuild a view from the first event while everything goes on.",
    ),
    "erase": (
        "privacy",
        "Erase a person from an account's orders, in every version and view, for good.",
    ),
}
GROUPS: dict[str, tuple[str, str]] = {
    "account": ("accounts", "Accounts and their settings."),
    "cell": ("cells", "Cells: several databases that share the accounts."),
    "key": ("keys", "App keys: created, listed, rotated, revoked."),
    "person": ("operators", "People who sign in to the back office."),
    "gateway": ("gateways", "The payment gateway of an account."),
    "seller": ("sellers", "The register of an account's sellers."),
    "affiliate": ("affiliates", "Affiliates: marketplaces that place orders here."),
    "token": ("tokens", "User tokens: made for shoppers, ended before their time."),
    "master-key": ("master_key", "The key that wraps the keys of personal data."),
    "offers": ("offers", "Prices, stock and deliveries that carts see."),
    "outbox": ("outbox", "Messages to partners and gateways, and of triggers."),
    "feed": ("feed", "Feeds: replay, dry run, explain, dead letters, and a look at the queue."),
    "hook": (
        "hook",
        "Hooks: attempts, pause, new secrets, replay, dry run, explain, dead letters.",
    ),
    "stream": ("stream", "Outgoing streams: Redis Streams and NATS JetStream."),
    "jobs": ("jobs", "Jobs: listed, shown, cancelled."),
    "demo": ("demo", "The demo: sample data, a feed, and a hook with its receiver."),
}


class LazyGroup(TyperGroup):
    """Knows the names of all commands, and loads the one that is called."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for name, (_, text) in {**COMMANDS, **GROUPS}.items():
            self.commands[name] = TyperCommand(name=name, help=text)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called, and load it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load(name), rest


def load(name: str) -> Any:
    """Import a command or a group of commands."""
    if name in GROUPS:
        module = import_module(f"oms_ledger.cli.{GROUPS[name][0]}")
        group = typer.main.get_group(module.app)
        group.name = name
        return group
    installed = typer.Typer()
    import_module(f"oms_ledger.cli.{COMMANDS[name][0]}").install(installed)
    return typer.main.get_group(installed).commands[name]
