"""The clock of a program that a test starts: as many seconds ahead of this machine's as `NETMON_TEST_CLOCK_S` says.

Python imports this by itself where its folder is on PYTHONPATH. Stamps of the kernel stay as they are, and so does
`datetime.now`, by which certificates are judged.
"""

from __future__ import annotations

import os
import time


def _set(ahead_s: float) -> None:
    true_s, true_ns, ahead_ns = time.time, time.time_ns, round(ahead_s * 1e9)
    time.time = lambda: true_s() + ahead_s
    time.time_ns = lambda: true_ns() + ahead_ns


if "NETMON_TEST_CLOCK_S" in os.environ:
    _set(float(os.environ["NETMON_TEST_CLOCK_S"]))
