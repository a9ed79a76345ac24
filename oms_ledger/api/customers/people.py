"""A person's orders, without the person in an address (ours).

A person is shown as a keyed hash of e-mail or document, which the filter `person` of lists and
exports takes. So no e-mail or document comes into a URL, a log or a browser's history.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, model_validator

from oms_ledger.accounts.account import Account
from oms_ledger.accounts.events import AccountEvent, PersonLookedUp
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.http.bodies import Body, json_body, parse
from oms_ledger.api.orders.documents import json_response
from projections.customers import index

router = APIRouter(prefix="/api/ledger", tags=["Ledger"])

MayLook = Annotated[Caller, Depends(requires("look_up_person"))]


class Who(Body):
    """One of both."""

    email: Annotated[str | None, Field(max_length=254)] = None
    document: Annotated[str | None, Field(max_length=64)] = None

    @model_validator(mode="after")
    def _one(self) -> "Who":
        if bool(self.email and self.email.strip()) == bool(self.document and self.document.strip()):
            raise ValueError("either an email or a document")
        return self


class Person(ResponseModel):
    """A person by a keyed hash, and how many orders are theirs."""

    person: str = Field(description="Keyed hash; the `person` of lists", examples=["9f3c2a…"])
    orders: int = Field(description="How many orders are this person's", examples=[4])


@router.post("/people", response_model=Person)
async def post_person(request: Request, cell: TheCell, caller: MayLook) -> Response:
    """The keyed hash of an e-mail or a document, and how many orders are this person's.

    That somebody looked is an event of the account, which names the person by the hash.
    """
    who = parse(Who, await json_body(request))
    kind, value = ("email", who.email) if who.email else ("document", who.document)
    await request.app.state.people.wait()
    person = index.person_of(cell.encryption, caller.account, kind, (value or "").strip())

    orders = await cell.read(index.count, caller.account, person)
    decide = partial(_looked_up, person)
    await cell.ledger.change_account(caller.context, decide)
    return json_response({"person": person, "orders": orders})


def _looked_up(person: str, _: Account | None) -> list[AccountEvent]:
    return [PersonLookedUp(person)]
