"""What follows a deployment while a test has its way with it, and the orders that come in."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.soak.deployment import (
    EVERY_STATUS,
    LARGE_AND_SHIPPED,
    Client,
    Deployment,
    Receiver,
    Writer,
    first_of_each_order,
    moves,
    require_a_sound_ledger,
    require_feed,
    require_notifications,
    require_whole_histories,
    shipments,
)


@dataclass
class Followers:
    """A hook and a feed of every change of status, a feed of an expression, and one of firsts."""

    workflow: Client
    every: Client
    first: Client
    receiver: Receiver

    def require_everything_once(self, deployment: Deployment, writer: Writer) -> None:
        require_whole_histories(deployment, writer)
        require_notifications(self.workflow, self.receiver, moves(deployment))
        require_feed(self.workflow, moves(deployment))
        shipped = shipments(deployment, writer.placed)
        assert shipped
        require_feed(self.every, shipped)
        require_feed(self.first, first_of_each_order(shipped))
        require_a_sound_ledger(deployment, writer.head)


@contextlib.contextmanager
def following(deployment: Deployment, receiver: Receiver) -> Iterator[Followers]:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(contextlib.closing(c)) for c in _clients(deployment, 3)]
        workflow, every, first = clients
        workflow.configure_feed(EVERY_STATUS)
        workflow.configure_hook(EVERY_STATUS, receiver.url)
        expression = {"type": "FromOrders", "expression": LARGE_AND_SHIPPED}
        every.configure_feed({**expression, "disableSingleFire": True})
        first.configure_feed({**expression, "disableSingleFire": False})
        yield Followers(workflow, every, first, receiver)


def _clients(deployment: Deployment, number: int) -> list[Client]:
    return [deployment.new_client() for _ in range(number)]


@contextlib.contextmanager
def writing(deployment: Deployment, at_least: int) -> Iterator[Writer]:
    with contextlib.closing(deployment.new_client()) as client, Writer(client, at_least) as writer:
        yield writer
    writer.head = deployment.cell.store.head()
