"""Who may run a heavy test when: decided in simulated time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netmon.config.hub import LeasesConfig
from netmon.hub.leases.rules import (
    DAY_S,
    GRACE_S,
    MAX_HELD_S,
    MAX_LEASES,
    ConferenceWindow,
    Lease,
    Leases,
    Refusal,
    Want,
    day_of,
)

MIDNIGHT_S = 1_795_539_600  # 2026-11-25T00:00:00+07:00
NOON_S = MIDNIGHT_S + DAY_S / 2
TERMS = LeasesConfig(bytes_per_day=10_000_000)
WANT = Want("a1", "a1-capacity", ("link:l1", "link:up1", "link:trunk"), 2_000_000, 20.0)
OTHER = Want("a2", "a2-capacity", ("link:l2", "link:up1", "link:trunk"), 2_000_000, 20.0)
FAR = Want("b1", "b1-capacity", ("link:l9", "link:up2"), 2_000_000, 20.0)


def granted(got: Lease | Refusal) -> Lease:
    assert isinstance(got, Lease), got
    return got


def refused(got: Lease | Refusal) -> Refusal:
    assert isinstance(got, Refusal), got
    return got


def test_two_agents_that_share_an_uplink_test_one_after_the_other() -> None:
    book = Leases(TERMS)
    granted(book.ask(WANT, "1", NOON_S))
    no = refused(book.ask(OTHER, "2", NOON_S + 1))
    assert (no.reason, no.link, no.about) == ("busy", "link:up1", "a1") and 1 <= no.retry_after_s <= 10
    book.end("1", "a1", 1_500_000, NOON_S + 4)
    granted(book.ask(OTHER, "2", NOON_S + 4))


def test_different_provinces_test_at_the_same_time() -> None:
    book = Leases(TERMS)
    granted(book.ask(WANT, "1", NOON_S))
    granted(book.ask(FAR, "2", NOON_S))


def test_what_is_used_is_what_was_really_sent() -> None:
    book = Leases(TERMS)
    for number in range(20):
        granted(book.ask(WANT, str(number), NOON_S + number * 30))
        book.end(str(number), "a1", 100_000, NOON_S + number * 30 + 5)
    assert book.used(NOON_S + 700) == dict.fromkeys(WANT.links, 2_000_000)


def test_a_links_bytes_are_used_up_and_come_back_at_local_midnight() -> None:
    book, now_s = Leases(TERMS), MIDNIGHT_S + 23 * 3600
    for number in range(5):
        granted(book.ask(WANT, str(number), now_s))
        book.end(str(number), "a1", None, now_s)  # unknown: all of it
    no = refused(book.ask(OTHER, "x", now_s))
    assert (no.reason, no.link, no.retry_after_s) == ("budget", "link:up1", 3600)
    granted(book.ask(FAR, "far", now_s))
    assert refused(book.ask(OTHER, "x", now_s + 3599)).reason == "budget"
    granted(book.ask(OTHER, "x", now_s + 3600))


def test_a_test_that_runs_over_midnight_counts_for_the_day_it_began_in() -> None:
    book = Leases(TERMS)
    granted(book.ask(WANT, "1", MIDNIGHT_S - 2))
    book.end("1", "a1", 2_000_000, MIDNIGHT_S + 3)
    assert book.used(MIDNIGHT_S - 1)["link:up1"] == 2_000_000 and book.used(MIDNIGHT_S + 3) == {}


def test_a_conference_keeps_its_links_free_from_its_margin_to_its_end() -> None:
    start_s, end_s = NOON_S, NOON_S + 3600
    meeting = ConferenceWindow("giao-ban", "Giao ban", start_s - 900, end_s, frozenset({"link:trunk"}))
    book = Leases(TERMS, [meeting])
    for at_s in (start_s - 900, start_s, end_s - 1):
        no = refused(book.ask(WANT, "1", at_s))
        assert (no.reason, no.link, no.about) == ("conference", "link:trunk", "Giao ban")
        assert no.retry_after_s == round(end_s - at_s)
    granted(book.ask(FAR, "far", start_s))  # crosses none of its links
    granted(book.ask(WANT, "1", end_s))


def test_no_test_begins_that_would_run_into_a_conference() -> None:
    meeting = ConferenceWindow("x", "", NOON_S, NOON_S + 60, frozenset({"link:l1"}))
    book = Leases(TERMS, [meeting])
    assert refused(book.ask(WANT, "1", NOON_S - WANT.seconds - GRACE_S + 0.5)).about == "x"
    granted(book.ask(WANT, "1", NOON_S - WANT.seconds - GRACE_S))


def test_the_lease_of_an_agent_that_died_ends_by_itself_and_counts_in_full() -> None:
    book = Leases(TERMS)
    one = granted(book.ask(WANT, "1", NOON_S))
    assert one.expires_s == NOON_S + 20 + GRACE_S
    assert refused(book.ask(OTHER, "2", one.expires_s - 0.1)).reason == "busy"
    granted(book.ask(OTHER, "2", one.expires_s))
    assert book.used(one.expires_s)["link:up1"] == 2_000_000
    with pytest.raises(KeyError):
        book.end("1", "a1", 0, one.expires_s)


def test_a_clock_that_is_set_back_keeps_no_link_from_anybody() -> None:
    book = Leases(TERMS)
    granted(book.ask(WANT, "1", NOON_S))
    assert refused(book.ask(OTHER, "2", NOON_S - 4)).reason == "busy"
    granted(book.ask(OTHER, "2", NOON_S - 3600))


def test_who_asks_again_for_a_check_never_holds_two_leases_for_it() -> None:
    book = Leases(TERMS)
    granted(book.ask(WANT, "1", NOON_S))
    granted(book.ask(WANT, "2", NOON_S + 1))  # the first answer was lost on the way
    assert [one.id for one in book.leases(NOON_S + 1)] == ["2"]
    assert book.used(NOON_S + 1)["link:l1"] == 2_000_000


def test_an_agent_ends_its_own_leases_only() -> None:
    book = Leases(TERMS)
    granted(book.ask(WANT, "1", NOON_S))
    with pytest.raises(KeyError):
        book.end("1", "a2", 0, NOON_S)
    assert book.leases(NOON_S)


# --- hostile agents ---


@pytest.mark.parametrize(
    ("change", "reason"), [({"seconds": 181.0}, "longest"), ({"bytes": 10_000_001}, "budget"), ({"links": ()}, "")]
)
def test_a_test_is_bounded_in_time_and_bytes(change: dict[str, object], reason: str) -> None:
    got = Leases(TERMS).ask(WANT._replace(**change), "1", NOON_S)  # type: ignore[arg-type]
    assert (got.reason if isinstance(got, Refusal) else "") == reason


def test_even_what_crosses_no_link_is_bounded() -> None:
    assert refused(Leases(TERMS).ask(WANT._replace(links=(), bytes=1 << 50), "1", NOON_S)).reason == "budget"


def test_an_agent_has_few_leases_at_a_time() -> None:
    book = Leases(TERMS)
    for number in range(MAX_LEASES):
        granted(book.ask(WANT._replace(check=f"c{number}", links=(f"link:{number}",)), str(number), NOON_S))
    no = refused(book.ask(WANT._replace(check="more", links=("link:more",)), "x", NOON_S))
    assert (no.reason, no.link) == ("busy", "")


def test_no_agent_keeps_a_link_for_itself_all_day() -> None:
    book, now_s, held_s = Leases(TERMS), float(MIDNIGHT_S), 0.0
    want = WANT._replace(bytes=1, seconds=170.0)
    while now_s < MIDNIGHT_S + DAY_S - 200:
        if isinstance(book.ask(want, f"{now_s}", now_s), Lease):
            held_s += want.seconds + GRACE_S
        now_s += want.seconds + GRACE_S
    assert held_s <= MAX_HELD_S + want.seconds
    assert refused(book.ask(want, "x", now_s)).link == ""


def test_a_test_of_unknown_size_gets_what_its_narrowest_link_carries() -> None:
    unknown = WANT._replace(bytes=None)
    assert granted(Leases(TERMS).ask(unknown._replace(narrowest_bps=1_000_000), "1", NOON_S)).bytes == 2_500_000
    assert granted(Leases(TERMS).ask(unknown._replace(narrowest_bps=1_000_000_000), "1", NOON_S)).bytes == 10_000_000
    book = Leases(TERMS)
    assert granted(book.ask(unknown, "1", NOON_S)).bytes == 10_000_000
    book.end("1", "a1", 12_000_000, NOON_S)  # more than was left, and that counts
    assert refused(book.ask(unknown, "2", NOON_S)).reason == "budget"


# --- what is kept ---


@dataclass
class Disk:
    """What a hub keeps of a book."""

    leases: dict[str, Lease] = field(default_factory=dict)
    used: dict[tuple[int, str], int] = field(default_factory=dict)

    def keep(self, book: Leases, now_s: float) -> None:
        changes = book.take_changes(now_s)
        for id in changes.gone:
            self.leases.pop(id, None)
        self.leases |= changes.came
        self.used |= changes.used


def test_a_restart_forgets_neither_leases_nor_bytes() -> None:
    disk, book = Disk(), Leases(TERMS)
    granted(book.ask(WANT, "1", NOON_S))
    book.end("1", "a1", 3_000_000, NOON_S + 5)
    granted(book.ask(WANT, "2", NOON_S + 6))
    disk.keep(book, NOON_S + 6)
    again = Leases(TERMS, (), disk.leases.values(), disk.used)
    assert refused(again.ask(OTHER, "3", NOON_S + 7)).reason == "busy"
    assert again.used(NOON_S + 7) == dict.fromkeys(WANT.links, 3_000_000)
    again.end("2", "a1", 1, NOON_S + 8)
    disk.keep(again, NOON_S + 8)
    assert disk.leases == {} and disk.used[day_of(NOON_S), "link:up1"] == 3_000_001


def test_a_grant_that_cannot_be_kept_never_was() -> None:
    book = Leases(TERMS)
    granted(book.ask(WANT, "1", NOON_S))
    taken = book.take_changes(NOON_S)
    book.put_back(taken)
    book.undo("1")
    assert book.take_changes(NOON_S).came == {}
    granted(book.ask(OTHER, "2", NOON_S))


ASK = st.tuples(
    st.sampled_from(("a1", "a2", "b1")),
    st.integers(0, 3),
    st.integers(1, 4_000_000),
    st.floats(0.1, 200),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ASK, max_size=60), st.randoms(use_true_random=False))
def test_whatever_agents_do_no_two_leases_share_a_link_nor_cross_a_conference(
    asks: list[tuple[str, int, int, float, bool]], rng: random.Random
) -> None:
    meeting = ConferenceWindow("m", "", NOON_S + 300, NOON_S + 900, frozenset({"link:trunk"}))
    book, now_s, disk = Leases(TERMS, [meeting]), float(NOON_S), Disk()
    links = ("link:trunk", "link:up", "link:l1", "link:l2")
    for number, (agent, many, size, seconds, ends) in enumerate(asks):
        now_s += rng.uniform(0, 60)
        want = Want(agent, f"c{number % 5}", tuple(rng.sample(links, many)), size, seconds)
        got = book.ask(want, str(number), now_s)
        if isinstance(got, Lease):
            assert got.expires_s <= now_s + TERMS.longest_s + GRACE_S
            if "link:trunk" in got.links:
                assert got.expires_s <= meeting.from_s or now_s >= meeting.until_s
            if ends:
                book.end(got.id, agent, rng.randrange(size), now_s)
        held = [link for one in book.leases(now_s) for link in one.links]
        assert len(held) == len(set(held))
        assert all(much <= TERMS.bytes_per_day for much in book.used(now_s).values())
        disk.keep(book, now_s)
        assert disk.leases == {one.id: one for one in book.leases(now_s)}


def test_a_province_of_ninety_eight_communes_gets_its_hourly_tests_in_without_two_at_once() -> None:
    """A simulation: each agent asks at its own moment, waits when refused as agents do, and tests for some seconds."""
    rng, book = random.Random(11), Leases(replace(TERMS, bytes_per_day=5_000_000_000))
    due = sorted((NOON_S + rng.uniform(0, 3600), agent) for agent in range(98))
    ends: dict[str, float] = {}
    done = 0
    while due:
        now_s, agent = due.pop(0)
        for id, at_s in list(ends.items()):
            if at_s <= now_s:
                book.end(id, f"a{id}", 2_000_000, at_s)
                del ends[id]
        got = book.ask(Want(f"a{agent}", "c", (f"link:{agent}", "link:up"), 2_000_000, 120.0), str(agent), now_s)
        if isinstance(got, Lease):
            ends[str(agent)] = now_s + rng.uniform(4, 15)
            done += 1
        else:
            due.append((now_s + got.retry_after_s * rng.uniform(1, 1.5), agent))
            due.sort()
        assert len(book.leases(now_s)) <= 1 and now_s < NOON_S + 3600 + 1800
    assert done == 98


SHARED = WANT._replace(links=WANT.links[1:], shared=frozenset(WANT.links[1:]))
SHARED_BY_OTHER = OTHER._replace(shared=SHARED.shared)


@pytest.mark.parametrize("told", [None, 1 << 50])
@pytest.mark.parametrize("gives_back", [True, False])
def test_one_agent_uses_up_its_share_of_a_shared_link_and_no_more(told: int | None, gives_back: bool) -> None:
    book, now_s, got = Leases(TERMS), NOON_S, 0
    for number in range(50):
        now_s += 30
        lease = book.ask(SHARED._replace(check=f"unknown-{number}", bytes=None), str(number), now_s)
        if isinstance(lease, Refusal):
            assert (lease.reason, lease.link, lease.about) == ("share", "link:up1", "a1")
            break
        got += 1
        if gives_back:
            book.end(lease.id, "a1", told, now_s + 1)
    assert 0 < got < 50
    assert book.used(now_s + 30)["link:up1"] <= TERMS.bytes_per_day * TERMS.share
    granted(book.ask(SHARED_BY_OTHER, "other", now_s + 60))


def test_a_lease_given_back_without_a_figure_costs_what_its_narrowest_link_can_have_carried() -> None:
    book = Leases(TERMS)
    want = WANT._replace(narrowest_bps=8_000)
    for number, told in enumerate((None, 700, 300)):
        granted(book.ask(want, str(number), NOON_S + 100 * number))
        book.end(str(number), "a1", told, NOON_S + 100 * number + 0.5)
    assert book.used(NOON_S + 300)["link:up1"] == 500 + 700 + 300


def test_a_link_that_only_one_agent_tests_over_is_all_its_own() -> None:
    book = Leases(TERMS)
    for number in range(5):
        granted(book.ask(SHARED_BY_OTHER._replace(links=("link:l2",)), str(number), NOON_S + 30 * number))
        book.end(str(number), "a2", None, NOON_S + 30 * number + 20)
    assert book.used(NOON_S + 200) == {"link:l2": 10_000_000}
