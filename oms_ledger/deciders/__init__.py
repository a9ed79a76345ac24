"""One decider for each category of streams; the only rooms between the event store and a domain.

A new category is one module here and one line in `DECIDERS`.
"""

from oms_ledger.deciders.accounts import AccessDecider, AccountDecider, OperatorDecider
from oms_ledger.deciders.masterdata import (
    CounterDecider,
    DocumentDecider,
    EntityDecider,
    UniqueKeyDecider,
)
from oms_ledger.deciders.orders import OrderDecider
from oms_ledger.eventstore.decider import Deciders

DECIDERS = Deciders(
    (
        OrderDecider(),
        AccountDecider(),
        OperatorDecider(),
        AccessDecider(),
        DocumentDecider(),
        EntityDecider(),
        UniqueKeyDecider(),
        CounterDecider(),
    )
)
EVENT_TYPES = DECIDERS.types
