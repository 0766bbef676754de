"""Traps as events: what a device says, however odd, becomes one harmless event or none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probes.answer.guard import TokenBucket
from probes.answer.trap_events import NAMES, TRAP_OID, TrapEvent, event

LINK_DOWN = "1.3.6.1.6.3.1.1.5.3"
oids = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=12).map(lambda each: ".".join(map(str, [1, 3, *each])))
values = st.one_of(st.integers(), st.binary(max_size=300), st.text(max_size=300), st.floats())


def test_a_link_that_went_down_is_named() -> None:
    rows = {
        "1.3.6.1.2.1.1.3.0": 12_345,
        TRAP_OID: LINK_DOWN,
        "1.3.6.1.2.1.2.2.1.1.3": 3,
        "1.3.6.1.2.1.2.2.1.8.3": 2,
        "1.3.6.1.2.1.31.1.1.1.1.3": b"wan0",
    }
    assert event(7, "192.0.2.1", rows) == TrapEvent(
        7, "192.0.2.1", "link_down", LINK_DOWN, "wan0", 123, (("if_oper", 2),)
    )


def test_without_a_name_the_number_is_told() -> None:
    found = event(0, "192.0.2.1", {TRAP_OID: LINK_DOWN, "1.3.6.1.2.1.2.2.1.1.3": 3})
    assert found and found.interface == "3" and found.uptime_s is None


def test_a_ups_on_battery_says_how_long_it_lasts() -> None:
    rows = {TRAP_OID: "1.3.6.1.2.1.33.2.1", "1.3.6.1.2.1.33.1.2.3.0": 14, "1.3.6.1.2.1.33.1.2.2.0": 30}
    found = event(0, "192.0.2.9", rows)
    assert found and found.name == "on_battery" and dict(found.values) == {"on_battery_s": 30, "battery_left_s": 840}


def test_a_trap_of_a_maker_is_another_and_no_trap_is_none() -> None:
    found = event(0, "192.0.2.1", {TRAP_OID: "1.3.6.1.4.1.14988.1"})
    assert found and (found.name, found.oid) == ("other", "1.3.6.1.4.1.14988.1")
    assert event(0, "192.0.2.1", {}) is None and event(0, "192.0.2.1", {TRAP_OID: 5}) is None


@given(st.dictionaries(oids, values, max_size=12), st.one_of(values, st.sampled_from(sorted(NAMES))))
def test_any_rows_never_raise_and_no_text_is_raw(rows: dict[str, object], trap: object) -> None:
    found = event(0, "192.0.2.1", {**rows, TRAP_OID: trap, "1.3.6.1.2.1.31.1.1.1.1.1": b"\x1b[2J"})  # type: ignore[dict-item]
    assert found is None or (found.interface.isprintable() and found.oid.isprintable())


def test_a_storm_is_cut_and_counted() -> None:
    bucket = TokenBucket(10, 20, 0.0)
    taken = sum(bucket.take(number / 1000) for number in range(10_000))
    assert 118 <= taken <= 121 and bucket.dropped == 10_000 - taken
