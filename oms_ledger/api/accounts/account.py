"""The account itself: its settings with what they mean, and its history (ours)."""

import asyncio
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from oms_ledger.accounts import access as access_log
from oms_ledger.accounts.account import (
    CHOICES,
    SETTINGS,
    Account,
    change_settings,
    parse_setting,
)
from oms_ledger.accounts.events import AccountEvent
from oms_ledger.accounts.mail_providers import SETTING, MailProviderItem, without_secrets
from oms_ledger.accounts.refusals import AccountNotFound
from oms_ledger.api.auth.dependencies import Caller, TheCell, requires
from oms_ledger.api.history.history import ResponseModel
from oms_ledger.api.http.bodies import json_body
from oms_ledger.api.http.errors import bad_request, shown
from oms_ledger.api.orders.documents import json_response
from oms_ledger.deciders import EVENT_TYPES
from oms_ledger.eventstore.records import instant
from oms_ledger.orders.documents.history import readable
from oms_ledger.orders.instants import PII_ZONE, spell

router = APIRouter(prefix="/api/ledger/account", tags=["Account"])

MayRead = Annotated[Caller, Depends(requires("read_account"))]
MayChange = Annotated[Caller, Depends(requires("change_account"))]
MaySee = Annotated[Caller, Depends(requires("account_history"))]


class SettingModel(ResponseModel):
    """A setting with its value, its default and what it does."""

    name: str = Field(examples=["grace_period_minutes"])
    value: Any = Field(examples=[30])
    default: Any = Field(examples=[30])
    about: str = Field(examples=["minutes in window-to-cancel after the payment"])
    choices: list[str] | None = Field(description="The values it may have, where they are few")


class AccountModel(ResponseModel):
    """An account and all of its settings."""

    name: str = Field(examples=["acme"])
    settings: list[SettingModel]


class AccountHistoryEvent(ResponseModel):
    """An event of the account: who changed what; secrets are left out."""

    version: int
    position: int
    at: str
    actor: str
    name: str = Field(examples=["key-created"])
    data: dict[str, Any]


class AccountHistory(ResponseModel):
    """`next` is the `before` of the next page; null on the last one."""

    events: list[AccountHistoryEvent]
    versions: int
    next: int | None


def _serialize_account(account: Account) -> dict[str, Any]:
    """The account with each setting, its default and its meaning."""
    return {
        "name": account.name,
        "settings": [
            {
                "name": name,
                "value": account.setting(name),
                "default": default,
                "about": about,
                "choices": list(CHOICES[name]) if name in CHOICES else None,
            }
            for name, (default, about) in SETTINGS.items()
        ]
        + [
            {
                "name": f"{SETTING}{one.name}",
                "value": without_secrets(one.url),
                "default": "",
                "about": "SMTP server that triggers name as provider; its password is not shown",
                "choices": None,
            }
            for one in account.configuration.all(MailProviderItem).values()
        ],
    }


@router.get("", response_model=AccountModel)
async def get_account(cell: TheCell, caller: MayRead) -> Response:
    """The account's settings, each with its default and what it is."""
    return json_response(_serialize_account(await cell.ledger.account(caller.account)))


@router.patch("", response_model=AccountModel)
async def patch_account(request: Request, cell: TheCell, caller: MayChange) -> Response:
    """Change settings: an object of names and values. What is not named stays."""
    body = await json_body(request)
    if not isinstance(body, dict) or not body:
        raise bad_request("The body: expected an object of settings")
    parsed = {name: _parsed(name, value) for name, value in body.items()}

    def decide(account: Account | None) -> list[AccountEvent]:
        if account is None:
            raise AccountNotFound(caller.account)
        return change_settings(account, parsed)

    account = await cell.ledger.change_account(caller.context, decide)
    return json_response(_serialize_account(account))


def _parsed(name: str, value: Any) -> Any:
    if not isinstance(value, str | bool | int):
        raise bad_request(f"{name}: found {shown(value)}, expected a text, a number, true or false")
    return parse_setting(name, str(value).lower() if isinstance(value, bool) else str(value))


@router.get("/events", response_model=AccountHistory)
async def get_events(
    cell: TheCell,
    caller: MaySee,
    before: Annotated[int, Query(ge=1, lt=2**31)] = 2**31 - 1,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    access: Annotated[
        date | None, Query(description="Who came that day instead: sign-ins and refused keys")
    ] = None,
) -> Response:
    """What was done to the account: settings, keys, feeds and hooks, people; newest first."""
    stream = access_log.stream_of(caller.account, access) if access else f"{caller.account}/"

    def look() -> dict[str, Any]:
        rows = cell.store.stream(stream)
        last = min(before - 1, len(rows))
        chosen = rows[max(0, last - limit) : last][::-1]
        fields = []
        for row in chosen:
            event = EVENT_TYPES.decode(row.name, bytes(row.body), None)
            at = spell(instant(row.at), PII_ZONE)
            fields.append(
                {
                    "version": row.version,
                    "position": row.position,
                    "at": at,
                    "actor": row.actor,
                    "name": row.name,
                    "data": readable(event, personal=False),
                }
            )
        following = chosen[-1].version if chosen and chosen[-1].version > 1 else None
        return {"events": fields, "versions": len(rows), "next": following}

    return json_response(await asyncio.to_thread(look))
