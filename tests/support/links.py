"""Emulated links whose truth is known, and what netmon and ping say of them: delay, jitter and loss of one direction alone.

What the emulator adds by itself (some 10 to 50 µs) is no part of the truth, so 0.2 ms are allowed for it. Jitter is uniform,
as much above the delay as below; a figure drawn from N packets may be off by 3.3 standard errors more.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from emulator import DIRECTIONS, NODE

NETMON = [sys.executable, "-I", "-m", "netmon"]
PORT, NEAR_MS, SIGMAS = 8620, 0.2, 3.3
OTHER = {"fwd": "bwd", "bwd": "fwd"}


@dataclass(frozen=True, slots=True)
class Link:
    """One direction's trouble; the other direction has none. `loss`: a share."""

    delay_ms: float
    jitter_ms: float
    loss: float
    direction: str

    @property
    def every_ms(self) -> int:
        """Packets so far apart that jitter brings none too near the one before: the emulator keeps their order."""
        return max(4, math.ceil(2 * self.jitter_ms) + 1)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured of a link: netmon's values, ping's RTT (min, mean) and how many our packets the emulator lost."""

    sent: int
    values: dict[str, Any]
    ping_ms: tuple[float, float]
    lost: dict[str, int]


@contextmanager
def answering(lab: Any, site: str, *more: str) -> Iterator[None]:
    """netmon's reflector at a site, with these options more."""
    words = [*NETMON, "reflector", "--listen", f"0.0.0.0:{PORT}", "--source-rate", "100000", "--rate", "100000", *more]
    process = lab.popen(site, *words, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while f":{PORT}" not in lab.run(site, "ss", "-lunH"):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


def measured(lab: Any, site: str, link: Link, packets: int) -> Seen:
    """`packets` of STAMP over a link made so, and a fifth as many pings."""
    lab.set(site, "both", delay="0ms", jitter="0ms", loss="0%")
    lab.set(site, DIRECTIONS[link.direction], delay=f"{link.delay_ms}ms", jitter=f"{link.jitter_ms}ms")
    every, target = f"{link.every_ms}ms", lab.address(site)
    pinged = lab.run(NODE, "ping", "-q", "-i", f"{link.every_ms / 1000}", "-c", str(packets // 5), target)
    rtt = re.search(r"= ([\d.]+)/([\d.]+)/", pinged)
    assert rtt, pinged
    lab.set(site, DIRECTIONS[link.direction], loss=f"{link.loss * 100}%")
    before = _lost(lab, site)
    words = [*NETMON, "probe", "stamp", f"{target}:{PORT}", "-n", str(packets), f"--set=every={every}", "-o", "json"]
    told = json.loads(lab.run(NODE, *words, check=False))
    assert told["outcome"] == "OK", told
    lost = {way: many - before[way] for way, many in _lost(lab, site).items()}
    return Seen(packets, told["values"], (float(rtt[1]), float(rtt[2])), lost)


def _lost(lab: Any, site: str) -> dict[str, int]:
    ways = lab.stats(site)["links"][site]
    return {"fwd": ways["ab"]["lost"], "bwd": ways["ba"]["lost"]}


def faults(link: Link, seen: Seen) -> list[str]:
    """What netmon says that is not so."""
    values, way, found = seen.values, link.direction, list[str]()
    # uniform jitter: the standard error of a median is half the width over the root of the number, of a mean less
    error_ms = NEAR_MS + SIGMAS * link.jitter_ms / math.sqrt(values["rcvd"])
    for name, told, truth, near in (
        ("rtt_p50_ms", values["rtt_p50_ms"], link.delay_ms, error_ms),
        ("rtt_min_ms", values["rtt_min_ms"], link.delay_ms - link.jitter_ms, NEAR_MS),
        (f"pdv_{way}_ms", values[f"pdv_{way}_ms"], 1.9 * link.jitter_ms, error_ms + values["pdv_err_ms"]),
        ("rtt_min_ms beside ping's", values["rtt_min_ms"], seen.ping_ms[0], NEAR_MS),
    ):
        if abs(told - truth) > near:
            found.append(f"{name} {told:.3f}, not {truth:g} ± {near:.2f}")
    if values[f"lost_{OTHER[way]}"]:
        found.append(f"{values[f'lost_{OTHER[way]}']} lost {OTHER[way]}, where nothing is")
    if values[f"lost_{way}"] + values["lost_unknown"] != seen.lost[way]:
        found.append(f"{values[f'lost_{way}']} and {values['lost_unknown']} lost, not {seen.lost[way]}")
    if not within_99(seen.lost[way], seen.sent, link.loss):
        found.append(f"{seen.lost[way]} of {seen.sent} lost is outside the 99 % interval of {link.loss:g}")
    return found


def within_99(lost: int, sent: int, share: float) -> bool:
    """True when so many losses are not among the rarest 0.5 % at either end (binomial)."""
    if not 0 < share < 1:
        return lost == sent * share
    below = sum(_chance(many, sent, share) for many in range(lost))
    return below <= 0.995 and below + _chance(lost, sent, share) >= 0.005


def _chance(many: int, sent: int, share: float) -> float:
    ways = math.lgamma(sent + 1) - math.lgamma(many + 1) - math.lgamma(sent - many + 1)
    return math.exp(ways + many * math.log(share) + (sent - many) * math.log(1 - share))
