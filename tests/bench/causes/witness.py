"""One witness that is not as the others, in each class of fault: is the right element told, and who is odd?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from causes.play import Keys, Played, Story, part_of, play_all, seeds, table

COMMUNES, PACKETS_S = [12, 8], 2
BEGIN_S, END_S, UNTIL_S = 60.0, 160.0, 230.0
ODD = "c00003"
UPLINK = ("link:core-p01", "province:01")
MCU = ("mcu:mcu-1", "link:core-mcuroom", "site:mcuroom")  # nothing can tell them apart
DC2 = ("link:core-dc2", "site:dc2")
LINK_7 = ("link:p01-c00007", "commune:00007")
# class → what happens, and what a page should name
FAULTS: dict[str, tuple[Keys, tuple[str, ...]]] = {
    "uplink cut": ({"do": "cut", "element": "link:core-p01"}, UPLINK),
    "commune cut": ({"do": "cut", "element": "link:p01-c00007"}, LINK_7),
    "MCU dead": ({"do": "cut", "element": "mcu:mcu-1"}, MCU),
    "MCU's SIP dead": ({"do": "cut", "element": "mcu:mcu-1", "kinds": ["sip"]}, MCU[:1]),
    "DNS dead": ({"do": "cut", "element": "service:dns"}, ("service:dns",)),
    "service refuses": ({"do": "refuse", "element": "service:docs", "kinds": ["http"]}, ("service:docs",)),
    "half of flows": ({"do": "flows", "element": "link:core-p01", "share": "50%"}, UPLINK),
    "lossy uplink": ({"do": "lose", "element": "link:core-p01", "share": "20%"}, UPLINK),
    "slow uplink": ({"do": "slow", "element": "link:core-p01", "ms": 200}, UPLINK),
    "dc2's link cut": ({"do": "cut", "element": "link:core-dc2"}, DC2),
    "province's power": ({"do": "power", "element": ["province:01"], "boot": 10}, UPLINK),
    "siblings": ({"do": "cut", "element": "link:p01-c*"}, ("province:01",)),
}
LIES: dict[str, Keys] = {"none": {}, "says ok": {"says": "ok"}, "says lost": {"says": "lost"}, "proxy": {"says": "ok", "checks": ["*-dns", "*-docs"]},
        "10 s ahead": {"clock": 10}, "10 s behind": {"clock": -10}, "stale": {}}  # fmt: skip
GONE = {"at": 30.0, "do": "restart", "element": f"agent:{ODD}", "away": 10_000.0}


def stories(number: int) -> Iterator[Story]:
    """Each class with each odd witness."""
    for fault, (event, right) in FAULTS.items():
        for odd, lie in LIES.items():
            for seed, _ in seeds("witness", number):
                events = [{"at": BEGIN_S, "until": END_S, **event}, *([GONE] if odd == "stale" else [])]
                agents = {"flush": 1, "odd": [{"agent": ODD, **lie}] if lie else []}
                network = {"communes": COMMUNES, "checks": {"packets": PACKETS_S, "services": 10}}
                name = f"witness-{fault}-{odd}-{seed}".replace(" ", "-").replace("'", "")
                yield Story(name, seed, network, UNTIL_S, BEGIN_S, events, agents, right,
                            witness="" if odd == "none" else ODD, truth={"fault": fault, "odd": odd})  # fmt: skip


def measure(number: int, keep: Path | None) -> None:
    """Print both tables."""
    print(
        f"{len(FAULTS)} classes of fault, {sum(COMMUNES)} communes, {number} runs of each (seeds 1 to {number}), 1 % loss"
    )
    print(
        f"right: runs in which a page names what is broken; extra: pages that name neither it nor {ODD} (or its agent)"
    )
    print(
        "named: the witness is outvoted in an incident, or a page or an incident is of its agent, its commune or its link"
    )
    played = play_all(stories(number), keep)
    heads = ("odd witness", "right", "extra pages", "pages of the witness", "named", "as it should be")
    table(heads, (_row(name, group) for name, group in part_of(played, "odd").items()))
    table(("fault", *heads[1:]), (_row(name, group) for name, group in part_of(played, "fault").items()))


def _row(name: str, group: list[Played]) -> tuple[object, ...]:
    runs, pages = len(group), [(each, page) for each in group for page in each.firing if not each.is_right(page)]
    own = sum(each.story.witness != "" and _is_own(page["element"]) for each, page in pages)
    right = sum(any(map(each.is_right, each.firing)) for each in group)
    odd = [each for each in group if each.story.witness]
    named = f"{sum(map(_is_named, odd))} of {len(odd)}" if odd else ""
    clean = sum(not each.unmet for each in group)
    return name, f"{right} of {runs}", len(pages) - own, own, named, f"{clean} of {runs}"


def _is_own(element: str) -> bool:
    return element in (f"agent:{ODD}", "commune:00003", "link:p01-c00003")


def _is_named(played: Played) -> bool:
    told = [page["element"] for page in played.firing] + [incident["element"] for incident in played.incidents]
    return any(map(_is_own, told)) or any(ODD in incident["outvoted"] for incident in played.incidents)
