"""A share of the flows over an uplink get nothing through: is it named, with its share?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from causes.play import Played, Story, at, part_of, play_all, seeds, table

COMMUNES = [20, 10]
SHARES = (20, 35, 50, 65, 80)
LONG_S, UNTIL_S = 150.0, 260.0
RIGHT_BY = 0.10
UPLINK = ("link:core-p01", "province:01")


def stories(number: int) -> Iterator[Story]:
    """Each share at random phases."""
    for share in SHARES:
        for seed, draw in seeds(f"flows {share}", number):
            begins_s = round(60.0 + draw.uniform(0, 10), 3)
            event = {
                "at": begins_s,
                "do": "flows",
                "element": UPLINK[0],
                "share": f"{share}%",
                "until": begins_s + LONG_S,
            }
            network = {"communes": COMMUNES, "checks": {"packets": 1, "services": 10}}
            yield Story(f"flows-{share}-{seed}", seed, network, UNTIL_S, begins_s, [event], right=UPLINK,
                        truth={"share": share})  # fmt: skip


def measure(number: int, keep: Path | None) -> None:
    """Print the table."""
    print(f"{sum(COMMUNES)} communes, packets each second, {number} runs a row (seeds 1 to {number}), 1 % loss")
    played = play_all(stories(number), keep)
    heads = (
        "share",
        "named",
        "first page: p50",
        "most",
        "share told",
        "within 10 points",
        "other pages",
        "as it should be",
    )
    table(heads, (_row(name, group) for name, group in part_of(played, "share").items()))


def _row(name: str, group: list[Played]) -> tuple[object, ...]:
    first_s = [each.first_s for each in group]
    named = sum(any(map(each.is_right, each.firing)) for each in group)
    told = [share for each in group for share in _told(each)]
    close = sum(abs(share - int(name) / 100) <= RIGHT_BY for share in told)
    others = sum(not each.is_right(page) for each in group for page in each.firing)
    clean = sum(not each.unmet for each in group)
    shares = ", ".join(f"{share:.0%}" for share in told)
    return (f"{name} %", f"{named} of {len(group)}", at(0.5, first_s), at(1.0, first_s), shares, f"{close} of {len(group)}",
            others, f"{clean} of {len(group)}")  # fmt: skip


def _told(played: Played) -> list[float]:
    """What the uplink's incident says, once a run; all is a share, too."""
    mine = [incident for incident in played.incidents if incident["element"] in UPLINK]
    return [1.0 if incident["share"] is None else incident["share"] for incident in mine[:1]]
