"""The account's settings of order modifications, and what a request overrides of them."""

from collections.abc import Mapping
from typing import Any

from oms_ledger.orders.events import Json

# The account setting that keeps what was put.
SETTING = "order_modifications"

SECTIONS: Mapping[str, Json] = {
    "paymentConfiguration": {"customPaymentSystemsAllowed": []},
    "rolloutConfiguration": {
        "enableApi": True,
        "enableAdminOrders": {"enabledWorkspaces": []},
        "enableMyOrders": {"enabledWorkspaces": []},
    },
    "pipelineConfiguration": {
        "enableTaxHubRecalculation": False,
        "compensateShippingChanges": False,
        "enablePromotionRecalculation": False,
        "enableNativeTaxRecalculation": False,
    },
}


def merged(kept: Json, fields: Json) -> Json:
    """The settings with what got of each section instead; unknown names are left out."""
    return {
        section: {
            **(kept.get(section) or {}),
            **{name: value for name, value in (fields.get(section) or {}).items() if name in known},
        }
        for section, known in SECTIONS.items()
        if kept.get(section) or fields.get(section)
    }


def effective(kept: Json, fields: Json | None = None) -> Json:
    """Every setting of every section: the request's, else the account's, else the default."""
    chosen = merged(kept, fields or {})
    return {name: {**known, **chosen.get(name, {})} for name, known in SECTIONS.items()}


def shown(kept: Json, fields: Json | None = None) -> Json:
    """As the settings are answered, with whether the account ever chose any."""
    settings = effective(kept, fields)
    rollout = {"usingDefaultBehavior": not kept, **settings["rolloutConfiguration"]}
    return {**settings, "rolloutConfiguration": rollout}


def pipeline(settings: Json, name: str) -> bool:
    """A switch of `pipelineConfiguration`, out of effective settings; KeyError for no switch."""
    return bool(settings["pipelineConfiguration"][name])


def payment_systems(settings: Json) -> frozenset[str]:
    """Custom payment systems that may pay more."""
    allowed: Any = settings["paymentConfiguration"]["customPaymentSystemsAllowed"]
    return frozenset(str(one) for one in allowed)
