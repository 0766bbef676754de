"""What the kernel says of its clock: read as it is, believed only when all of it says "kept right"."""

from __future__ import annotations

import pytest

from probes.io import clock
from probes.io.clock import KernelClock, judged, kernel_clock, our_clock
from probes.wire.stamp import packet as stamp

UNSYNC, PLL, NANO = 0x0040, 0x0001, 0x2000


@pytest.mark.parametrize(
    ("state", "status", "synced"),
    [(0, PLL | NANO, True), (0, PLL | UNSYNC, False), (5, PLL, False), (5, UNSYNC, False), (1, PLL, True)],
)
def test_a_clock_is_synchronised_only_when_state_and_status_say_so(state: int, status: int, synced: bool) -> None:
    assert judged(KernelClock(state, status, 2500, 100)) == stamp.ClockQuality(0.0025, synced)


def test_the_error_on_the_wire_is_never_below_the_kernels_bound() -> None:
    for bound_us in (0, 1, 17, 999, 500_000, 16_000_000):
        found = judged(KernelClock(0, 0, bound_us, 0))
        assert found is not None and (stamp.error_s(found.field) or 0.0) >= bound_us / 1e6


def test_a_kernel_that_says_nothing_leaves_the_clock_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(None) is None and judged(KernelClock(0, 0, -1, 0)) is None
    for call in (None, lambda timex: -1):
        monkeypatch.setattr(clock, "_adjtimex", lambda call=call: call)
        assert our_clock() is None
    asked = stamp.AskedClock(stamp.ClockQuality(), our_clock)
    asked.look(0.0)
    assert (asked.known, asked.worth) == (None, stamp.UNKNOWN)


def test_this_kernel_gives_sane_figures() -> None:
    found = kernel_clock()
    assert found is not None
    assert 0 <= found.state <= 5 and 0 <= found.max_error_us <= 16_000_000 and 0 <= found.estimated_us <= 16_000_000


def test_the_clock_is_asked_once_a_second_and_its_word_kept_between() -> None:
    told = iter([stamp.ClockQuality(0.001, True), None, stamp.ClockQuality(0.5)])
    asked = stamp.AskedClock(stamp.ClockQuality(), lambda: next(told))
    seen = []
    for now in (10.0, 10.9, 11.0, 11.5, 12.0):
        asked.look(now)
        seen.append(asked.known)
    assert seen == [stamp.ClockQuality(0.001, True)] * 2 + [None] * 2 + [stamp.ClockQuality(0.5)]
