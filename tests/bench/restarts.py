"""What becomes of incidents while hubs are restarted, paused, and their clocks set. `python tests/bench/restarts.py [LIVES] [SEED]`

Twenty kinds of incident in simulated time, each through an undisturbed life and LIVES disturbed ones (default 10), in which the
hub is killed and started again, stopped for 7 to 300 s, and its clock set on and back by an hour, each once and at a random
moment. Printed by kind and by disturbance: how many of the pages were told that the undisturbed life did not tell (false
firing, false resolved), and how many never came. A page that never came is counted only where the hub listened to the trouble.
"""

from __future__ import annotations

import logging
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from lives import DISTURBANCES, STORIES, Life, Told, compare, draw_moments

Row = tuple[str, Told]


def pair(number: int, seed: int) -> Told:
    """One story, undisturbed and disturbed."""
    story = STORIES[number]
    draw = random.Random(f"{seed} {number}")
    moments = draw_moments(story, draw)
    with tempfile.TemporaryDirectory() as calm, tempfile.TemporaryDirectory() as rough:
        return compare(Life(Path(calm), story, seed).run(), Life(Path(rough), story, seed).run(moments), moments)


def main() -> int:
    """The table; 1 when anything false was told or anything is missing."""
    lives = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    logging.disable(logging.CRITICAL)
    by_disturbance: Counter[tuple[str, str]] = Counter()
    began_s, wrong = time.monotonic(), 0
    print(f"{'incident':<28}{'moments':>8}{'false firing':>14}{'false resolved':>16}{'missing':>9}")
    for number, story in enumerate(STORIES):
        told = [pair(number, first + seed) for seed in range(lives)]
        false = [one for each in told for one in each.false]
        missing = [one for each in told for one in each.missing]
        firing = sum(page[0] == "firing" for _, page in false)
        by_disturbance.update((what, page[0]) for what, page in false)
        wrong += len(false) + len(missing)
        print(
            f"{story.name:<28}{lives * len(DISTURBANCES):>8}{firing:>14}{len(false) - firing:>16}{len(missing):>9}",
            flush=True,
        )
    print()
    for what in DISTURBANCES:
        count = lives * len(STORIES)
        print(f"{what:<28}{count:>8}{by_disturbance[what, 'firing']:>14}{by_disturbance[what, 'resolved']:>16}")
    print(f"{time.monotonic() - began_s:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
