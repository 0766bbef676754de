"""A wall clock that is set while points wait: where their stamps belong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon.agent.clock.hub import HubClock
from netmon.agent.clock.wall import Known, Wall, moved, shift_ms, unpack
from netmon.agent.uplink.cursor import Cursor
from netmon.agent.uplink.spool import Spool, read_group
from netmon.segments.position import Position

TRUE_MS = 1_796_000_000_000
HOUR_MS = 3_600_000
MACHINE = b"12345678"


class Machine:
    """A wall clock that is off by `off_ms`, and one that is never set. Times are ms since its start."""

    def __init__(self, off_ms: int = 0) -> None:
        self.off_ms, self.at_ms = off_ms, 0
        self.wall = Wall(lambda: self.now_ms * 1_000_000, lambda: self.at_ms * 1_000_000, MACHINE)

    @property
    def now_ms(self) -> int:
        return TRUE_MS + self.at_ms + self.off_ms

    def set(self, off_ms: int) -> None:
        self.off_ms = off_ms
        self.wall.set_ns()


@pytest.mark.parametrize("off_ms", [HOUR_MS, -HOUR_MS, 31 * 24 * HOUR_MS, -TRUE_MS])
@pytest.mark.parametrize("heard", [True, False])
def test_points_of_a_wrong_clock_stand_where_they_belong_once_it_is_right(off_ms: int, heard: bool) -> None:
    machine = Machine(off_ms)
    machine.at_ms = 5_000
    stamp_ms, then = machine.now_ms, machine.wall.known(-off_ms if heard else None)
    machine.at_ms = 90_000
    machine.set(0)
    assert stamp_ms + shift_ms(then, machine.wall.known(0), stamp_ms) == TRUE_MS + 5_000


def test_while_the_hubs_clock_is_wrong_an_agents_points_are_not_moved() -> None:
    machine = Machine()
    then = machine.wall.known(-HOUR_MS)
    machine.at_ms = 60_000
    assert shift_ms(then, machine.wall.known(0), TRUE_MS) == 0


def test_points_stamped_while_hub_and_agent_agreed_are_never_moved() -> None:
    machine = Machine()
    then = machine.wall.known(12)
    machine.set(HOUR_MS)  # a paused machine whose clock is set on, or one set wrongly
    assert shift_ms(then, machine.wall.known(0), TRUE_MS) == 0


def test_after_the_machine_was_started_anew_only_impossible_stamps_are_moved() -> None:
    now = Known(b"another!", 0, 0)
    assert shift_ms(Known(MACHINE, 0, -HOUR_MS), now, TRUE_MS) == 0
    assert shift_ms(Known(MACHINE, 0, TRUE_MS), now, 60_000) == TRUE_MS
    assert shift_ms(Known(MACHINE, 0, None), now, 60_000) == 0 and shift_ms(None, now, 60_000) == 0


def test_what_began_before_the_clock_was_set_and_ends_after_it_gets_the_new_time() -> None:
    machine = Machine(-HOUR_MS)
    machine.at_ms = 1_000
    began_ms = machine.now_ms
    machine.at_ms = 2_000
    machine.set(0)
    machine.at_ms = 3_000
    assert machine.wall.place_ms(began_ms) == TRUE_MS + 1_000
    assert machine.wall.place_ms(machine.now_ms) == machine.now_ms
    machine.set(2 * HOUR_MS)
    assert machine.wall.place_ms(began_ms) == TRUE_MS + 1_000 + 2 * HOUR_MS


def test_slewing_is_no_step() -> None:
    machine = Machine()
    for _ in range(1000):
        machine.at_ms += 1_000
        machine.set(machine.off_ms + 1)
    assert machine.wall.set_ns() == 0


def test_the_offset_from_the_hub_follows_a_clock_that_is_set() -> None:
    machine = Machine(-HOUR_MS)
    clock = HubClock(machine.wall)
    ns = machine.now_ms * 1_000_000
    clock.sample(ns, ns + HOUR_MS * 1_000_000, ns + HOUR_MS * 1_000_000, ns)
    assert clock.offset_ms == HOUR_MS and clock.is_off
    machine.set(0)
    assert clock.offset_ms == 0 and not clock.is_off


def test_the_offset_follows_a_hub_whose_clock_is_set() -> None:
    clock = HubClock(Machine().wall)
    clock.sample(0, 0, 0, 1_000_000)
    later_ns = 3_600 * 1_000_000_000
    clock.sample(0, later_ns, later_ns, 40_000_000)  # a slower exchange than the first
    assert clock.offset_ms == pytest.approx(HOUR_MS, abs=50)


@given(st.binary(min_size=8, max_size=8), st.integers(-(2**62), 2**62), st.none() | st.integers(-(2**62), 2**62))
def test_what_is_known_survives_a_record(machine: bytes, ahead_ms: int, offset_ms: int | None) -> None:
    known = Known(machine, ahead_ms, offset_ms)
    assert unpack(known.pack()) == known


@given(st.binary(max_size=40))
def test_any_bytes_are_something_known_or_nothing(raw: bytes) -> None:
    known = unpack(raw)
    assert (known is None) == (len(raw) != 24)


def test_a_record_keeps_it_and_what_is_sent_is_moved(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=2_000, quota_bytes=10_000_000)
    wrong = Known(MACHINE, 0, None)
    spool.store(["m f=1i 5", "m f=2i 6"], frontier_ms=7, now_ms=0, urgent=False, known=wrong)
    spool.store(["m f=3i 1007"], frontier_ms=1008, now_ms=0, urgent=False)  # as an earlier version wrote them
    groups = [read_group(body) for _, body in spool.segments.read(Position(0, 0))]
    assert [group.known if group else "" for group in groups] == [wrong, None]
    cursor = Cursor(tmp_path / "hub.cursor", spool, live_age_ms=10_000)
    cursor.shift_ms = lambda group: 1_000 if group.known else 0
    batch = cursor.next_live(0)
    assert batch is not None and batch.lines == ("m f=1i 1005", "m f=2i 1006", "m f=3i 1007")
    assert batch.frontier_ms == 1008


def test_a_stamp_is_the_last_word_of_a_line() -> None:
    assert moved(["m,a=b\\ c f=1i,g=0.5 -3"], 10) == ("m,a=b\\ c f=1i,g=0.5 7",)
