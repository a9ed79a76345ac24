"""Everything that can happen to an order, in the order a shopper would meet it.

An event is a fact: past tense, complete, never edited. When it happened and who caused it
belong to the ledger entry that carries it. Money is integer cents. A field made by
`personal()` is stored encrypted with the order's own key, and reads as its default once the
person was erased. Parts of the document that no rule looks into are kept as they came (`Json`).
"""

from oms_ledger.accounts.events import AccountEvent
from oms_ledger.orders.cancellation.events import *  # noqa: F403
from oms_ledger.orders.cancellation.events import CancelingEvent
from oms_ledger.orders.changes.events import *  # noqa: F403
from oms_ledger.orders.changes.events import ChangingEvent
from oms_ledger.orders.handling.events import *  # noqa: F403
from oms_ledger.orders.handling.events import WorkflowEvent
from oms_ledger.orders.invoices.events import *  # noqa: F403
from oms_ledger.orders.invoices.events import InvoicingEvent
from oms_ledger.orders.marketplace.events import *  # noqa: F403
from oms_ledger.orders.marketplace.events import ResellingEvent
from oms_ledger.orders.outbox.events import *  # noqa: F403
from oms_ledger.orders.outbox.events import CallingEvent
from oms_ledger.orders.parts import *  # noqa: F403
from oms_ledger.orders.payments.events import *  # noqa: F403
from oms_ledger.orders.payments.events import PaymentEvent
from oms_ledger.orders.placement.events import *  # noqa: F403
from oms_ledger.orders.placement.events import PlacingEvent
from oms_ledger.orders.privacy.disclosure_events import *  # noqa: F403
from oms_ledger.orders.privacy.disclosure_events import PrivacyEvent
from oms_ledger.orders.privacy.events import *  # noqa: F403
from oms_ledger.orders.privacy.events import ErasingEvent

OrderEvent = (
    PlacingEvent
    | WorkflowEvent
    | PaymentEvent
    | InvoicingEvent
    | CancelingEvent
    | ErasingEvent
    | ChangingEvent
    | CallingEvent
    | ResellingEvent
    | PrivacyEvent
)
Event = OrderEvent | AccountEvent
