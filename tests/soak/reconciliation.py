"""The recount of a soak: what must be there by the ledger against what everybody saw."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from oms_ledger.cli.maintenance import stale_views
from oms_ledger.eventstore.integrity import verify
from oms_ledger.notifications.channel import WEBHOOK
from projections.notifications import deliveries, hook_letters
from projections.outbox.messages import WAITING
from projections.outbox.tables import outbox_attempts as attempts
from projections.outbox.tables import outbox_messages
from projections.subscriptions.notification import event_id
from projections.tables import subscriptions
from tests.soak.deployment import ACCOUNT, BESIDE_THE_DOCUMENT, CHEAPEST
from tests.support import hook_deliveries

if TYPE_CHECKING:
    from tests.soak.soak import Soak

ENDS = {"invoiced": "invoiced", "invoiced in parts": "invoiced"}
Fields = tuple[str, str, str, str | None]


class Recount:
    def __init__(self, soak: "Soak") -> None:
        self._soak = soak
        self._deployment = soak.deployment
        self._written = soak.deployment.cell.store.head()  # by the load, which has ended
        self.counts: dict[str, Any] = {}

    def left(self) -> int:
        """What is left to do: events that subscriptions have not passed, and messages.

        The hostile filter takes its tenth of a second for every event; it may be behind. Messages
        to others than hooks count while they are due within a minute: what comes of them may be an
        event of an order.
        """
        cell = self._deployment.cell
        t, soon = outbox_messages.c, cell.clock.micros() + 60_000_000
        others = (t.state == WAITING, t.channel != WEBHOOK.name, t.due_at < soon)
        head = cell.store.head()
        hostile = f"hook:{self._soak.hooks['hostile'][0].app_key}"
        with cell.database.snapshot() as connection:
            behind = select(func.coalesce(func.sum(head - subscriptions.c.position), 0)).where(
                subscriptions.c.position < head, subscriptions.c.id != hostile
            )
            entries = int(connection.execute(behind).scalar_one())
            pending = sum(deliveries.pending(connection).values())
            waiting = select(func.count()).select_from(outbox_messages).where(*others)
            pending += int(connection.execute(waiting).scalar_one())
        return entries + pending

    def give_up_the_refused(self) -> None:
        """Three days have passed for what the refusing receiver will never take."""
        client, _, receiver = self._soak.hooks["refusing"]
        with self._deployment.cell.database.writing() as connection:
            hook_deliveries.lock_sessions(connection)
            waiting = deliveries.peek(connection, client.app_key, 0, 1_000_000)
            refused = [one.id for one in waiting if receiver.refuses(one.order_id)]
            old = outbox_messages.c.id.in_(refused[:500])
            hook_deliveries.change(connection, old, since=0)

    def require_everything(self) -> None:
        self._history = self._deployment.history()
        self._require_whole_histories()
        for name, (client, filter, seen) in self._soak.feeds.items():
            self._require_feed(name, client, filter, seen)
        for name, (client, filter, receiver) in self._soak.hooks.items():
            if name == "hostile":
                self._require_nothing(client, receiver)
            else:
                self._require_hook(name, client, filter, receiver)
        self._require_a_sound_ledger()

    # The ledger

    def _require_whole_histories(self) -> None:
        versions: dict[str, list[int]] = {}
        last: dict[str, str] = {}
        self._values: dict[str, int] = {}
        ends: dict[str, str] = {}
        for shop in self._soak.shops:
            self._values |= shop.placed
            ends |= shop.ends
        for row in self._history:
            versions.setdefault(row.stream.removeprefix(f"{ACCOUNT}/"), []).append(row.version)
            last[row.stream.removeprefix(f"{ACCOUNT}/")] = row.status
        assert versions.keys() == self._values.keys(), "orders answered and orders stored"
        for order_id, found in versions.items():
            assert found == list(range(1, len(found) + 1)), order_id
            end = ends.get(order_id, "handling")
            assert last[order_id] == ENDS.get(end, end), f"{order_id} should be {end}"
        positions = self._deployment.positions()
        assert positions == list(range(1, 1 + len(positions)))
        wrong = [
            error
            for client in self._clients()
            for error in client.server_errors
            if ": 503 " not in error  # the database is away: it says so, and nothing was done
        ]
        assert not wrong, wrong[:5]
        self.counts |= {
            "orders": len(versions),
            "entries": len(positions),
            "requests answered": sum(client.answered for client in self._clients()),
            "requests without an answer": sum(client.unanswered for client in self._clients()),
            "strikes": dict(self._soak.storm.timed_out),
            "processes that ended by themselves": dict(self._soak.keeper.restarted),
        }

    def _clients(self) -> list[Any]:
        followers = [*self._soak.feeds.values(), *self._soak.hooks.values()]
        return [*(shop.client for shop in self._soak.shops), *(f[0] for f in followers)]

    def _require_a_sound_ledger(self) -> None:
        cell = self._deployment.cell
        head = cell.store.head()
        assert head >= self._written > 0
        assert max(verify(cell.store, head)) >= self._written
        assert stale_views(cell) == []
        checked = self._deployment.run("verify", "--json")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert json.loads(checked.stdout)["head"] >= self._written
        self.counts["verified up to"] = head

    # Who follows it

    def _passed(self, subscription: str, filter: dict[str, Any]) -> list[Fields]:
        """What the filter passes of the ledger, worked out from the rows alone."""
        fields, single_fire = list[Fields](), set[str]()
        for row in self._history:
            order_id = row.stream.removeprefix(f"{ACCOUNT}/")
            if filter["type"] == "FromWorkflow":
                moved = row.status and row.status != row.status_before
                passes = moved and (not filter["status"] or row.status in filter["status"])
            else:
                shipped = row.status in ("handling", "invoiced")
                passes = (
                    row.name not in BESIDE_THE_DOCUMENT
                    and shipped
                    and self._values[order_id] > CHEAPEST
                )
                if not filter["disableSingleFire"]:
                    passes = passes and order_id not in single_fire
            if passes:
                single_fire.add(order_id)
                at = event_id(subscription, row.position)
                fields.append((at, order_id, row.status, row.status_before))
        return fields

    def _require_feed(self, name: str, client: Any, filter: dict[str, Any], seen: Any) -> None:
        expected = self._passed(f"feed:{client.app_key}", filter)
        found = {(event, *fields) for event, fields in seen.items.items()}
        assert found == set(expected), _difference(name, set(expected), found)
        assert not seen.wrongs, (name, seen.wrongs[:5])
        self.counts[f"feed {name}"] = {"items": len(expected), **seen.counts}

    def _require_hook(self, name: str, client: Any, filter: dict[str, Any], receiver: Any) -> None:
        expected = self._passed(f"hook:{client.app_key}", filter)
        dead = self._dead(client)
        result: dict[str, dict[Fields, None]] = {}
        accepted = set()
        for one in receiver.received:
            fields = (one.event_id, one.order_id, one.state, one.last_state)
            result.setdefault(one.order_id, {})[fields] = None
            if one.accepted:
                accepted.add(one.event_id)
        in_order: dict[str, list[Fields]] = {}
        for one in expected:
            in_order.setdefault(one[1], []).append(one)
        for order_id, notifications in in_order.items():
            found = list(result.get(order_id, {}))
            assert found == [one for one in notifications if one in found], (
                f"{name}: order of {order_id}"
            )
        missing = {one[0] for one in expected} - accepted - dead.keys()
        assert not missing, f"hook {name}: {len(missing)} neither accepted nor dead"
        unexpected = {event for notifications in result.values() for event in notifications} - set(
            expected
        )
        assert not unexpected, (
            f"hook {name}: received what its filter does not pass: {list(unexpected)[:3]}"
        )
        refused = {one[0] for one in expected if receiver.refuses(one[1])}
        assert dead.keys() == refused, f"hook {name}: dead letters"
        outcomes = self._attempts(client)
        pushes = len(receiver.received)
        self.counts[f"hook {name}"] = {
            "pending": len(expected),
            "accepted": len(accepted),
            "dead letters": len(dead),
            "pushes received": pushes,
            "faults": dict(receiver.faults),
            "attempts": outcomes,
        }

    def _dead(self, client: Any) -> dict[str, Any]:
        subscription = f"hook:{client.app_key}"
        with self._deployment.cell.database.snapshot() as connection:
            letters = hook_letters.page(connection, subscription, 0, 1_000_000)
        return {event_id(subscription, letter.position): letter for letter in letters}

    def _attempts(self, client: Any) -> dict[str, int]:
        query = (
            select(attempts.c.outcome, func.count())
            .where(attempts.c.recipient == client.app_key)
            .group_by(attempts.c.outcome)
        )
        counted: Counter[str] = Counter()
        with self._deployment.cell.database.snapshot() as connection:
            for outcome, count in connection.execute(query):
                counted[outcome[:40]] += count
        return dict(counted)

    def _require_nothing(self, client: Any, receiver: Any) -> None:
        """A filter that every bound strikes passes nothing, and held nobody up."""
        assert receiver.received == []
        assert self._dead(client) == {}
        with self._deployment.cell.database.snapshot() as connection:
            mine = subscriptions.c.id == f"hook:{client.app_key}"
            position = connection.execute(select(subscriptions.c.position).where(mine)).scalar_one()
        self.counts["hook hostile"] = {"judged up to": position}


def _difference(name: str, expected: set[Any], found: set[Any]) -> str:
    missing, doubled = sorted(expected - found), sorted(found - expected)
    return f"feed {name}: {len(missing)} missing {missing[:3]}, {len(doubled)} extra {doubled[:3]}"
