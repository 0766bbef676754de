"""Nothing is broken: packets are lost by chance, links are slow for a moment, agents are restarted. Who is woken?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from causes.play import Keys, Story, part_of, play_all, seeds, table

COMMUNES = 30
HOUR_S = 3600.0
SLOW, RESTARTS = 6, 3  # an hour


def stories(number: int) -> Iterator[Story]:
    """So many hours with packets each 10 s, a quarter as many with packets each second."""
    for every_s, hours in ((10, number), (1, max(1, number // 4))):
        for seed, draw in seeds(f"calm {every_s}", hours):
            network = {"communes": [10, 10, 10], "checks": {"packets": every_s, "services": 10}}
            yield Story(f"calm-{every_s}s-{seed}", seed, network, HOUR_S, events=list(_events(draw)),
                        truth={"every": f"{every_s} s"})  # fmt: skip


def _events(draw: random.Random) -> Iterator[Keys]:
    for _ in range(SLOW):
        at_s = round(draw.uniform(60, HOUR_S - 120), 1)
        yield {"at": at_s, "do": "slow", "element": _link(draw), "ms": draw.randint(30, 150),
               "until": round(at_s + draw.uniform(3, 40), 1)}  # fmt: skip
    for _ in range(RESTARTS):
        agent = f"agent:c{draw.randint(1, COMMUNES):05}"
        yield {
            "at": round(draw.uniform(60, HOUR_S - 120), 1),
            "do": "restart",
            "element": agent,
            "away": draw.randint(3, 15),
        }


def _link(draw: random.Random) -> str:
    commune = draw.randint(1, COMMUNES)
    return f"link:p{(commune - 1) // 10 + 1:02}-c{commune:05}"


def measure(number: int, keep: Path | None) -> None:
    """Print the table, and each page."""
    print(
        f"{COMMUNES} communes, 1 % loss; an hour: {SLOW} links 30 to 150 ms slower for 3 to 40 s, {RESTARTS} agents away 3 to 15 s"
    )
    print("each hour is a run of its own (seeds from 1), with its first minute; goal: no page in 24 h")
    played = play_all(stories(number), keep)
    groups = part_of(played, "every")
    rows = ((every, len(group), sum(len(each.firing) for each in group), sum(len(each.incidents) for each in group))
            for every, group in groups.items())  # fmt: skip
    table(("packets each", "hours", "pages", "incidents"), rows)
    for each in played:
        for page in each.firing:
            print(f"{each.story.name}: {page['element']} {page['kind']} at {page['at_s']} s")
