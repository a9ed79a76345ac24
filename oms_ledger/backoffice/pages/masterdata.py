"""Master Data: entities, their documents and versions, and what their triggers did."""

from starlette.responses import Response

from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.page import Elsewhere, Page, RefusedAnswer, url
from oms_ledger.whole_numbers import is_whole

ENTITIES = ("api", "dataentities")
TRIGGERS = ("api", "ledger", "masterdata")
PER_PAGE = 50
STATES = ("waiting", "dead", "done", "skipped", "cancelled")


async def get_entities(page: Page) -> Response:
    """The entities of the account."""
    page.require("list_entities")
    entities = await page.get(path_of(*ENTITIES))
    return await page.render("entities.html", entities=entities)


async def get_entity(page: Page) -> Response:
    """The documents that a filter finds, and the triggers with the counts of their runs."""
    page.require("read_documents")
    entity, where = page.param("entity"), page.query("where").strip()
    if wanted := page.query("document").strip():
        raise Elsewhere(url(page.base, "masterdata", entity, wanted))
    first = int(page.query("from")) if is_whole(page.query("from"), 9) else 0
    query = {"_fields": "_all", **({"_where": where} if where else {})}
    answer = await page.ask(
        "GET",
        path_of(*ENTITIES, entity, "search"),
        query=query,
        headers={"rest-range": f"resources={first}-{first + PER_PAGE}"},
    )
    error = None if answer.ok else answer.error
    triggers = []
    if page.may("manage_triggers"):
        triggers = await page.get(path_of(*TRIGGERS, entity, "triggers"))
    return await page.render(
        "entity.html",
        200 if answer.ok else answer.status,
        entity=entity,
        where=where,
        error=error,
        documents=answer.json() if answer.ok else [],
        range=answer.headers.get("rest-content-range", "").removeprefix("resources "),
        first=first,
        per_page=PER_PAGE,
        triggers=triggers,
    )


async def get_document(page: Page) -> Response:
    """A document as it is, and its versions."""
    page.require("read_documents")
    entity, document_id = page.param("entity"), page.param("document")
    target = path_of(*ENTITIES, entity, "documents", document_id)
    document = await page.get(target, {"_fields": "_all"})
    versions = await page.get_or([], f"{target}/versions")
    return await page.render(
        "document.html",
        entity=entity,
        document_id=document_id,
        document=document,
        versions=versions,
        version=None,
    )


async def get_version(page: Page) -> Response:
    """The document as it was in a version."""
    page.require("read_documents")
    entity, document_id = page.param("entity"), page.param("document")
    target = path_of(*ENTITIES, entity, "documents", document_id, "versions")
    found = await page.get(f"{target}{path_of(page.param('version'))}")
    return await page.render(
        "document.html",
        entity=entity,
        document_id=document_id,
        document=found["document"],
        versions=await page.get_or([], target),
        version=found,
    )


async def post_version(page: Page) -> Response:
    """Make the document what it was in that version."""
    page.require("write_documents")
    entity, document_id = page.param("entity"), page.param("document")
    target = path_of(*ENTITIES, entity, "documents", document_id, "versions", page.param("version"))
    answer = await page.ask("PUT", target)
    if not answer.ok and answer.status != 304:
        raise RefusedAnswer(answer)
    return await page.done(url(page.base, "masterdata", entity, document_id), "Saved")


async def get_runs(page: Page) -> Response:
    """The newest runs of a trigger, with their attempts."""
    page.require("manage_triggers")
    entity, schema, trigger = (page.param(name) for name in ("entity", "schema", "trigger"))
    state = page.query("state") if page.query("state") in STATES else ""
    query = {"state": state} if state else {}
    runs = await page.get(path_of(*TRIGGERS, entity, "triggers", schema, trigger, "runs"), query)
    return await page.render(
        "trigger_runs.html",
        entity=entity,
        schema=schema,
        trigger=trigger,
        runs=runs,
        state=state,
        states=STATES,
    )


async def post_runs(page: Page) -> Response:
    """Have a run that ended without being done made again."""
    page.require("manage_triggers")
    entity, schema, trigger = (page.param(name) for name in ("entity", "schema", "trigger"))
    run = (await page.form()).get("run", [""])[0]
    place = path_of(*TRIGGERS, entity, "triggers", schema, trigger, "runs", run, "requeue")
    answer = await page.ask("POST", place)
    if not answer.ok:
        raise RefusedAnswer(answer)
    target = url(page.base, "masterdata", entity, "triggers", schema, trigger)
    return await page.done(target, "Sent again")


_DOCUMENT = "/admin/{account}/masterdata/{entity}/{document}"
_RUNS = "/admin/{account}/masterdata/{entity}/triggers/{schema}/{trigger}"

ROUTES = [
    ("/admin/{account}/masterdata", get_entities, ["GET"]),
    ("/admin/{account}/masterdata/{entity}", get_entity, ["GET"]),
    (_DOCUMENT, get_document, ["GET"]),
    (_RUNS, get_runs, ["GET"]),
    (_RUNS, post_runs, ["POST"]),
    (f"{_DOCUMENT}/versions/{{version}}", get_version, ["GET"]),
    (f"{_DOCUMENT}/versions/{{version}}", post_version, ["POST"]),
]
