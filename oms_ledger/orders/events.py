"""Everything that can happen to an order, in the order a shopper would meet it.

An event is a fact: past tense, complete, never edited. When it happened and who caused it
belong to the ledger event that carries it. Money is integer cents. A field made by
`personal()` is stored encrypted with the order's own key, and reads as its default once the
person was erased. Parts of the document that no rule looks into are kept as they came (`Json`).
"""

from oms_ledger.accounts.events import AccountEvent
from oms_ledger.orders.cancellation.events import *  # noqa: F403
from oms_ledger.orders.cancellation.events import CancellationEvent
from oms_ledger.orders.changes.events import *  # noqa: F403
from oms_ledger.orders.changes.events import ChangeEvent
from oms_ledger.orders.handling.events import *  # noqa: F403
from oms_ledger.orders.handling.events import HandlingEvent
from oms_ledger.orders.invoices.events import *  # noqa: F403
from oms_ledger.orders.invoices.events import InvoiceEvent
from oms_ledger.orders.marketplace.events import *  # noqa: F403
from oms_ledger.orders.marketplace.events import MarketplaceEvent
from oms_ledger.orders.outbox.events import *  # noqa: F403
from oms_ledger.orders.outbox.events import OutboxEvent
from oms_ledger.orders.parts import *  # noqa: F403
from oms_ledger.orders.payments.events import *  # noqa: F403
from oms_ledger.orders.payments.events import PaymentEvent
from oms_ledger.orders.placement.events import *  # noqa: F403
from oms_ledger.orders.placement.events import PlacementEvent
from oms_ledger.orders.policies.events import *  # noqa: F403
from oms_ledger.orders.policies.events import PolicyEvent
from oms_ledger.orders.privacy.disclosure_events import *  # noqa: F403
from oms_ledger.orders.privacy.disclosure_events import PrivacyEvent
from oms_ledger.orders.privacy.events import *  # noqa: F403
from oms_ledger.orders.privacy.events import ErasureEvent

OrderEvent = (
    PlacementEvent
    | HandlingEvent
    | PaymentEvent
    | InvoiceEvent
    | CancellationEvent
    | ErasureEvent
    | ChangeEvent
    | OutboxEvent
    | MarketplaceEvent
    | PrivacyEvent
    | PolicyEvent
)
Event = OrderEvent | AccountEvent
