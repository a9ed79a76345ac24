"""`oms-ledger erase`: forget a person."""

import asyncio
from typing import Annotated

import typer

from oms_ledger.cli.opening import by_operator, open_migrated
from oms_ledger.cli.output import AsJson, print_json, print_table
from oms_ledger.services.privacy.erase import erase as erase_everywhere
from oms_ledger.services.privacy.steps import Person


def install(app: typer.Typer) -> None:
    """Add the command `erase`."""
    app.command()(erase)


def erase(
    account: Annotated[str, typer.Option(help="The account whose orders are meant.")],
    email: Annotated[str | None, typer.Option(help="The person's e-mail.")] = None,
    document: Annotated[str | None, typer.Option(help="Or a document of the person.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    include_open: Annotated[
        bool, typer.Option("--include-open", help="Also orders that are still under way.")
    ] = False,
    include_documents: Annotated[
        bool,
        typer.Option(
            "--include-documents",
            help="Also documents of Master Data that hold the e-mail or document as a value.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person from an account's orders, in every version and view, for good.

    The orders stay, with their values and items; the person reads as erased. Orders that are
    still under way are skipped unless --include-open is given. Try it with --dry-run first.
    """
    if (email is None) == (document is None):
        raise typer.BadParameter("give one of --email and --document")
    person = Person("email", email) if email else Person("document", document or "")
    cell = open_migrated()
    erasure = asyncio.run(
        erase_everywhere(
            cell,
            by_operator(account),
            person,
            dry_run=dry_run,
            include_open=include_open,
            include_documents=include_documents,
        )
    )
    if as_json:
        print_json(erasure.as_json())
        return
    fields = erasure.as_json()
    if fields["orders"]:
        rows = [(o["orderId"], o["status"] or "-", o["outcome"]) for o in fields["orders"]]
        print_table(("order", "status", "outcome"), rows)
    if fields["documents"]:
        documents = [(one["entity"], one["id"]) for one in fields["documents"]]
        print_table(("entity", "document"), documents)
    if dry_run:
        typer.echo(f"Found {fields['found']} orders. Nothing was erased: this was a dry run.")
    else:
        typer.echo(
            f"Erased the person from {fields['erased']} orders; {fields['open']} open ones were"
            " skipped. Backups and PostgreSQL's dead rows still have what they had: see"
            " docs/how-to/restore.md."
        )
