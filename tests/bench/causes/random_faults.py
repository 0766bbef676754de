"""Random faults, one or two at a time, in a small country with two uplinks each, while two in a hundred agents lie."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from causes.play import Keys, Played, Story, part_of, play_all, seeds, table

from netmon.drill.names import fits

PROVINCES, EACH, PACKETS_S = 34, 3, 5
LIARS = round(PROVINCES * EACH * 0.02)
UNTIL_S = 330.0


class Root(NamedTuple):
    """One fault: what happens (without times), and the elements that cannot be told apart from what is broken."""

    name: str
    events: list[Keys]
    right: tuple[str, ...]


def _roots(draw: random.Random) -> Iterator[Root]:
    """One of each sort, each in a province of its own."""
    links, power, lossy, twins = draw.sample(range(1, PROVINCES + 1), 4)
    commune, lossy_commune = (EACH * (province - 1) + draw.randint(1, EACH) for province in (links, lossy))
    link, weak = f"link:p{links:02}-c{commune:05}", f"link:p{lossy:02}-c{lossy_commune:05}"
    uplinks = [f"link:core-p{twins:02}-a", f"link:core-p{twins:02}-b"]
    yield Root("commune's link cut", [{"do": "cut", "element": link}], (link, f"commune:{commune:05}"))
    yield Root("province's power", [{"do": "power", "element": f"province:{power:02}", "boot": 10}],
               (f"province:{power:02}", f"link:core-p{power:02}-?"))  # fmt: skip
    yield Root("both uplinks cut", [{"do": "cut", "element": uplinks}], (*uplinks, f"province:{twins:02}"))
    yield Root(
        "commune's link lossy", [{"do": "lose", "element": weak, "share": "30%"}], (weak, f"commune:{lossy_commune:05}")
    )
    yield Root("dc2's link cut", [{"do": "cut", "element": "link:core-dc2"}], ("link:core-dc2", "site:dc2"))
    yield Root("MCU's SIP dead", [{"do": "cut", "element": "mcu:mcu-1", "kinds": ["sip"]}], ("mcu:mcu-1",))
    yield Root("DNS dead", [{"do": "cut", "element": "service:dns"}], ("service:dns",))
    yield Root("time server refuses", [{"do": "refuse", "element": "service:ntp", "kinds": ["ntp"]}], ("service:ntp",))


def stories(number: int) -> Iterator[Story]:
    """Single faults, then double ones."""
    for count in (1, 2):
        for seed, draw in seeds(f"random {count}", number):
            roots = draw.sample(list(_roots(draw)), count)
            events = list[Keys]()
            for root in roots:
                at_s, long_s = round(draw.uniform(60, 100), 3), draw.uniform(90, 110)
                events += [{**event, "at": at_s, "until": round(at_s + long_s, 3)} for event in root.events]
            liars = draw.sample(range(1, PROVINCES * EACH + 1), LIARS)
            odd = [{"agent": f"c{liar:05}", "says": draw.choice(("ok", "lost"))} for liar in liars]
            network = {"communes": PROVINCES * EACH, "provinces": PROVINCES, "uplinks": 2,
                       "checks": {"packets": PACKETS_S, "services": 10}}  # fmt: skip
            right = tuple(element for root in roots for element in root.right)
            yield Story(f"random-{count}-{seed}", seed, network, UNTIL_S, min(event["at"] for event in events), events,
                        {"flush": 1, "odd": odd}, right, expect={"firing": count, "resolved": f"{count}.."},
                        truth={"faults": count, "roots": roots, "liars": liars})  # fmt: skip


def measure(number: int, keep: Path | None) -> None:
    """Print the tables."""
    print(
        f"{PROVINCES} provinces of {EACH} communes, two uplinks each, {LIARS} agents lie, packets each {PACKETS_S} s, 1 % loss"
    )
    print(f"{number} runs a row (seeds 1 to {number}); suspected: named, or among the suspects of an incident")
    played = play_all(stories(number), keep)
    heads = (
        "faults at a time",
        "roots",
        "named",
        "suspected",
        "pages of innocents",
        "pages of liars",
        "as it should be",
    )
    table(heads, (_row(name, group) for name, group in part_of(played, "faults").items()))
    table(("root", "times", "named", "suspected"), _by_root(played))
    for each in played:
        for page in each.firing:
            if not each.is_right(page) and not _is_liar(each, page["element"]):
                print(f"innocent: {page['element']} {page['kind']} in {each.story.name}")


def _row(name: str, group: list[Played]) -> tuple[object, ...]:
    roots = [(each, root) for each in group for root in each.story.truth["roots"]]
    named = sum(_is_named(each, root) for each, root in roots)
    suspected = sum(_is_suspected(each, root) for each, root in roots)
    wrong = [(each, page["element"]) for each in group for page in each.firing if not each.is_right(page)]
    liars = sum(_is_liar(each, element) for each, element in wrong)
    clean = sum(not each.unmet for each in group)
    return name, len(roots), named, suspected, len(wrong) - liars, liars, f"{clean} of {len(group)}"


def _by_root(played: list[Played]) -> Iterator[tuple[object, ...]]:
    rows: dict[str, list[tuple[Played, Root]]] = {}
    for each in played:
        for root in each.story.truth["roots"]:
            rows.setdefault(root.name, []).append((each, root))
    for name, pairs in sorted(rows.items()):
        yield (name, len(pairs), sum(_is_named(*pair) for pair in pairs), sum(_is_suspected(*pair) for pair in pairs))


def _is_named(played: Played, root: Root) -> bool:
    return any(fits(page["element"], root.right) for page in played.firing)


def _is_suspected(played: Played, root: Root) -> bool:
    suspects = [suspect for incident in played.incidents for suspect in incident["suspects"]]
    return _is_named(played, root) or any(fits(suspect, root.right) for suspect in suspects)


def _is_liar(played: Played, element: str) -> bool:
    """The liar's agent, its commune, or its link."""
    names = [f"{liar:05}" for liar in played.story.truth["liars"]]
    return any(element.endswith((f"c{name}", f"commune:{name}")) for name in names)
