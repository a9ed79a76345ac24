"""Everything that can happen to an order, in the order a shopper would meet it.

An event is a fact: past tense, complete, never edited. When it happened and who caused it
belong to the ledger entry that carries it. Money is integer cents. A field made by
`personal()` is stored encrypted with the order's own key, and reads as its default once the
person was erased. Parts of the document that no rule looks into are kept as they came (`Json`).
"""

from oms_ledger.orders.events.account import *  # noqa: F403
from oms_ledger.orders.events.account import AccountEvent as AccountEvent
from oms_ledger.orders.events.calling import *  # noqa: F403
from oms_ledger.orders.events.calling import CallingEvent as CallingEvent
from oms_ledger.orders.events.canceling import *  # noqa: F403
from oms_ledger.orders.events.canceling import CancelingEvent as CancelingEvent
from oms_ledger.orders.events.changing import *  # noqa: F403
from oms_ledger.orders.events.changing import ChangingEvent as ChangingEvent
from oms_ledger.orders.events.erasing import *  # noqa: F403
from oms_ledger.orders.events.erasing import ErasingEvent as ErasingEvent
from oms_ledger.orders.events.invoicing import *  # noqa: F403
from oms_ledger.orders.events.invoicing import InvoicingEvent as InvoicingEvent
from oms_ledger.orders.events.parts import *  # noqa: F403
from oms_ledger.orders.events.payment import *  # noqa: F403
from oms_ledger.orders.events.payment import PaymentEvent as PaymentEvent
from oms_ledger.orders.events.placing import *  # noqa: F403
from oms_ledger.orders.events.placing import PlacingEvent as PlacingEvent
from oms_ledger.orders.events.privacy import *  # noqa: F403
from oms_ledger.orders.events.privacy import PrivacyEvent as PrivacyEvent
from oms_ledger.orders.events.reselling import *  # noqa: F403
from oms_ledger.orders.events.reselling import ResellingEvent as ResellingEvent
from oms_ledger.orders.events.workflow import *  # noqa: F403
from oms_ledger.orders.events.workflow import WorkflowEvent as WorkflowEvent

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
