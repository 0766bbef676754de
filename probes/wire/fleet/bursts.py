"""Quick packets after a miss: a check that sends seldom knows within three seconds whether a cut is one. Pure.

They are numbered apart, so that neither loss nor runs nor order count them: they only say whether the target is there.
"""

from __future__ import annotations

FROM_S = 5.0  # checks that send more often know it from their next packets
GAP_S, WAIT_S = 0.2, 1.0  # from packet to packet; an answer is waited for so long at most
NUMBERS = 0xFFFF_0000  # packet numbers from here on are theirs: a target's own packets take years to come here
LATE_S = 0.05  # everything waits for the next slot


def allowed(many: int, every_s: float, timeout_s: float) -> int:
    """How many follow a miss: all of them, or none where packets are frequent or the next one's time comes first."""
    return many if every_s >= FROM_S and timeout_s + lasts_s(many, timeout_s) <= every_s else 0


def lasts_s(many: int, timeout_s: float) -> float:
    """From the miss to the last one's fate, at most; 0 of none."""
    return GAP_S * (many - 1) + min(timeout_s, WAIT_S) + LATE_S if many else 0.0
