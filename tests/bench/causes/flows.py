"""A share of the flows over an uplink get nothing through: is it named, with its share?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from causes.play import Played, Story, at, part_of, play_all, seeds, table

COMMUNES = [20, 10]
SHARES = (20, 35, 50, 65, 80)
EARLY_S, LATE_S, OVER_S = (
    20,
    100,
    240,
)  # when people look: after the first page, later, and when it has been over for long
LASTS_S = 150.0
RIGHT_BY = 0.10
UPLINK = ("link:core-p01", "province:01")


def stories(number: int) -> Iterator[Story]:
    """Each share at random phases, up to each look."""
    for share in SHARES:
        for seed, draw in seeds(f"flows {share}", number):
            begins_s = round(60.0 + draw.uniform(0, 10), 3)
            event = {
                "at": begins_s,
                "do": "flows",
                "element": UPLINK[0],
                "share": f"{share}%",
                "until": begins_s + LASTS_S,
            }
            network = {"communes": COMMUNES, "checks": {"packets": 1, "services": 10}}
            for look_s in (EARLY_S, LATE_S, OVER_S):
                expect = {"resolved": int(look_s == OVER_S)}
                yield Story(f"flows-{share}-{seed}-{look_s}s", seed, network, begins_s + look_s, begins_s, [event],
                            right=UPLINK, expect=expect, truth={"share": share, "look": look_s})  # fmt: skip


def measure(number: int, keep: Path | None) -> None:
    """Print the table."""
    print(
        f"{sum(COMMUNES)} communes, packets each second, services each 10 s, {number} runs a row (seeds 1 to {number}), 1 % loss"
    )
    played = play_all(stories(number), keep)
    looks = [f"share told after {look_s} s" for look_s in (EARLY_S, LATE_S)]
    heads = ("share", "named", "first page: p50", "most", *looks, "when over", "other pages", "as it should be")
    table(heads, (_row(name, group) for name, group in part_of(played, "share").items()))
    told = [(each, share) for each in played if each.story.truth["look"] == LATE_S for share in _told(each)]
    close = sum(abs(share - each.story.truth["share"] / 100) <= RIGHT_BY for each, share in told)
    print(f"after {LATE_S} s within 10 points: {close} of {len(SHARES) * number}\n")


def _row(name: str, group: list[Played]) -> tuple[object, ...]:
    whole = [each for each in group if each.story.truth["look"] == OVER_S]
    first_s = [each.first_s for each in whole]
    named = sum(any(map(each.is_right, each.firing)) for each in whole)
    others = sum(not each.is_right(page) for each in whole for page in each.firing)
    clean = sum(not each.unmet for each in whole)
    looks = [_looked(group, look_s) for look_s in (EARLY_S, LATE_S, OVER_S)]
    return (f"{name} %", f"{named} of {len(whole)}", at(0.5, first_s), at(1.0, first_s), *looks, others,
            f"{clean} of {len(whole)}")  # fmt: skip


def _looked(group: list[Played], look_s: int) -> str:
    return ", ".join(f"{share:.0%}" for each in group if each.story.truth["look"] == look_s for share in _told(each))


def _told(played: Played) -> list[float]:
    """What the uplink's incident says, once a run; all is a share, too."""
    mine = [incident for incident in played.incidents if incident["element"] in UPLINK]
    return [1.0 if incident["share"] is None else incident["share"] for incident in mine[:1]]
