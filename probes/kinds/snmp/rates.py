"""From two polls of a device to what its counters grew by: wraps are counted, resets and reboots never make a spike.

Pure: time is what the polls say. What cannot be told for sure is absent. RFC 2578 §7.1.6 and §7.1.10, RFC 2863 §3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

TICKS = 1 << 32  # sysUpTime counts hundredths of a second and wraps after 497 days
_WRAP = 1 << 32
_SLACK_S, _SLACK_SHARE = 3.0, 0.1  # the device's clock and ours may differ by the larger of these between two polls,
_SLACK_SHORT = 0.5  # but by no more than this share of a short time
_UNKNOWN_S = 2**31 - 1  # of snmpEngineTime: its end
_MIN_S = 0.2  # polls closer than this say nothing about a rate
_ABSURD_BPS = 1e12  # no port here carries more
OVER = 1.1  # a little more than the port's speed: the two clocks are not one
FIRST, TOO_SOON = "first look", "too soon after the last look"  # why there is nothing to say, and no fault
_MIN_PACKET_BITS = 672  # 64 bytes, preamble and gap (IEEE 802.3)


class Counter(NamedTuple):
    """A counter's value and its width (32 or 64). `octets`: it counts bytes, else packets. `twin`: what the 32-bit
    counter beside a 64-bit one says; None: it is not there."""

    value: int
    bits: int
    octets: bool = True
    twin: int | None = None


class Poll(NamedTuple):
    """What one look at a set of counters found."""

    at_s: float  # our clock (monotonic)
    ticks: int | None  # the device's sysUpTime, hundredths of a second; None: it does not say
    counters: Mapping[str, Counter]
    speed_bps: float = 0.0  # 0: unknown
    discontinuity: int | None = None  # sysUpTime when counters last were not continuous (ifCounterDiscontinuityTime)
    identity: str = ""  # whose counters they are; another name under the same index is another interface


class PollChange(NamedTuple):
    """What happened between two polls. `elapsed_s` None and `grown` empty: nothing can be said, and `why`."""

    elapsed_s: float | None
    grown: dict[str, int]
    why: str = ""


def compare(before: Poll | None, now: Poll) -> PollChange:
    """What grew between two polls, and by how much."""
    if before is None:
        return PollChange(None, {}, FIRST)
    if before.identity != now.identity:
        return PollChange(None, {}, "another interface than before")
    if now.at_s - before.at_s < _MIN_S:
        return PollChange(None, {}, TOO_SOON)
    elapsed = elapsed_s(before, now)
    if elapsed is None:
        return PollChange(None, {}, _clock_words(before, now))
    grown = {}
    for name, counter in now.counters.items():
        by = _grown(before, now, name, counter, elapsed)
        if by is not None:
            grown[name] = by
    return PollChange(elapsed, grown)


def elapsed_s(before: Poll, now: Poll) -> float | None:
    """Seconds between two polls by the device's own clock, its wrap counted; None: it was restarted meanwhile."""
    ours = now.at_s - before.at_s
    if before.ticks is None or now.ticks is None:
        return ours if before.ticks is now.ticks else None
    theirs = ((now.ticks - before.ticks) % TICKS) / 100.0
    slack = max(min(_SLACK_S, _SLACK_SHORT * ours), _SLACK_SHARE * ours)
    return theirs if abs(theirs - ours) <= slack else None


def has_restarted(before: Poll, now: Poll) -> bool:
    """Did the device, or its SNMP, start again between two polls? (Its clock is younger than the time between them, and
    was not so before: one that stood still has the same figure.)"""
    if before.ticks is None or now.ticks is None or now.ticks == before.ticks or elapsed_s(before, now) is not None:
        return False
    return now.ticks / 100.0 <= now.at_s - before.at_s + _SLACK_S


def is_clock_wrong(before: Poll | None, now: Poll) -> bool:
    """Does the device's clock go otherwise than ours, though it did not start again?"""
    if before is None or now.ticks is None or now.at_s - before.at_s < _MIN_S:
        return False
    return elapsed_s(before, now) is None and not has_restarted(before, now)


def _clock_words(before: Poll, now: Poll) -> str:
    """Why the device's clock is not believed: it started again, or counts wrong."""
    if before.ticks is None or now.ticks is None:
        return "its sysUpTime comes and goes"
    if has_restarted(before, now):
        return f"it started again {now.ticks // 100} s ago"
    went, ours = (now.ticks - before.ticks) / 100.0, now.at_s - before.at_s
    way = "went back by" if went < 0 else "went on by"
    return f"its sysUpTime {way} {abs(went):.2f} s while {ours:.2f} s went by here (it jumped, or counts wrong)"


def _grown(before: Poll, now: Poll, name: str, counter: Counter, elapsed: float) -> int | None:
    old = before.counters.get(name)
    if old is None or old.bits != counter.bits or before.discontinuity != now.discontinuity:
        return None
    by, max_octets = counter.value - old.value, max_grown(now.speed_bps, counter.octets, elapsed)
    if counter.bits == 64 and by == 0 and None not in (old.twin, counter.twin) and old.twin != counter.twin:
        return _grown_of_twins(before, now, name, elapsed)
    if counter.bits == 64:  # 64 bits do not wrap in a lifetime: less than before is a reset
        return by if 0 <= by <= max(max_octets or 0.0, _ABSURD_BPS / 8 * elapsed) else None
    if max_octets is not None and max_octets >= _WRAP and counter.octets:
        return None  # may have gone round more than once
    if by < 0:
        return by + _WRAP if max_octets is not None and by + _WRAP <= max_octets else None
    return by if max_octets is None or by <= max_octets else None


def _grown_of_twins(before: Poll, now: Poll, name: str, elapsed: float) -> int | None:
    """By the 32-bit counters, where the 64-bit one stands still beside one that moves: some devices never feed it."""
    twins = (
        poll._replace(counters={name: Counter(poll.counters[name].twin or 0, 32, poll.counters[name].octets)})
        for poll in (before, now)
    )
    old, new = twins
    return _grown(old, new, name, new.counters[name], elapsed)


def max_grown(speed_bps: float, octets: bool, elapsed: float) -> float | None:
    """The most a counter of a port of this speed can grow in so many seconds; None when the speed is unknown."""
    if speed_bps <= 0:
        return None
    return OVER * elapsed * speed_bps / (8 if octets else _MIN_PACKET_BITS)


class Uptime:
    """How long a device runs, over its looks: sysUpTime begins again after 497 days, and that is no restart."""

    def __init__(self) -> None:
        self._before: Poll | None = None
        self._wraps = 0

    def seconds(self, at_s: float, ticks: int | None, engine_s: int | None) -> int | None:
        """Seconds since the device started, `at_s` by our clock (monotonic)."""
        now, before = Poll(at_s, ticks, {}), self._before
        if ticks is not None and before is not None and before.ticks is not None and ticks < before.ticks:
            self._wraps = self._wraps + 1 if elapsed_s(before, now) is not None else 0
        self._before = now
        return uptime_s(ticks, engine_s, self._wraps)


def uptime_s(ticks: int | None, engine_s: int | None, wraps: int = 0) -> int | None:
    """Seconds since the device started: snmpEngineTime knows more than 497 days, sysUpTime is everywhere. `wraps`: how
    often the latter was seen to begin again."""
    if ticks is None:
        return engine_s if engine_s is not None and 0 <= engine_s < _UNKNOWN_S else None
    short = ticks // 100
    if engine_s is not None and engine_s >= 0 and abs((engine_s - short) % (TICKS // 100)) <= 5:
        return engine_s
    return short + wraps * TICKS // 100
