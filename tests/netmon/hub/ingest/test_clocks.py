"""Wrong clocks, of agents and of the hub: whose it is, and that nobody's points are given up for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from netmon.hub import limits
from netmon.hub.ingest.clocks import WriterClocks, lasting
from netmon.hub.ingest.ingest import HttpReply, Ingest
from netmon.hub.ingest.journal import Journal
from netmon.hub.ingest.seen import SeenNumbers
from netmon.hub.ingest.writers import Writer, Writers
from netmon.hub.limits import Counters
from netmon.hub.tokens import Tokens
from netmon.process.troubles import Troubles
from netmon.segments.segments import Segments

NOW_MS = 1_796_000_000_000
HOUR_MS = 3_600_000
MONTH_MS = 31 * 86_400_000


def _others(clocks: WriterClocks, ahead_ms: int, many: int = 3) -> list[str]:
    return [clocks.hear(f"s{n}", f"a{n}", NOW_MS + ahead_ms, NOW_MS, 0.0) for n in range(many)]


def test_small_differences_are_nobodys_fault() -> None:
    clocks = WriterClocks(NOW_MS, 0.0)
    assert clocks.hear("c1", "c1", NOW_MS + limits.FUTURE_MS, NOW_MS, 0.0) == ""
    assert clocks.hear("c1", "c1", NOW_MS - limits.FUTURE_MS, NOW_MS, 0.0) == "" and clocks.trouble(0.0) == ""


@pytest.mark.parametrize(
    ("ahead_ms", "by"), [(HOUR_MS, "3600 s ahead"), (-HOUR_MS, "3600 s behind"), (MONTH_MS, "31 d 0 h ahead"), (60_000 - NOW_MS, "behind")]
)  # fmt: skip
def test_an_agent_whose_clock_differs_from_the_others_is_named_with_the_figure_and_the_command(
    ahead_ms: int, by: str
) -> None:
    clocks = WriterClocks(NOW_MS, 0.0)
    assert _others(clocks, 0) == ["", "", ""]
    why = clocks.hear("c1", "c1", NOW_MS + ahead_ms, NOW_MS, 1.0)
    assert why.startswith("the clock of agent c1") and by in why and "3 other sites agree with the hub" in why
    assert "timedatectl set-ntp true" in why and "c1" in clocks.trouble(2.0)
    assert clocks.hear("c1", "c1", NOW_MS, NOW_MS, 3.0) == "" and clocks.trouble(4.0) == ""


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, -HOUR_MS, -MONTH_MS])
def test_a_hub_that_most_sites_contradict_judges_by_their_time(ahead_ms: int) -> None:
    clocks = WriterClocks(NOW_MS, 0.0)
    _others(clocks, ahead_ms, 4)
    assert clocks.reference_ms(NOW_MS, 5.0) == NOW_MS + ahead_ms
    assert clocks.trouble(5.0).startswith("the hub's clock is ") and "set it right on the hub" in clocks.trouble(5.0)
    assert clocks.hear("s0", "a0", NOW_MS + ahead_ms, NOW_MS, 6.0) == ""
    assert "those of most sites" in clocks.hear("c1", "c1", NOW_MS, NOW_MS, 7.0)


def test_one_site_alone_never_moves_the_hubs_time_whatever_agents_it_has() -> None:
    clocks = WriterClocks(NOW_MS, 0.0)
    for number in range(10):
        assert clocks.hear("c1", f"c1-{number}", NOW_MS + HOUR_MS, NOW_MS, float(number))
    assert clocks.reference_ms(NOW_MS, 20.0) == NOW_MS


def test_a_hub_whose_clock_was_set_says_so() -> None:
    clocks = WriterClocks(NOW_MS, 0.0)
    why = clocks.hear("c1", "c1", NOW_MS + 5_000, NOW_MS + 5_000 - HOUR_MS, 5.0)
    assert why.startswith("the hub's clock is 3600 s behind agent c1's, and it is the hub's that was set")


def test_a_hub_that_starts_before_its_own_points_says_so() -> None:
    clocks = WriterClocks(NOW_MS - HOUR_MS, 0.0, newest_ms=NOW_MS)
    assert "the hub has later points already" in clocks.hear("c1", "c1", NOW_MS, NOW_MS - HOUR_MS, 5.0)


def test_without_any_proof_nobody_is_accused() -> None:
    why = WriterClocks(NOW_MS, 0.0).hear("c1", "c1", NOW_MS + HOUR_MS, NOW_MS, 5.0)
    assert "set the clock of the one that is wrong right" in why


def test_old_points_go_by_the_newest_point_not_by_a_clock_that_ran_ahead() -> None:
    clocks = WriterClocks(NOW_MS, 0.0)
    assert clocks.keeping_ms(NOW_MS) == NOW_MS
    clocks.stored(NOW_MS)
    assert clocks.keeping_ms(NOW_MS + MONTH_MS) == NOW_MS and clocks.keeping_ms(NOW_MS - HOUR_MS) == NOW_MS - HOUR_MS


def test_differences_are_told_in_words() -> None:
    assert [lasting(ms) for ms in (-61_000, 7_200_000, 90_000_000)] == ["61 s", "2 h 0 min", "1 d 1 h"]


class World:
    """A hub's ingest whose wall clock a test sets."""

    def __init__(self, folder: Path, sites: int = 1) -> None:
        self.hub_ms, self.mono_s = NOW_MS, 0.0
        self.counters, self.troubles, self.waited = Counters(), Troubles(), list[str]()
        segments = Segments(folder, segment_bytes=1 << 20, quota_bytes=1 << 24)
        names = [f"c{n}" for n in range(1, sites + 1)]
        self.ingest = Ingest(
            Writers({name: Writer(name, "-", "-", frozenset({name})) for name in names}, ()),
            Tokens([(name, name) for name in names]), {}, Journal(segments, lambda: 0), SeenNumbers(), self.counters,
            retention_s=7 * 86_400, position=segments.durable, publish=lambda batch: None, troubles=self.troubles,
            on_waiting=self.waited.append,
            clock_ns=lambda: self.hub_ms * 1_000_000, mono_s=lambda: self.mono_s,
        )  # fmt: skip

    def write(self, agent: str, seq: int, clock_ms: int, *stamps: int, header: str = "now") -> HttpReply:
        self.mono_s += 1.0
        headers = {"x-netmon-agent": agent, "x-netmon-boot": "ab", "x-netmon-seq": f"{seq}-{seq + len(stamps) - 1}"}
        headers |= {f"x-netmon-{header}": str(clock_ms)} if header else {}
        body = "\n".join(f"m,check=k v=1 {at_ms}" for at_ms in stamps).encode()
        return asyncio.run(self.ingest.write(self.ingest.admit(agent, headers, "ms"), body))

    def foreign(self, *stamps: int) -> HttpReply:
        body = "\n".join(f"m,check=k v=1 {at_ms}" for at_ms in stamps).encode()
        return asyncio.run(self.ingest.write(self.ingest.admit("c1", {}, "ms"), body))


@pytest.mark.parametrize("header", ["now", "frontier"])
@pytest.mark.parametrize("hub_off_ms", [-HOUR_MS, HOUR_MS, MONTH_MS])
def test_while_the_hubs_clock_is_wrong_points_wait_and_then_stand_where_they_belong(
    tmp_path: Path, hub_off_ms: int, header: str
) -> None:
    world = World(tmp_path)
    world.hub_ms = NOW_MS + hub_off_ms
    reply = world.write("c1", 1, NOW_MS, NOW_MS - 500, NOW_MS, header=header)
    assert (reply.status, reply.code) == (503, "clock") and reply.retry_after_s > 0
    assert world.troubles.rows()[0]["part"] == "clocks" and world.waited == ["c1"]
    world.hub_ms = NOW_MS + 1000
    assert world.write("c1", 1, NOW_MS + 1000, NOW_MS - 500, NOW_MS, header=header).status == 204
    assert world.counters.points_stored == 2 and world.troubles.rows() == []


def test_most_sites_points_are_taken_while_the_hubs_clock_is_wrong(tmp_path: Path) -> None:
    world = World(tmp_path, sites=4)
    world.hub_ms = NOW_MS + MONTH_MS
    answers = [world.write(f"c{n}", 1, NOW_MS, NOW_MS).status for n in (1, 2, 3, 4)]
    assert answers == [503, 503, 204, 204] and world.write("c1", 1, NOW_MS, NOW_MS).status == 204
    assert world.troubles.rows()[0]["severity"] == "critical"


def test_other_writers_points_wait_for_the_clock_too_but_one_wrong_line_is_a_wrong_line(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert world.foreign(NOW_MS + HOUR_MS, NOW_MS + HOUR_MS + 1).status == 503
    assert world.waited == []
    assert world.foreign(NOW_MS, NOW_MS + HOUR_MS).status == 400
    assert world.foreign(NOW_MS - MONTH_MS).status == 400  # older than what is kept, and no clock is in doubt
    assert world.counters.points_stored == 1


def test_an_agent_that_tells_no_clock_is_heard_though_its_stamps_wait(tmp_path: Path) -> None:
    world = World(tmp_path)
    headers = {"x-netmon-agent": "c1"}
    body = f"m,check=k v=1 {NOW_MS + HOUR_MS}".encode()
    assert asyncio.run(world.ingest.write(world.ingest.admit("c1", headers, "ms"), body)).status == 503
    assert world.waited == ["c1"]
