"""Dimensions of buying policies and their rules: created, listed, changed, deleted."""

import uuid
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from sqlalchemy import Connection

from oms_ledger import jsonata
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.http.addressing import PathId
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.orders.documents import json_response
from oms_ledger.cell import Cell
from oms_ledger.eventstore.records import instant
from oms_ledger.orders.instants import PII_ZONE, spell
from oms_ledger.orders.policies.refusals import DimensionNotFound, InvalidPolicyBody, RuleNotFound
from oms_ledger.services.policies.evaluation import follow_changes
from projections.policies import dimensions as table
from projections.policies.dimensions import Dimension

router = APIRouter(prefix="/api/authorization-dimensions", tags=["Buying policies"])

LAST = 9999
MOST_DIMENSIONS, MOST_RULES = 100, 100

MayRead = Annotated[Caller, Depends(requires("read_policies"))]
MayWrite = Annotated[Caller, Depends(requires("write_policies"))]

Word = Annotated[str, Field(max_length=256, coerce_numbers_to_str=True)]


class Condition(Body):
    """A JSONata expression over the order."""

    condition_type: int = 2
    description: str | None = None
    expression: Annotated[str, Field(min_length=1)]


class Effect(Body):
    """What a rule does where its condition holds: 0 accepts, 1 denies, 2 asks people."""

    description: str | None = None
    effect_type: Annotated[int, Field(ge=0, le=2)]


class Trigger(Body):
    """A condition and its effect."""

    condition: Condition
    effect: Effect


class Scores(Body):
    """A score of at least `accept` accepts, one of at most `deny` denies."""

    accept: Annotated[int, Field(ge=-(10**9), le=10**9)] = 10
    deny: Annotated[int, Field(ge=-(10**9), le=10**9)] = 5


class Authorizer(Body):
    """Who decides: a person or a unit."""

    id: Word
    type: Word = "unit"


class Authorizers(Body):
    """Who decides, and whether all of them have to approve."""

    require_all_approvals: bool = False
    authorizers: Annotated[list[Authorizer], Field(max_length=100)] = Field(default_factory=list)


class Rule(Body):
    """A rule of a dimension; rules are evaluated by ascending priority."""

    id: Word | None = None
    name: Annotated[str, Field(min_length=1, max_length=256)]
    priority: Annotated[int, Field(ge=0, le=10**6)] = LAST
    trigger: Trigger
    score_interval: Scores = Field(default_factory=Scores)
    authorization_data: Authorizers | None = None


class NewDimension(Body):
    """A dimension and its rules, for one unit."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    require_all_rules_acceptance: bool = False
    priority: Annotated[int, Field(ge=0, le=10**6)] = LAST
    unit_id: Word
    rule_collection: Annotated[list[Rule], Field(max_length=MOST_RULES)] = Field(
        default_factory=list
    )


def _rule(rule: Rule, rule_id: str | None = None) -> dict[str, Any]:
    """A rule as it is kept; 400 for an expression that does not compile."""
    if rule.score_interval.accept <= rule.score_interval.deny:
        raise InvalidPolicyBody("scoreInterval: expected accept to be greater than deny")
    try:
        jsonata.compile(rule.trigger.condition.expression)
    except jsonata.ExpressionError as error:
        raise InvalidPolicyBody(f"expression of '{rule.name}': {error}") from None
    fields = rule.model_dump(by_alias=True)
    return {**fields, "id": rule_id or str(uuid.uuid4()), "status": None}


def _dimension(body: NewDimension, known: Dimension | None = None) -> dict[str, Any]:
    """A dimension as it is kept; rules that name a known id keep it."""
    ids = {rule["id"] for rule in known.body["ruleCollection"]} if known else set()
    rules = [_rule(one, one.id if one.id in ids else None) for one in body.rule_collection]
    return {
        **body.model_dump(by_alias=True),
        "id": known.id if known else str(uuid.uuid4()),
        "status": None,
        "ruleCollection": rules,
    }


def _serialize_dimension(body: dict[str, Any], created_at: int) -> dict[str, Any]:
    """A dimension in the published form, with when it was created."""
    at = spell(instant(created_at), PII_ZONE)
    return {**body, "creationDate": at, "creationVersion": "1", "creationEnvironment": "stable"}


@router.get("")
async def get_dimensions(request: Request, cell: TheCell, caller: MayRead) -> Response:
    """The account's dimensions; `id`, `unitId` and `name` filter, whole and without case."""
    wanted = {
        name: {value.casefold() for value in request.query_params.getlist(name)}
        for name in ("id", "unitId", "name")
        if request.query_params.getlist(name)
    }
    found = [
        _serialize_dimension(one.body, one.created_at)
        for one in await cell.read(table.of_account, caller.account)
        if all(str(one.body.get(k) or "").casefold() in values for k, values in wanted.items())
    ]
    return json_response(found)


@router.post("")
async def post_dimension(request: Request, cell: TheCell, caller: MayWrite) -> Response:
    """Create a dimension with its rules."""
    body = _dimension(parse(NewDimension, await json_body(request)))

    def write(connection: Connection) -> str:
        if table.count(connection, caller.account) >= MOST_DIMENSIONS:
            raise InvalidPolicyBody(f"An account has at most {MOST_DIMENSIONS} dimensions")
        table.put(connection, caller.account, body, cell.clock.micros())
        return str(body["id"])

    return _answer(await _changed(cell, caller, request, write))


@router.put("/{dimension_id}")
async def put_dimension(
    dimension_id: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Replace a dimension and its rules."""
    given = parse(NewDimension, await json_body(request))

    def write(connection: Connection) -> str:
        known = _known(connection, caller, dimension_id)
        table.put(connection, caller.account, _dimension(given, known), known.created_at)
        return known.id

    return _answer(await _changed(cell, caller, request, write))


@router.delete("/{dimension_id}")
async def delete_dimension(
    dimension_id: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Delete a dimension and its rules."""

    def write(connection: Connection) -> str:
        if not table.remove(connection, caller.account, dimension_id):
            raise DimensionNotFound()
        return ""

    await _changed(cell, caller, request, write)
    return Response(status_code=204)


# Rules


@router.post("/{dimension_id}/rules")
async def post_rule(
    dimension_id: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Add a rule to a dimension."""
    rule = _rule(parse(Rule, await json_body(request)))
    await _with_rules(cell, caller, request, dimension_id, lambda rules: [*rules, rule])
    return json_response(rule)


@router.put("/{dimension_id}/rules")
async def put_rules(
    dimension_id: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Replace all rules of a dimension."""
    body = await json_body(request)
    if not isinstance(body, list) or len(body) > MOST_RULES:
        raise InvalidPolicyBody(f"Expected a list of at most {MOST_RULES} rules")
    given = [parse(Rule, one) for one in body]

    def replaced(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ids = {rule["id"] for rule in rules}
        return [_rule(one, one.id if one.id in ids else None) for one in given]

    return json_response(await _with_rules(cell, caller, request, dimension_id, replaced))


@router.put("/{dimension_id}/rules/{rule_id}")
async def put_rule(
    dimension_id: PathId, rule_id: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Replace a rule of a dimension."""
    rule = _rule(parse(Rule, await json_body(request)), rule_id)

    def replaced(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        _require_rule(rules, rule["id"])
        return [rule if one["id"] == rule["id"] else one for one in rules]

    await _with_rules(cell, caller, request, dimension_id, replaced, RuleNotFound)
    return json_response(rule)


@router.delete("/{dimension_id}/rules/{rule_id}")
async def delete_rule(
    dimension_id: PathId, rule_id: PathId, request: Request, cell: TheCell, caller: MayWrite
) -> Response:
    """Delete a rule of a dimension."""

    def without(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        _require_rule(rules, rule_id)
        return [one for one in rules if one["id"] != rule_id]

    await _with_rules(cell, caller, request, dimension_id, without, RuleNotFound)
    return Response(status_code=204)


def _require_rule(rules: list[dict[str, Any]], rule_id: str) -> None:
    if not any(one["id"] == rule_id for one in rules):
        raise RuleNotFound()


async def _with_rules(
    cell: Cell,
    caller: Caller,
    request: Request,
    dimension_id: str,
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    missing: type[DimensionNotFound] | type[RuleNotFound] = DimensionNotFound,
) -> list[dict[str, Any]]:
    """Change the rules of a dimension; those that it has then."""

    def write(connection: Connection) -> str:
        known = _known(connection, caller, dimension_id, missing)
        rules = change(known.body["ruleCollection"])
        if len(rules) > MOST_RULES:
            raise InvalidPolicyBody(f"A dimension has at most {MOST_RULES} rules")
        body = {**known.body, "ruleCollection": rules}
        table.put(connection, caller.account, body, known.created_at)
        return known.id

    changed = await _changed(cell, caller, request, write)
    assert changed is not None, "a dimension whose rules were changed is there"
    rules: list[dict[str, Any]] = changed.body["ruleCollection"]
    return rules


def _known(
    connection: Connection,
    caller: Caller,
    dimension_id: str,
    missing: type[DimensionNotFound] | type[RuleNotFound] = DimensionNotFound,
) -> Dimension:
    known = table.get(connection, caller.account, dimension_id)
    if known is None:
        raise missing()
    return known


async def _changed(
    cell: Cell, caller: Caller, request: Request, write: Callable[[Connection], str]
) -> Dimension | None:
    """Write, have waiting orders follow; the dimension as it is then."""

    def act(connection: Connection) -> Dimension | None:
        written = write(connection)
        return table.get(connection, caller.account, written) if written else None

    found = await cell.write(act)
    await request.app.state.freshness.wait()
    await follow_changes(cell, caller.context)
    return found


def _answer(dimension: Dimension | None) -> Response:
    assert dimension is not None, "what was written is there"
    return json_response(_serialize_dimension(dimension.body, dimension.created_at))
