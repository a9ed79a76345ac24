"""Turns: fair between accounts, bounded in waiting, and given back whatever happens."""

import asyncio

import pytest

from oms_ledger.api.http import turns
from oms_ledger.api.http.errors import ApiError
from oms_ledger.api.http.turns import FEWEST, UNKNOWN, Admission, Heart, RateLimiter, Turns
from tests.support.asgi import ask


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(story):
    return asyncio.run(story())


async def settled():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.guarantee("G44")
def test_accounts_take_turns_and_none_has_more_than_half():
    async def story():
        turns, served = Turns(slots=4, patience=1000), []

        async def request(account):
            await turns.take(account)
            served.append(account)

        requested = [asyncio.create_task(request("flood")) for _ in range(6)]
        await settled()
        assert served == ["flood"] * 2  # half of four
        requested += [asyncio.create_task(request(name)) for name in ("a", "b", "a", "c")]
        await settled()
        assert served[2:] == ["a", "b"]  # who came later did not wait for the flood
        turns.refund("flood")
        await settled()
        assert served[4:] == ["flood"]
        turns.refund("a")
        await settled()
        assert served[5:] == ["a"]
        turns.refund("b")
        await settled()
        assert served[6:] == ["c"]
        for _ in range(3):
            turns.refund("flood")
            await settled()
        assert served[7:] == ["flood"] * 3
        await asyncio.gather(*requested)
        assert turns.waiting == 0

    run(story)


def test_who_would_wait_too_long_is_refused_at_once():
    """As many may wait as turns end in the time that one waits."""

    async def story():
        clock = Clock()
        turns = Turns(slots=2, patience=1.0, clock=clock)
        await turns.take("a")
        assert not turns.full("a")
        waiting = [asyncio.create_task(turns.take("a")) for _ in range(UNKNOWN // 2)]
        await settled()
        with pytest.raises(ApiError) as refused:
            await turns.take("a")
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "1")
        assert turns.full("a")
        assert not turns.full("b")  # half of the room is others'
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert turns.waiting == 0
        turns.refund("a")
        clock.now += 1  # one turn ended in that second: a slow process lets few wait
        await turns.take("a")
        waiting = [asyncio.create_task(turns.take("a")) for _ in range(FEWEST // 2)]
        await settled()
        assert turns.full("a")
        for _ in waiting:
            turns.refund("a")
            await settled()
        turns.refund("a")
        assert not turns.taken

    run(story)


def test_a_turn_that_does_not_come_is_refused_and_leaves_nothing_behind():
    async def story():
        turns = Turns(slots=2, patience=0.0)
        await turns.take("a")
        with pytest.raises(ApiError) as refused:
            await turns.take("a")
        assert refused.value.status == 503
        assert turns.waiting == 0
        turns.refund("a")
        assert not turns.taken
        await turns.take("a")
        turns.refund("a")

    run(story)


def test_a_turn_that_comes_to_who_left_goes_to_the_next():
    async def story():
        turns = Turns(slots=2, patience=1000)
        await turns.take("a")
        first, second = (asyncio.create_task(turns.take("a")) for _ in range(2))
        await settled()
        turns.refund("a")  # to the first, which does not know it yet
        first.cancel()
        await settled()
        assert first.cancelled()
        assert second.done()
        turns.refund("a")
        assert not turns.taken

    run(story)


@pytest.mark.parametrize("others", [0, 1])
def test_a_turn_that_is_free_when_somebody_gives_up_leaves_nothing_behind(others):
    """Who gives up is told so a moment later: a turn that ends in between goes to the next."""

    async def story():
        turns = Turns(slots=2, patience=1000)
        await turns.take("a")
        waiting = [asyncio.create_task(turns.take("a")) for _ in range(1 + others)]
        await settled()
        waiting[0].cancel()
        turns.refund("a")
        await settled()
        assert waiting[0].cancelled()
        assert [task.done() for task in waiting[1:]] == [True] * others
        assert (turns.waiting, turns.taken.total()) == (0, others)
        assert not turns.full("a")

    run(story)


def test_what_was_on_its_way_for_too_long_is_refused_and_waits_no_longer_in_all():
    async def story():
        clock = Clock()
        turns = Turns(slots=2, patience=1.0, clock=clock)
        arrived = turns.arrival()
        clock.now += 1.5  # the event loop was late, and the request waited for it
        with pytest.raises(ApiError) as refused:
            await turns.take("a", arrived)
        assert refused.value.status == 503
        assert not turns.taken
        await turns.take("a", clock.now)
        turns.refund("a")

    run(story)


def test_requests_that_have_no_turn_yet_are_bounded_by_account():
    turns = Turns(slots=4)
    most = 2 + UNKNOWN // 2

    async def story():
        assert not turns.full("a", most - 1)
        assert turns.full("a", most)
        assert not turns.full("b", 0)

    run(story)


def test_few_may_wait_while_the_event_loop_is_late():
    async def story():
        clock = Clock()
        turns = Turns(slots=2, patience=1000, clock=clock)
        await turns.take("a")
        waiting = [asyncio.create_task(turns.take("a")) for _ in range(FEWEST)]
        await settled()
        assert not turns.full("a")
        clock.now += 1  # no beat came in that time
        assert turns.full("a")
        assert turns.full("b")  # all that may wait do
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert not turns.full("b")

    run(story)


def test_the_pace_is_that_of_the_second_before():
    clock = Clock()
    pace = RateLimiter(clock)
    assert pace.per_second(7) == 7
    for _ in range(20):
        pace.count()
    assert pace.per_second(7) == 20
    clock.now += 1.5
    assert pace.per_second(7) == 20
    clock.now += 1
    pace.count()
    assert pace.per_second(7) == 7  # nothing happened for a second: the next pace is not known


def test_what_could_not_be_served_soon_is_refused_before_anything():
    async def inner(scope, receive, send):
        raise AssertionError("was asked")

    none = Admission(inner, inside=0)
    answer = ask(none, "/api/oms/pvt/orders")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert answer.error["code"] == "OMS503"
    turns = Turns(patience=0)
    setattr(turns, "full", lambda account, _: account == "acme")  # noqa: B010
    full = Admission(inner, turns)
    key = [("X-VTEX-API-AppKey", "vtexappkey-acme-000000")]
    assert ask(full, "/api/oms/pvt/orders", headers=key).status == 503


def test_the_heart_rests_when_nobody_asks_and_beats_again(monkeypatch):
    monkeypatch.setattr(turns, "BEAT", 0.0)
    clock = Clock()

    async def story():
        heart, loop = Heart(clock), asyncio.get_running_loop()
        beats = []
        monkeypatch.setattr(loop, "call_later", lambda _, call: beats.append(call))
        for _ in range(2):
            assert heart.late() == 0
            for beat in range(turns.BEATS):
                assert len(beats) == 1, beat
                beats.pop()()
            assert not beats
            clock.now += 3600  # idle: that is not late
        assert heart.late() == 0
        clock.now += 0.2
        assert heart.late() == pytest.approx(0.2)

    run(story)
