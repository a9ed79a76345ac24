"""Feeds and hooks: how each is, what waits, what was tried, what died, and its settings."""

import asyncio
from typing import Any

import orjson
from starlette.responses import Response

from oms_ledger.backoffice.asking import path_of
from oms_ledger.backoffice.commands import one
from oms_ledger.backoffice.page import Elsewhere, Page, url
from oms_ledger.backoffice.pages.verify import ask_again
from oms_ledger.whole_numbers import is_whole, whole_or_text
from projections.accounts import app_keys

CONFIRMED_FROM = 10_000  # notifications from which on the password is asked for again

TABS = ("overview", "queue", "attempts", "dead-letters", "settings")


def key_path(app_key: str, *more: str) -> str:
    """The API path of a feed or hook, by its app key."""
    return path_of("api", "ledger", "keys", app_key, *more)


async def keys_of(page: Page) -> list[dict[str, Any]]:
    """The keys that are not revoked, with what they are for; names alone, no secret."""

    def look() -> list[dict[str, Any]]:
        with page.cell.database.reading() as connection:
            found = app_keys.of_account(connection, page.account)
        return [
            {"appKey": key.app_key, "label": key.label, "role": key.role}
            for key in found
            if key.revoked_at is None
        ]

    return await asyncio.to_thread(look)


async def get_feeds(page: Page) -> Response:
    """Each key with its feed and its hook."""
    page.require("hook_state")
    rows = []
    for key in await keys_of(page):
        named = key["appKey"]
        feed = await page.get_or(None, key_path(named, "feed", "config"))
        hook = await page.get_or(None, key_path(named, "hook"))
        dead = await page.get_or({"total": 0}, key_path(named, "feed", "dead-letters"))
        if feed or hook:
            rows.append({**key, "feed": feed, "hook": hook, "feed_dead": dead["total"]})
    return await page.render(
        "feeds.html", rows=rows, keys=await keys_of(page), manages=page.may("manage_keys")
    )


async def get_key(page: Page) -> Response:
    """One key; its parts are tabs, each with an address of its own."""
    page.require("hook_state")
    app_key = page.param("app_key")
    tab = page.request.path_params.get("tab", "overview")
    if tab not in TABS:
        return await page.render("not_found.html", 404, looked_for=tab, guesses=[])
    return await _shown(page, app_key, tab)


async def _shown(
    page: Page,
    app_key: str,
    tab: str,
    *,
    status: int = 200,
    error: dict[str, Any] | None = None,
    secret: str | None = None,
    given: dict[str, list[str]] | None = None,
) -> Response:
    feed = await page.ask("GET", key_path(app_key, "feed", "config"))
    if feed.status == 404 and "no key" in feed.error["message"]:
        return await page.render("not_found.html", 404, looked_for=app_key, guesses=[])
    hook = await page.get_or(None, key_path(app_key, "hook"))
    fields: dict[str, Any] = {}
    if tab == "queue":
        fields["items"] = await page.get_or({"items": []}, key_path(app_key, "feed", "items"))
        fields["pending"] = await page.get_or({"items": []}, key_path(app_key, "hook", "peek"))
    if tab == "attempts":
        query = {"failed": "true"} if page.query("failed") else {}
        if page.query("before"):
            query["before"] = page.query("before")
        fields["attempts"] = await page.get_or(
            {"attempts": [], "next": None}, key_path(app_key, "hook", "attempts"), query
        )
    if tab == "dead-letters":
        order_id = page.query("orderId")
        query = {"orderId": order_id} if order_id else {}
        none = {"deadLetters": [], "total": 0}
        fields["order_id"] = order_id
        fields["letters"] = {
            kind: await page.get_or(none, key_path(app_key, kind, tab), query)
            for kind in ("feed", "hook")
        }
    if tab == "settings":
        fields["typed"] = _typed(page, given)
        fields["hook_config"] = await page.get_or(None, key_path(app_key, "hook", "config"))
    labels = {key["appKey"]: key["label"] for key in await keys_of(page)}
    return await page.render(
        "feed_key.html",
        status,
        app_key=app_key,
        label=labels.get(app_key),
        tab=tab,
        tabs=TABS,
        feed=feed.json() if feed.ok else None,
        hook=hook,
        error=error,
        secret=secret,
        **fields,
    )


def _typed(page: Page, given: dict[str, list[str]] | None) -> dict[str, str]:
    """What the form of a feed or a hook holds instead of what is so, or a filter to be saved.

    Values of headers are secrets, and are not shown again.
    """
    if given is not None:
        names = ("kind", "url", "type", "statuses", "expression", "visibility", "retention")
        return {name: one(given, name) for name in names if name in given}
    if expression := page.query("expression"):
        return {"kind": "", "type": "FromOrders", "expression": expression}
    return {"kind": "none"}


async def post_key(page: Page) -> Response:
    """What a button of the key's page asks for."""
    page.require("hook_state")
    app_key, given = page.param("app_key"), await page.form()
    do, kind = one(given, "do"), one(given, "kind")
    kind = kind if kind in ("feed", "hook") else "hook"
    here = url(page.base, "feeds", app_key)
    match do:
        case "pause" | "resume":
            answer = await page.ask("POST", key_path(app_key, "hook", do))
            fields = "Paused" if do == "pause" else "Resumed"
        case "rotate":
            if not page.verified:
                raise Elsewhere(url("/admin/-", "verify", next=here))
            answer = await page.ask("POST", key_path(app_key, "hook", "secret"))
            if answer.ok:
                secret = answer.json()["secret"]
                return await _shown(page, app_key, "settings", secret=secret)
            fields = ""
        case "requeue":
            positions = [int(p) for p in given.get("position", []) if is_whole(p)]
            body: dict[str, Any] = {"positions": positions} if positions else {"all": True}
            if not positions and one(given, "orderId"):
                body["orderId"] = one(given, "orderId")
            answer = await page.ask(
                "POST", key_path(app_key, kind, "dead-letters", "requeue"), body=body
            )
            fields = f"{answer.json()['requeued']} wait again" if answer.ok else ""
            here = url(here, "dead-letters", orderId=one(given, "orderId"))
        case "remove":
            answer = await page.ask("DELETE", key_path(app_key, kind, "config"))
            fields = "Removed"
            here = url(page.base, "feeds")
        case "configure":
            return await _configure(page, app_key, kind, given)
        case _:
            raise Elsewhere(here)
    if not answer.ok:
        return await _shown(page, app_key, "overview", status=answer.status, error=answer.error)
    return await page.done(here, fields)


async def _configure(page: Page, app_key: str, kind: str, given: dict[str, list[str]]) -> Response:
    """Set up or change a feed or a hook by the form of the settings."""
    body: dict[str, Any] = {"filter": filter_of(given)}
    if kind == "feed":
        body["queue"] = {
            "visibilityTimeoutInSeconds": whole_or_text(one(given, "visibility") or "240"),
            "messageRetentionPeriodInSeconds": whole_or_text(one(given, "retention") or "345600"),
        }
    else:
        headers = _headers(one(given, "headers"))
        if one(given, "keep-headers") == "yes":
            config = await page.get_or({}, key_path(app_key, "hook", "config"))
            headers = {**(config.get("hook") or {}).get("headers", {}), **headers}
        body["hook"] = {"url": one(given, "url"), "headers": headers}
    answer = await page.ask("POST", key_path(app_key, kind, "config"), body=body)
    if not answer.ok:
        return await _shown(
            page, app_key, "settings", status=answer.status, error=answer.error, given=given
        )
    secret = answer.headers.get("x-hook-secret")
    if secret:
        return await _shown(page, app_key, "settings", secret=secret)
    return await page.done(url(page.base, "feeds", app_key, "settings"), "Saved")


def filter_of(given: dict[str, list[str]]) -> dict[str, Any]:
    """The filter that a form describes: by statuses, or by an expression."""
    if one(given, "type") == "FromOrders":
        fields: dict[str, Any] = {"type": "FromOrders", "expression": one(given, "expression")}
        if one(given, "single-fire") == "yes":
            fields["disableSingleFire"] = False
        return fields
    statuses = [part.strip() for part in one(given, "statuses").split(",") if part.strip()]
    return {"type": "FromWorkflow", "status": statuses}


def _headers(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


async def get_replay(page: Page) -> Response:
    """Send again: one order, or all since a position or an instant; counted first."""
    page.require("hook_replay")
    return await _replay_shown(page, {})


async def _replay_shown(
    page: Page,
    given: dict[str, list[str]],
    *,
    status: int = 200,
    error: dict[str, Any] | None = None,
    counted: dict[str, Any] | None = None,
) -> Response:
    targets = []
    for key in await keys_of(page):
        for kind, tail in (("hook", ("hook",)), ("feed", ("feed", "config"))):
            if await page.get_or(None, key_path(key["appKey"], *tail)):
                name = key["label"] or key["appKey"]
                targets.append((f"{kind}:{key['appKey']}", f"{name} · {kind}"))
    return await page.render(
        "replay.html",
        status,
        targets=targets,
        order_id=one(given, "orderId") or page.query("orderId"),
        since=one(given, "since") or page.query("since"),
        target=one(given, "target") or page.query("target"),
        counted=counted,
        asks_password=counted is not None
        and counted["count"] > CONFIRMED_FROM
        and not page.verified,
        error=error,
    )


async def post_replay(page: Page) -> Response:
    """Send again what a feed or hook got of an order, or of all since a position or instant."""
    page.require("hook_replay")
    given = await page.form()
    kind, _, app_key = one(given, "target").partition(":")
    order_id, since = one(given, "orderId"), one(given, "since")
    if kind not in ("feed", "hook"):
        raise Elsewhere(f"{page.base}/feeds/replay")
    body: dict[str, Any] = {}
    if order_id:
        body["orderId"] = order_id
    if since:
        body["since"] = whole_or_text(since)
    if not order_id:
        confirmed = one(given, "confirmed") == "yes"
        if not confirmed or not page.verified:
            counted = await _counted(page, kind, app_key, body)
            if "error" in counted:
                return await _replay_shown(page, given, status=400, error=counted["error"])
            if not confirmed:
                return await _replay_shown(page, given, counted=counted)
            many = counted["count"] > CONFIRMED_FROM
            if many and (error := await ask_again(page, one(given, "password"))):
                return await _replay_shown(page, given, status=401, error=error, counted=counted)
    answer = await page.ask("POST", key_path(app_key, kind, "replay"), body=body)
    if not answer.ok:
        return await _replay_shown(page, given, status=answer.status, error=answer.error)
    fields = answer.json()
    text = f"{fields['produced']} are sent again" if order_id else "It goes back and sends again"
    target = url(page.base, "orders", order_id) if order_id else url(page.base, "feeds", app_key)
    return await page.done(target, text)


async def _counted(page: Page, kind: str, app_key: str, body: dict[str, Any]) -> dict[str, Any]:
    """How many notifications a replay would send, by a dry run of the filter."""
    requested = {"since": body.get("since", 0), "samples": 0}
    answer = await page.ask("POST", key_path(app_key, kind, "dry-run"), body=requested)
    if not answer.ok:
        return {"error": answer.error}
    last: dict[str, Any] = orjson.loads(answer.body.strip().split(b"\n")[-1])
    passed = last["matched"]
    return {"count": passed, "entries": last["entries"], "at": page.cell.clock.now().isoformat()}


ROUTES = [
    ("/admin/{account}/feeds", get_feeds, ["GET"]),
    ("/admin/{account}/feeds/replay", get_replay, ["GET"]),
    ("/admin/{account}/feeds/replay", post_replay, ["POST"]),
    ("/admin/{account}/feeds/{app_key}", get_key, ["GET"]),
    ("/admin/{account}/feeds/{app_key}", post_key, ["POST"]),
    ("/admin/{account}/feeds/{app_key}/{tab}", get_key, ["GET"]),
]
