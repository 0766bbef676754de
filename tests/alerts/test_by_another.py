"""A router that has no way to the far host, or a firewall before it, answers in its place: that clears nothing behind it."""

from __future__ import annotations

import pytest
from engine_world import KINDS, PACK, START_MS, Agent, RealWorld, values
from incident_world import Fault

from alerts.base import LOST, OK, REFUSED, Sample
from alerts.engine.engine import Engine
from alerts.incidents import Book

CUT_MS, MENDED_MS = 30_000, 50_000


class TalkativeRouters(RealWorld):
    """Where a packet is lost, the router before the cut says that it has no route."""

    def __init__(self, faults: tuple[Fault, ...], seed: int) -> None:
        super().__init__(6, seed, faults)
        add = self.engine.add
        self.engine.add = lambda sample: add(_told(sample))  # type: ignore[method-assign]


def _told(sample: Sample) -> Sample:
    lost = sample.values.get("outcome") == LOST
    return sample._replace(values=values(REFUSED, rcvd=0, by_another=1)) if lost else sample


@pytest.mark.parametrize("link", ["link:core-province", "link:province-c3"])
@pytest.mark.parametrize("seed", range(2))
def test_a_cut_link_is_named_though_routers_say_no_route(link: str, seed: int) -> None:
    world = TalkativeRouters((Fault(link, CUT_MS, MENDED_MS),), seed)
    book = Book(world.tree, KINDS)
    while world.now_ms < 120_000:
        world.second()
        book.step(world.assess(), world.kinds)
    assert [(one.element, one.is_open) for one in book.incidents.values()] == [(link, False)]


@pytest.mark.parametrize(("more", "latest", "is_miss"), [({"by_another": 1}, LOST, True), ({}, REFUSED, False)])
def test_only_the_far_hosts_own_word_is_word_of_it(more: dict[str, float], latest: int, is_miss: bool) -> None:
    engine = Engine(PACK)
    agent = Agent(engine)
    for second in range(20):
        agent.say(second * 1000, values(OK) if second < 10 else values(REFUSED, rcvd=0, **more))
    agent.flush(20_000)
    one = engine.assess(START_MS + 21_000).evidence["k"]
    assert (one.latest, one.miss_ms is not None, one.refused_ms is None) == (latest, is_miss, is_miss)


def test_a_refusal_beside_answers_is_no_miss() -> None:
    engine = Engine(PACK)
    agent = Agent(engine)
    for second in range(20):
        agent.say(second * 1000, values(REFUSED, sent=10, rcvd=4, by_another=1))
    agent.flush(20_000)
    one = engine.assess(START_MS + 21_000).evidence["k"]
    assert one.miss_ms is None
