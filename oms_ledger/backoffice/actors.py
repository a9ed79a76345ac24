"""Who did it, as a page names them: a person's name, a key's label, a part of the system."""

import asyncio
from collections.abc import Iterable

from oms_ledger.backoffice.page import Page
from projections.accounts import app_keys
from projections.operators import directory

PERSON = "person:"
SYSTEM = {
    "shopper": "shopper",
    "anonymous": "shopper",
    "operator": "command line",
    "import": "import",
    "demo": "demo",
}


async def names_of(page: Page, actors: Iterable[str]) -> dict[str, str]:
    """A name for each actor of the account's events; the rest goes by itself."""
    fields = set(actors)
    ids = [actor.removeprefix(PERSON) for actor in fields if actor.startswith(PERSON)]

    def look() -> tuple[dict[str, str], dict[str, str]]:
        people: dict[str, str] = {}
        if ids:
            with page.cell.database.reading() as connection:
                people = directory.names(connection, ids)
        with page.cell.database.reading() as connection:
            return people, app_keys.labels(connection, page.account or "")

    people, labels = await asyncio.to_thread(look)
    return {actor: _name(actor, people, labels) for actor in fields}


def _name(actor: str, people: dict[str, str], labels: dict[str, str]) -> str:
    if actor.startswith(PERSON):
        return people.get(actor.removeprefix(PERSON), actor)
    return labels.get(actor) or SYSTEM.get(actor, actor)
