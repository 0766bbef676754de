"""The clock of a program that a test starts: as many seconds ahead of this machine's as `NETMON_TEST_CLOCK_S` says.

Python imports this by itself where its folder is on PYTHONPATH. CLOCK_BOOTTIME is ahead by as much: nobody has set the clock,
it is that late. Stamps of the kernel stay as they are, and so does `datetime.now`, by which certificates are judged.
"""

from __future__ import annotations

import os
import time


def _set(ahead_s: float) -> None:
    true_s, true_ns, true_of_ns, ahead_ns = time.time, time.time_ns, time.clock_gettime_ns, round(ahead_s * 1e9)
    time.time = lambda: true_s() + ahead_s
    time.time_ns = lambda: true_ns() + ahead_ns
    time.clock_gettime_ns = lambda clock: true_of_ns(clock) + (ahead_ns if clock == time.CLOCK_BOOTTIME else 0)


if "NETMON_TEST_CLOCK_S" in os.environ:
    _set(float(os.environ["NETMON_TEST_CLOCK_S"]))
