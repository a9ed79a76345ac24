"""Erasing a person by e-mail or document; a dry run unless given otherwise (ours, G56)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StrictBool

from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.http.errors import bad_request
from oms_ledger.api.orders.documents import json_response
from oms_ledger.services.privacy.erase import erase
from oms_ledger.services.privacy.steps import Person

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])

MayErase = Annotated[Caller, Depends(requires("erase_person"))]
Name = Annotated[str, Field(min_length=1, max_length=254)]


class ParsedRequest(Body):
    """One of `email` and `document`. Nothing is erased unless `dryRun` is false."""

    email: Name | None = Field(default=None, examples=["ana@example.com"])
    document: Name | None = Field(default=None, examples=["123.456.789-09"])
    dry_run: StrictBool = True
    include_open: StrictBool = Field(
        default=False, description="Also orders that are still under way."
    )
    include_documents: StrictBool = Field(
        default=False,
        description="Also documents of Master Data that hold the e-mail or document as a value.",
    )


class OrderErased(ResponseModel):
    """What became of one order of the person."""

    order_id: str = Field(examples=["v502559acme-01"])
    status: str | None = Field(examples=["invoiced"])
    outcome: str = Field(description="`erased`, `would be erased`, or `open`: skipped")


class DocumentFound(ResponseModel):
    """A document of Master Data that holds the person's name."""

    entity: str = Field(examples=["newsletter"])
    id: str


class ErasureModel(ResponseModel):
    """What was found of a person, and what of it was erased."""

    id: str | None = Field(description="In the orders' `person-erased` events; null of a dry run")
    dry_run: bool
    found: int = Field(examples=[2])
    erased: int = Field(examples=[2])
    carts: int = Field(examples=[1], description="Carts of the person, which are deleted")
    documents: list[DocumentFound] = Field(
        description="Of a dry run: those that `includeDocuments` deletes"
    )
    documents_erased: int = Field(examples=[0], description="Clients and addresses aside")
    open_orders: int = Field(examples=[0])
    orders: list[OrderErased]


@router.post(
    "/erasures",
    response_model=ErasureModel,
    openapi_extra={
        "requestBody": {
            "content": {
                "application/json": {"schema": ParsedRequest.model_json_schema(by_alias=True)}
            }
        }
    },
)
async def post_erasure(request: Request, cell: TheCell, caller: MayErase) -> Response:
    """Erase the person that an e-mail or a document names from the account's orders.

    Once it is answered, no document, version, list, search or history of any process shows the
    person, and the chain of seals stays whole. Repeated it finds nothing more. Orders that
    are still under way are skipped, and given, unless `includeOpen` is true.
    """
    requested = parse(ParsedRequest, await json_body(request))
    if (requested.email is None) == (requested.document is None):
        raise bad_request("email, document: expected one of them")
    person = (
        Person("email", requested.email)
        if requested.email
        else Person("document", requested.document or "")
    )
    erasure = await erase(
        cell,
        caller.context,
        person,
        dry_run=requested.dry_run,
        include_open=requested.include_open,
        include_documents=requested.include_documents,
    )
    return json_response(erasure.as_json())
