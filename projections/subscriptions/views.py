"""The views that the projector keeps, by the name of their subscription."""

from projections.customers import index
from projections.customers.index import People
from projections.desk import tasks
from projections.desk.tasks import Tasks
from projections.masterdata import documents
from projections.masterdata.documents import Documents
from projections.orders import views
from projections.orders.views import OrderViews
from projections.timers import deadlines
from projections.timers.deadlines import Timers

VIEWS: dict[str, type[OrderViews] | type[Timers] | type[People] | type[Tasks] | type[Documents]] = {
    views.SUBSCRIPTION: OrderViews,
    deadlines.SUBSCRIPTION: Timers,
    index.SUBSCRIPTION: People,
    tasks.SUBSCRIPTION: Tasks,
    documents.SUBSCRIPTION: Documents,
}
