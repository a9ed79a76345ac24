"""The list of orders: the query is the API's query, and columns and views besides."""

import asyncio
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response

from oms_ledger.backoffice.page import Elsewhere, Page, url
from projections.operators import saved_views
from projections.operators.saved_views import SavedView

Query = list[tuple[str, str]]

PER_PAGE = 25
OWN = ("columns", "view", "utc")  # of the page; all else is the API's

COLUMNS = {
    "orderId": "Order",
    "creationDate": "Created",
    "clientName": "Customer",
    "totalItems": "Units",
    "totalValue": "Total",
    "paymentNames": "Payment",
    "status": "Status",
    "ShippingEstimatedDate": "Promised",
    "sequence": "Sequence",
    "origin": "Origin",
    "salesChannel": "Channel",
    "affiliateId": "Affiliate",
    "authorizedDate": "Authorized",
    "marketPlaceOrderId": "Marketplace order",
    "callCenterOperatorName": "Operator",
    "listId": "List",
}
DEFAULT = (
    *("orderId", "creationDate", "clientName", "totalItems", "totalValue", "paymentNames"),
    *("status", "ShippingEstimatedDate"),
)
SORTED = {"orderId": "orderId", "creationDate": "creationDate", "totalValue": "totalValue"}
SORTED |= {"totalItems": "items", "origin": "origin"}

# Views that everybody has: name, query.
BUILT_IN: list[tuple[str, str]] = [
    ("All", ""),
    ("Awaiting payment", "f_status=payment-pending"),
    ("Ready", "f_status=ready-for-handling"),
    ("Handling", "f_status=handling"),
    ("To decide", "f_status=cancellation-requested"),
    ("In error", "filterError=perm"),
    ("Late", "f_shippingEstimate=-1.days"),
]

LABELS = {
    "q": "Text",
    "f_status": "Status",
    "f_creationDate": "Created",
    "f_authorizedDate": "Authorized",
    "f_invoicedDate": "Invoiced",
    "f_paymentApprovedDate": "Payment approved",
    "f_readyForHandlingDate": "Ready",
    "f_shippingEstimate": "Promised",
    "f_sellerNames": "Seller",
    "f_paymentNames": "Payment",
    "f_RnB": "Promotion",
    "f_UtmSource": "Source",
    "f_affiliateId": "Affiliate",
    "f_callCenterOperatorName": "Operator",
    "f_salesChannel": "Channel",
    "salesChannelId": "Channel id",
    "f_hasInputInvoice": "Has a return",
    "f_hasOutputInvoice": "Has an invoice",
    "f_isInstore": "In store",
    "filterError": "Errors",
    "incompleteOrders": "Incomplete",
    "person": "Person",
    "sku_Ids": "SKU",
    "listId": "List",
    "tid": "TID",
    "nsu": "NSU",
    "paymentId": "Payment id",
}
DATES = tuple(name for name in LABELS if name.endswith("Date"))
SEARCHED = ("sku_Ids", "listId", "tid", "nsu", "paymentId")
_PERSONAL = re.compile(r"@|^[\d./ -]{8,}$")


def given_of(page: Page) -> Query:
    """What the address asks for, without empty values; dates out of two fields of the form."""
    items = page.request.query_params.multi_items()
    content = [(name, value.strip()) for name, value in items if value.strip()]
    days = {name: value for name, value in content if name.endswith((".from", ".to"))}
    content = [(name, value) for name, value in content if name not in days]
    for name in DATES:
        low, high = days.get(f"{name}.from"), days.get(f"{name}.to")
        if low or high:
            field = name.removeprefix("f_")
            since = f"{low}T00:00:00.000Z" if low else "*"
            until = f"{high}T23:59:59.999Z" if high else "*"
            content.append((name, f"{field}:[{since} TO {until}]"))
    return content


def filters_of(given: Query) -> Query:
    """The part of it that says which orders."""
    return [(n, v) for n, v in given if n not in (*OWN, "page", "per_page", "orderBy")]


def api_query(given: Query) -> Query:
    """The API's own query: a filter by a searched field has to be named."""
    requested = [(name, value) for name, value in given if name not in OWN]
    fields = [name for name, _ in requested if name in SEARCHED]
    return [*requested, *(("searchField", name) for name in dict.fromkeys(fields))]


def without(given: Query, *names: str) -> str:
    """A query without some of its parameters, encoded."""
    return urlencode([(name, value) for name, value in given if name not in names])


def _merged(given: Query) -> Query:
    """Several values of one filter as the API takes them: repeated statuses as one text."""
    statuses = [value for name, value in given if name == "f_status"]
    rest = [(name, value) for name, value in given if name != "f_status"]
    return [*rest, ("f_status", ",".join(statuses))] if statuses else rest


async def get_orders(page: Page) -> Response:
    """The list of orders that the query filters, with its columns and stored views."""
    page.require("list_orders")
    given = _merged(given_of(page))
    requested = api_query(given)
    if "per_page" not in dict(given):
        requested.append(("per_page", str(PER_PAGE)))
    answer = await page.ask("GET", "/api/oms/pvt/orders", query=requested)
    listed = answer.json() if answer.ok else None
    counts = await _counts(page)
    views = await asyncio.to_thread(_views, page)
    filters, order_by = filters_of(given), dict(given).get("orderBy", "creationDate,desc")
    columns = _columns(dict(given).get("columns", ""))
    return await page.render(
        "orders.html",
        200 if answer.ok else answer.status,
        listed=listed,
        error=None if answer.ok else answer.error,
        given=given,
        filters=filters,
        chips=[_chip(given, name, value) for name, value in filters],
        built_in=[_built_in(name, text, filters, counts) for name, text in BUILT_IN],
        views=views,
        view_counts={view.id: _cheap_count(view.query, counts) for view in views},
        present=_present(views, filters, dict(given).get("columns", "")),
        columns=columns,
        all_columns=COLUMNS,
        order_by=order_by,
        sort_links=_sort_links(given, order_by),
        older=_paged(given, listed, 1),
        newer=_paged(given, listed, -1),
        facets_query=urlencode([n for n in given if n[0] != "page"]),
        query_text=urlencode(filters),
        q=dict(filters).get("q", ""),
    )


def _columns(text: str) -> list[str]:
    chosen = [name for name in text.split(",") if name in COLUMNS]
    return chosen or list(DEFAULT)


async def _counts(page: Page) -> dict[str, int]:
    query = {"per_page": "1", "_facets": "status", "_stats": "0"}
    content = await page.get_or(None, "/api/oms/pvt/orders", query)
    if content is None:
        return {}
    found = {item["url"]: item["quantity"] for item in content["facets"][0]["items"]}
    return found | {"": content["paging"]["total"]}


def _built_in(name: str, text: str, filters: Query, counts: dict[str, int]) -> dict[str, Any]:
    status = text.removeprefix("f_status=")
    counted = counts.get(status, 0) if not text or text.startswith("f_status=") else None
    chosen = sorted(parse_qsl(text)) == sorted(filters)
    return {"name": name, "query": text, "count": counted, "chosen": chosen}


def _cheap_count(text: str, counts: dict[str, int]) -> int | None:
    """How many orders a view has, when it asks for statuses alone."""
    filters = parse_qsl(text)
    if not filters:
        return counts.get("")
    (name, value), *more = filters
    if name != "f_status" or more:
        return None
    return sum(counts.get(status, 0) for status in value.split(","))


def _views(page: Page) -> list[SavedView]:
    with page.cell.database.reading() as connection:
        found = saved_views.visible_to(connection, page.account or "", page.operator.id)
        return list(found)


def _present(views: list[SavedView], filters: Query, columns: str) -> str | None:
    wanted = sorted(filters)
    found = (v.id for v in views if sorted(parse_qsl(v.query)) == wanted and v.columns == columns)
    return next(found, None)


def _chip(given: Query, name: str, value: str) -> dict[str, str]:
    shown = value
    if name in DATES:
        shown = re.sub(r"^\w+:\[|\]$|T\d\d:\d\d:\d\d\.\d+Z?", "", value).replace(" TO ", " – ")
    elif name == "person":
        shown = "…"
    rest = urlencode([pair for pair in given if pair != (name, value) and pair[0] != "page"])
    return {"name": name, "label": LABELS.get(name, name), "value": shown, "without": rest}


def _sort_links(given: Query, order_by: str) -> dict[str, str]:
    field, _, way = order_by.partition(",")
    rest = [pair for pair in given if pair[0] not in ("orderBy", "page")]
    links = {}
    for column, name in SORTED.items():
        turned = "asc" if field == name and way != "asc" else "desc"
        links[column] = urlencode([*rest, ("orderBy", f"{name},{turned}")])
    return links


def _paged(given: Query, listed: dict[str, Any] | None, actor: int) -> str | None:
    if listed is None:
        return None
    paging = listed["paging"]
    number = paging["currentPage"] + actor
    if not 1 <= number <= paging["pages"]:
        return None
    rest = [pair for pair in given if pair[0] != "page"]
    return urlencode([*rest, ("page", str(number))])


async def get_filters(page: Page) -> Response:
    """Every filter with its values and counts: loaded when asked for, because it is dear."""
    page.require("list_orders")
    given = _merged(given_of(page))
    requested = [*api_query(given), ("per_page", "1"), ("_facets", "1"), ("_stats", "0")]
    listed = await page.get("/api/oms/pvt/orders", [p for p in requested if p[0] != "page"])
    chosen: dict[str, set[str]] = {}
    for name, value in given:
        chosen.setdefault(name, set()).update(value.split(","))
    return await page.render(
        "filters.html",
        facets=[f for f in listed["facets"] if f["type"] != "date"],
        chosen=chosen,
        given=dict(given),
        labels=LABELS,
        dates=DATES,
        searched=SEARCHED,
        columns=_columns(dict(given).get("columns", "")),
        all_columns=COLUMNS,
    )


async def post_search(page: Page) -> Response:
    """A text to search by; a person's e-mail or document goes into no address."""
    page.require("list_orders")
    form = await page.form()
    text = form.get("q", [""])[0].strip()
    given = [
        p for p in parse_qsl(form.get("query", [""])[0]) if p[0] not in ("q", "page", "person")
    ]
    if not text:
        raise Elsewhere(f"{page.base}/orders?{urlencode(given)}")
    if _PERSONAL.search(text):
        who = {"email": text} if "@" in text else {"document": text}
        answer = await page.ask("POST", "/api/ledger/people", body=who)
        if answer.ok and answer.json()["orders"]:
            given.append(("person", answer.json()["person"]))
            raise Elsewhere(f"{page.base}/orders?{urlencode(given)}")
        if "@" in text:
            return await page.done(
                f"{page.base}/orders?{urlencode(given)}", "No order of this person"
            )
    raise Elsewhere(f"{page.base}/orders?{urlencode([*given, ('q', text)])}")


async def post_view(page: Page) -> Response:
    """Keep the present filter and columns under a name, or change or remove what is kept."""
    page.require("list_orders")
    form = {name: values[0] for name, values in (await page.form()).items()}
    text, columns = form.get("query", "")[:4000], form.get("columns", "")[:400]
    account, mine = page.account or "", page.operator.id

    def write() -> str:
        with page.cell.database.writing() as connection:
            view = saved_views.get(connection, account, mine, form.get("view", ""))
            match form.get("do", "save"):
                case "update" if view:
                    saved_views.change(connection, view.id, query=text, columns=columns)
                    return "The view is changed"
                case "remove" if view:
                    saved_views.remove(connection, view.id)
                    return "The view is removed"
                case "save" if form.get("name", "").strip():
                    owner = None if form.get("shared") == "yes" else mine
                    saved_views.create(
                        connection,
                        account,
                        owner=owner,
                        name=form["name"].strip()[:60],
                        query=text,
                        columns=columns,
                        now=page.cell.clock.micros(),
                    )
                    return "The view is saved"
        return "Nothing was changed"

    content = await asyncio.to_thread(write)
    target = f"{page.base}/orders?{text}"
    return await page.done(f"{target}&columns={columns}" if columns else target, content)


async def post_find(page: Page) -> Response:
    """The one box: a single hit opens at once, several are listed."""
    page.require("find")
    text = (await page.form()).get("q", [""])[0].strip()
    if not text:
        raise Elsewhere(f"{page.base}/orders")
    found = await page.get("/api/ledger/find", {"q": text[:200]})
    orders = list(dict.fromkeys(hit["orderId"] for hit in found["hits"] if hit["orderId"]))
    kinds = {hit["kind"] for hit in found["hits"]}
    if len(orders) == 1:
        version = next((h["position"] for h in found["hits"] if h["kind"] == "event"), None)
        if kinds == {"event"} and version:
            raise Elsewhere(url(page.base, "stream", version))
        raise Elsewhere(url(page.base, "orders", orders[0]))
    return await page.render("found.html", 200 if orders else 404, hits=found["hits"], q=text)


ROUTES = [
    ("/admin/{account}/find", post_find, ["POST"]),
    ("/admin/{account}/orders", get_orders, ["GET"]),
    ("/admin/{account}/orders/filters", get_filters, ["GET"]),
    ("/admin/{account}/orders/search", post_search, ["POST"]),
    ("/admin/{account}/orders/views", post_view, ["POST"]),
]
