"""Rooms, MCUs and conference-shaped streams in simulated time through the real engine, the shipped rules and the book of
incidents: what is tried once an hour neither names a link nor pages beside the outage it only shows."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache

import pytest
from engine_world import PACK, START_MS, Scene, opened
from incident_world import Tree

from alerts.base import LOST, OK, PROTOCOL, REFUSED, Sample
from alerts.engine.engine import Engine

STEP_MS, ROOM_MS, MEDIA_MS, H323_MS = 10_000, 600_000, 3_600_000, 60_000


class Bridge(Tree):
    """The small network with a room in each commune, tried from the core, and a stream from each commune to the core."""

    def __init__(self, communes: int = 6) -> None:
        super().__init__(communes)
        for name in self.names:
            self._parent[f"room:{name}"] = f"commune:{name}"
            self._ends[f"core-room-{name}"] = ("core", f"room:{name}")
            self._ends[f"{name}-media"] = (name, "site:core")
        self._ends["core-h323"] = self._ends["core-call"] = ("core", "mcu:mcu-1")


class Meeting(Scene):
    """Agents that ping each 10 s, and try rooms each 10 min, streams each hour and the MCU each minute, on phases of their own."""

    def __init__(self, seed: int, communes: int = 6, step_ms: int = STEP_MS) -> None:
        super().__init__(Bridge(communes), seed, step_ms=step_ms)
        self.cut: str = ""  # an element nothing crosses
        self.unready: dict[str, int] = {}  # room's commune → outcome of its climb
        self.poor: set[str] = set()  # elements over which streams are poor
        self.lossy = ""  # an element that loses two packets of five
        self.rung = 3  # that breaks in a room that is not ready
        self.crc: float = 4_023_233_417
        self.call = OK  # of the test call
        self.h323 = OK
        self.rings = False  # what is LOST rang, and nobody took it
        every = {f"core-room-{name}": ROOM_MS for name in self.tree.names}
        every |= {f"{name}-media": MEDIA_MS for name in self.tree.names} | {"core-h323": H323_MS, "core-call": H323_MS}
        self.every = every
        self.next_ms = {check: START_MS + self.draw.randrange(gap) for check, gap in every.items()}

    def speaking(self) -> Iterator[str]:
        for agent in ("core", *self.tree.names):
            if not self._is_cut(self.tree.up(self.tree.site_of(agent))):
                yield agent

    def _is_cut(self, path: tuple[str, ...] | list[str]) -> bool:
        return self.cut in path

    def samples(self, agent: str) -> Iterator[Sample]:
        at_ms = self.now_ms - 1000
        ends = [f"core-{name}" for name in self.tree.names] if agent == "core" else [f"{agent}-uplink"]
        for check in ends:
            path = self.tree.path(check)
            lost = self._is_cut(path) or (self.lossy in path and self.draw.random() < 0.4)
            yield Sample(agent, check, "ping", at_ms, {"sent": 1, "rcvd": 1 - lost, "outcome": LOST if lost else OK})
        for check, due_ms in self.next_ms.items():
            if due_ms <= at_ms and self.tree.agent_of(check) == agent:
                while self.next_ms[check] <= at_ms:  # what was not told while it was cut off is not made up for
                    self.next_ms[check] += self.every[check]
                yield self._tried(agent, check, at_ms)

    def _tried(self, agent: str, check: str, at_ms: int) -> Sample:
        lost = self._is_cut(self.tree.path(check))
        if check == "core-h323":
            outcome = LOST if lost else self.h323
            crc = {"product_crc": self.crc} if outcome == OK else {}
            answered = outcome != LOST or (self.rings and not lost)
            return Sample(agent, check, "h323", at_ms, {"outcome": outcome, "sent": 1, "rcvd": int(answered), **crc})
        if check == "core-call":
            return Sample(agent, check, "sipcall", at_ms, {"outcome": LOST if lost else self.call})
        if check.endswith("-media"):
            verdict = 2 if self.poor & set(self.tree.path(check)) else 0
            return Sample(agent, check, "media", at_ms, {"outcome": OK, "verdict": verdict})
        outcome = (
            LOST if lost or self.lossy in self.tree.path(check) else self.unready.get(check.rpartition("-")[2], OK)
        )
        if outcome != OK:
            return Sample(agent, check, "room", at_ms, {"outcome": outcome, "rung": self.rung})
        poor = bool(self.poor & set(self.tree.path(check)))
        stream = {"outcome": REFUSED if poor else OK, "rung": 7 * poor, "verdict": 2 * poor}
        return Sample(agent, check, "room", at_ms, stream)


@cache
def _calm(seed: int) -> Meeting:
    """An hour of streams in which all is well: one for all who begin there. Streams are sent once an hour, and agents write
    each twenty seconds."""
    world = Meeting(seed, step_ms=2 * STEP_MS)
    world.run(3700)
    return world


# --- a room of its own ---


@pytest.mark.parametrize("outcome", [LOST, REFUSED, PROTOCOL])
def test_a_room_that_fails_twice_is_named_and_no_link_is(outcome: int) -> None:
    world = Meeting(outcome)
    world.run(700)
    assert world.book.incidents == {}
    world.unready = {"c2": outcome}
    world.run(700 + 1300)
    assert world.elements() == [("room:c2", "unready")]
    assert world.only().severity == "warning" and world.only().suspects == ("room:c2",)
    world.unready = {}
    world.run(700 + 1300 + 700)
    assert not world.only().is_open and len(world.book.incidents) == 1


def test_a_room_that_fails_once_is_nobodys_page() -> None:
    world = Meeting(4)
    world.run(700)
    world.unready = {"c2": LOST}
    world.run(700 + 600)  # one climb, at whatever phase
    world.unready = {}
    assert opened(world.run(4000)) == []


# --- rooms behind what is cut ---


@pytest.mark.parametrize(("cut", "seed"), [("link:core-province", 5), ("link:province-c3", 6)])
def test_rooms_behind_a_cut_link_are_its_evidence_and_stay_so_until_they_are_tried_again(cut: str, seed: int) -> None:
    """Two climbs fail while the link is cut; until the next ones, minutes after it came back, nothing is known of the rooms."""
    world = Meeting(seed)
    world.run(700)
    world.cut = cut
    told = world.run(700 + 1500)
    assert opened(told) == [(cut, "down")]
    behind = 6 if cut == "link:core-province" else 1
    outage = next(one for one in world.book.open() if one.kind == "down")
    assert len([one for one in outage.also_told if one.startswith("room-not-ready core-room-")]) == behind
    world.cut = ""
    told = world.run(700 + 1500 + 700)
    assert opened(told) == [] and world.still() == []


def test_a_room_that_stays_dead_when_its_link_is_back_is_named_then() -> None:
    world = Meeting(7)
    world.run(700)
    world.cut, world.unready = "link:province-c3", {"c3": LOST}
    assert opened(world.run(700 + 1500)) == [("link:province-c3", "down")]
    world.cut = ""
    assert opened(world.run(700 + 1500 + 1300)) == [("room:c3", "unready")]
    assert world.still() == [("room:c3", "unready")]


def test_a_room_that_was_dead_before_its_link_is_taken_in_by_the_outage() -> None:
    world = Meeting(8)
    world.run(700)
    world.unready = {"c3": REFUSED}
    world.run(700 + 1300)
    room = world.only()
    world.cut = "link:province-c3"
    world.run(700 + 1300 + 120)
    assert world.still() == [("link:province-c3", "down")] and not room.is_open
    assert room.superseded_by == world.book.open()[0].id


def test_a_dead_room_elsewhere_is_not_hidden_by_an_outage() -> None:
    world = Meeting(9)
    world.run(700)
    world.cut, world.unready = "link:province-c3", {"c5": REFUSED}
    world.run(700 + 1500)
    assert world.still() == [("link:province-c3", "down"), ("room:c5", "unready")]


@pytest.mark.parametrize(("lossy", "seed"), [("link:core-province", 40), ("link:province-c3", 41)])
def test_rooms_behind_a_line_that_loses_packets_are_its_evidence(lossy: str, seed: int) -> None:
    world = Meeting(seed)
    world.run(700)
    world.lossy = lossy
    told = world.run(700 + 2000)
    assert {one for one in opened(told) if one[1] == "unready"} == set() and lossy in dict(world.still())
    assert any("room-not-ready" in one for one in world.book.open()[0].also_told)
    world.lossy = ""
    assert opened(world.run(700 + 2000 + 900)) == [] and world.still() == []


def test_a_dead_room_beside_a_lossy_line_is_named() -> None:
    world = Meeting(42)
    world.run(700)
    world.lossy, world.unready = "link:province-c3", {"c5": REFUSED}
    world.run(700 + 2000)
    assert ("room:c5", "unready") in world.still()


# --- rooms whose stream arrives badly ---


@pytest.mark.parametrize(("element", "seed"), [("link:province-c4", 50), ("link:core-province", 51)])
def test_rooms_whose_streams_are_poor_accuse_the_way_there_and_are_not_named(element: str, seed: int) -> None:
    world = Meeting(seed, step_ms=2 * STEP_MS)
    world.every = {check: gap for check, gap in world.every.items() if not check.endswith("-media")}
    world.next_ms = {check: due for check, due in world.next_ms.items() if check in world.every}
    world.run(3700)
    world.poor = {element}
    told = world.run(3700 + 3900 + 1300)
    assert opened(told) == [(element, "media")]
    world.poor = set()
    assert opened(world.run(3700 + 3900 + 1300 + 1300)) == [] and world.still() == []


@pytest.mark.parametrize("before", [set(), {"link:province-c2"}])
def test_a_room_whose_responder_is_dead_is_named_itself(before: set[str]) -> None:
    """The seventh rung breaks without a verdict, whether there was one once or not."""
    world = Meeting(60)
    world.rung, world.unready = 7, {"c2": LOST} if not before else {}
    world.poor = before
    world.run(1300)
    world.unready = {"c2": LOST}
    world.run(3000)
    assert world.still() == [("room:c2", "unready")]


# --- the MCU ---


@pytest.mark.parametrize("kind", ["call", "h323"])
def test_an_mcu_that_refuses_three_times_is_down_and_no_link_is_named(kind: str) -> None:
    world = Meeting(10)
    world.run(300)
    setattr(world, kind, REFUSED)
    assert opened(world.run(300 + 400)) == [("mcu:mcu-1", "down")]
    assert world.only().severity == "critical" and world.only().suspects == ("mcu:mcu-1",)
    assert world.only().also_told == (f"mcu-not-ready core-{kind}",)
    setattr(world, kind, OK)
    world.run(300 + 400 + 200)
    assert world.still() == []


@pytest.mark.parametrize("kind", ["call", "h323"])
def test_an_mcu_that_can_be_reached_and_does_not_do_its_work_is_not_ready(kind: str) -> None:
    """No sound comes back, or the room does not ring, while something else of the MCU answers."""
    world = Meeting(13)
    world.run(300)
    setattr(world, kind, LOST)
    assert opened(world.run(300 + 400)) == [("mcu:mcu-1", "unready")]
    setattr(world, kind, OK)
    world.run(300 + 400 + 200)
    assert world.still() == []


def test_a_call_that_rings_and_is_never_taken_says_the_mcu_is_not_ready_and_accuses_nothing_on_the_way() -> None:
    world = Meeting(15)
    world.run(300)
    world.h323, world.rings = LOST, True
    assert opened(world.run(300 + 400)) == [("mcu:mcu-1", "unready")]
    world.h323 = OK
    world.run(300 + 400 + 200)
    assert world.still() == []


@pytest.mark.parametrize("element", ["mcu:mcu-1", "link:core-mcu"])
def test_an_mcu_nothing_reaches_is_one_incident(element: str) -> None:
    world = Meeting(14)
    world.run(300)
    world.cut = element
    world.run(300 + 600)
    assert [one.kind for one in world.book.incidents.values()] == ["down"]
    assert element in world.only().suspects
    world.cut = ""
    assert opened(world.run(300 + 600 + 200)) == [] and world.still() == []


def test_other_software_in_the_mcu_is_told_once_and_ends_by_itself() -> None:
    world = Meeting(11)
    world.run(300)
    world.crc += 1
    told = world.run(300 + 120)
    assert opened(told) == [("mcu:mcu-1", "software")] and world.only().severity == "info"
    told = world.run(300 + 120 + 900)
    assert opened(told) == [] and world.still() == []


def test_an_mcu_that_was_away_for_a_while_and_comes_back_the_same_has_no_other_software() -> None:
    world = Meeting(12)
    world.run(300)
    world.h323 = LOST
    world.run(700)
    world.h323 = OK
    assert ("mcu:mcu-1", "software") not in opened(world.run(1200))


# --- conference-shaped streams ---


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("element", ["link:province-c4", "link:core-province"])
def test_poor_streams_accuse_what_they_cross_once_each_has_had_its_turn(element: str, seed: int) -> None:
    """Six checks each hour on phases of their own: those that complained once already vote for nobody."""
    world = deepcopy(_calm(20 + seed))
    world.poor = {element}
    told = world.run(3700 + 3600 + 3900 + 60)
    assert opened(told) == [(element, "media")]
    world.poor = set()
    told = world.run(3700 + 2 * 3600 + 3900 + 60)  # one check after the other finds that it is good again
    assert opened(told) == [] and world.still() == []


def test_one_poor_stream_is_nobodys_page() -> None:
    world = deepcopy(_calm(20))
    world.poor = {"link:province-c4"}
    world.run(3700 + 3600)
    world.poor = set()
    assert opened(world.run(3700 + 2 * 3600 + 600)) == []


# --- streams that are seldom sent ---


def _poor(engine: Engine, at_s: int, verdict: int | None, until_s: int) -> list[str]:
    """One test's verdict (None: it was put off), then the agent goes on telling that it lives; what fires at the end."""
    if verdict is not None:
        engine.add(Sample("c1", "c1-media", "media", START_MS + at_s * 1000, {"outcome": OK, "verdict": verdict}))
    for now_s in range(at_s + 1, until_s, 60):
        engine.arrived("c1", START_MS + now_s * 1000)
        engine.frontier("c1", START_MS + now_s * 1000)
        firing = engine.assess(START_MS + now_s * 1000 + 500).firing
    return [one.rule for one in firing]


def test_one_poor_test_says_nothing_when_the_next_was_put_off() -> None:
    engine = Engine(PACK)
    assert _poor(engine, 0, 2, 3600) == []
    assert _poor(engine, 3600, None, 7200) == []
    assert _poor(engine, 7200, 2, 10_800) == []
    assert _poor(engine, 10_800, 2, 14_400) == ["media-poor"]
    assert _poor(engine, 14_400, None, 18_000) == ["media-poor"]  # nobody says that it is good again
    assert _poor(engine, 18_000, 0, 18_100) == []
