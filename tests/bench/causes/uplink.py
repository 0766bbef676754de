"""The uplink of 24 to 98 communes is cut at a random phase, its communes before or after it, and all come back in any order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from causes.play import Keys, Played, Story, at, mean, part_of, play_all, seeds, table

COMMUNES, BACK_S = (98, 24, 48), 120.0  # of seed 1, 2, 3, 4, …
ORDERS = ("uplink alone", "communes first", "uplink first")
UPLINK, LINKS = "link:core-p01", "link:p01-c*"
RIGHT = (UPLINK, "province:01")


def stories(number: int) -> Iterator[Story]:
    """Each order, with packets each second and each 10 s."""
    for every_s in (1, 10):
        for order in ORDERS:
            for seed, draw in seeds(f"uplink {every_s} {order}", number):
                yield _story(every_s, order, seed, draw)


def _story(every_s: int, order: str, seed: int, draw: random.Random) -> Story:
    begins_s, apart_s = round(40.0 + draw.uniform(0, 10), 3), round(draw.uniform(1, 5), 3)
    heals_s = begins_s + 60.0 + 6 * every_s
    events, cut_s = _events(order, begins_s, apart_s, heals_s, draw)
    network = {"communes": [COMMUNES[(seed - 1) % len(COMMUNES)], 6], "checks": {"packets": every_s, "services": 10}}
    name = f"uplink-{every_s}s-{order.replace(' ', '-')}-{seed}"
    until_s = heals_s + (BACK_S if order != ORDERS[0] else 0.0) + 40.0 + 6 * every_s
    return Story(name, seed, network, until_s, begins_s=cut_s, events=events, right=RIGHT,
                 truth={"row": f"{every_s} s, {order}"})  # fmt: skip


def _events(
    order: str, begins_s: float, apart_s: float, heals_s: float, draw: random.Random
) -> tuple[list[Keys], float]:
    """What happens, and when the uplink is cut."""
    if order == ORDERS[0]:
        return [{"at": begins_s, "do": "cut", "element": UPLINK, "until": heals_s}], begins_s
    up_s, children_s = (begins_s + apart_s, begins_s) if order == ORDERS[1] else (begins_s, begins_s + 0.001)
    back_s = round(heals_s + draw.uniform(0, BACK_S), 3)
    return [
        {"at": children_s, "do": "cut", "element": LINKS, "spread": apart_s, "until": heals_s, "until_spread": BACK_S},
        {"at": up_s, "do": "cut", "element": UPLINK, "until": back_s},
    ], up_s


def measure(number: int, keep: Path | None) -> None:
    """Print the table."""
    print(f"communes in turn {COMMUNES}, {number} runs a row (seeds 1 to {number}), 1 % loss")
    print("goal 1.00 and 1.00; first page ≤ 4 s with packets each second, ≤ 12 s with packets each 10 s")
    print("first page: of uplink or province, after the uplink's cut")
    played = play_all(stories(number), keep)
    heads = (
        "probes, order",
        "firing: mean",
        "p99",
        "resolved: mean",
        "p99",
        "first page: p50",
        "p99",
        "as it should be",
    )
    table(heads, (_row(name, group) for name, group in part_of(played, "row").items()))


def _row(name: str, group: list[Played]) -> tuple[object, ...]:
    firing, resolved = [len(each.firing) for each in group], [len(each.resolved) for each in group]
    first_s = [each.first_s for each in group]
    right = sum(not each.unmet for each in group)
    return (name, mean(firing), at(0.99, firing), mean(resolved), at(0.99, resolved), at(0.5, first_s), at(0.99, first_s),
            f"{right} of {len(group)}")  # fmt: skip
