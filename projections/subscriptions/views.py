"""The views that the projector keeps, by the name of their cursor."""

from projections.customers import index as people
from projections.customers.index import People
from projections.desk import tasks
from projections.desk.tasks import Tasks
from projections.masterdata import documents
from projections.masterdata.documents import Documents
from projections.orders import views as order_views
from projections.orders.views import OrderViews
from projections.timers import deadlines as due_times
from projections.timers.deadlines import DueTimes

VIEWS: dict[
    str, type[OrderViews] | type[DueTimes] | type[People] | type[Tasks] | type[Documents]
] = {
    order_views.CURSOR: OrderViews,
    due_times.CURSOR: DueTimes,
    people.CURSOR: People,
    tasks.CURSOR: Tasks,
    documents.CURSOR: Documents,
}
