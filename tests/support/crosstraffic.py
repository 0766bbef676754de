"""Others' traffic on a test link: UDP packets of mixed sizes at random moments, or even ones, both ways.

    with crossing(both, 5e6): …

Processes of their own: `crosstraffic.py sink ADDRESS` and `crosstraffic.py send ADDRESS BITS_PER_S SEED`, seed 0 for even
traffic; rates count the Ethernet header.
"""

from __future__ import annotations

import random
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from nets import Pair

PORT, HEADERS, EVEN = 9_009, 42, 1200
SIZES = (160, 700, 1200, 1400)  # UDP payload: a voice packet, two of video, a full one
LATEST_S = 0.002  # a sender held up for longer goes on from now: it makes up for no more in a burst


@contextmanager
def crossing(both: Pair, rate_bps: float, *, seed: int = 7) -> Iterator[None]:
    """Others send at this rate, Ethernet counted, both ways. `seed` 0: packets of one size, evenly spaced."""
    with ExitStack() as stack:
        for near, far, address in (("left", "right", both.right_ip), ("right", "left", both.left_ip)):
            if not rate_bps:
                continue
            for side, words in ((far, ["sink", address]), (near, ["send", address, str(rate_bps), str(seed)])):
                child = both.start(side, [sys.executable, __file__, *words])
                stack.callback(child.wait)
                stack.callback(child.kill)
        time.sleep(0.5)
        yield


def sink(address: str) -> None:
    """Take packets and keep nothing, so that no ICMP answers them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, PORT))
        time.sleep(3600)


def send(address: str, rate_bps: float, seed: int) -> None:
    """Packets at random moments (Poisson), or evenly when `seed` is 0, for ever."""
    chance = random.Random(seed)
    sizes = SIZES if seed else (EVEN,)
    mean_s = (sum(sizes) / len(sizes) + HEADERS) * 8 / rate_bps
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        due = time.monotonic()
        while True:
            due = max(due, time.monotonic() - LATEST_S) + (chance.expovariate(1 / mean_s) if seed else mean_s)
            time.sleep(max(0.0, due - time.monotonic()))
            sock.sendto(bytes(chance.choice(sizes)), (address, PORT))


if __name__ == "__main__":
    if sys.argv[1] == "sink":
        sink(sys.argv[2])
    else:
        send(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
