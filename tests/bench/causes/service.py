"""A service is dead on a host that lives: for all clients, or for some of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from causes.play import Keys, Played, Story, at, part_of, play_all, seeds, table

from netmon.drill.faults import Effect, Ways

COMMUNES = [20, 10]
SHARES = (10, 30, 50, 100)
UNTIL_S, LONG_S = 260.0, 150.0
HTTP, SIP, DNS = "service:docs", "mcu:mcu-1", "service:dns"


def _cases() -> Iterator[tuple[str, Keys]]:
    yield "refuses all (http)", {"do": "refuse", "element": HTTP, "kinds": ["http"]}
    yield "refuses all (sip)", {"do": "refuse", "element": SIP, "kinds": ["sip"]}
    yield "silent to all (sip, host pings)", {"do": "cut", "element": SIP, "kinds": ["sip"]}
    for share in SHARES:
        yield f"silent to {share} % (dns)", {"do": "flows", "element": DNS, "share": f"{share}%"}
        yield f"silent to {share} % (http)", {"do": "flows", "element": HTTP, "share": f"{share}%"}


def stories(number: int) -> Iterator[Story]:
    """Each case at random phases."""
    for number_of_case, (case, event) in enumerate(_cases()):
        share = int(str(event.get("share", "100%"))[:-1])
        fitting = (pair for pair in seeds(f"service {case}", 10_000) if _is_exact(event, share, pair[0]))
        for seed, draw in islice(fitting, number):
            begins_s = round(60.0 + draw.uniform(0, 10), 3)
            events = [{"at": begins_s, "until": begins_s + LONG_S, **event}]
            network = {"communes": COMMUNES, "checks": {"packets": 2, "services": 10}}
            yield Story(f"service-{number_of_case}-{seed}", seed, network, UNTIL_S, begins_s, events,
                        right=(event["element"],), truth={"case": case})  # fmt: skip


def _is_exact(event: Keys, share: int, seed: int) -> bool:
    """Does this seed draw that share of the clients, and not some more or fewer?"""
    if event["do"] != "flows":
        return True
    effect = Effect(0, "flows", event["element"], 0.0, math.inf, share=share / 100)
    ways, family = Ways([effect], (), 0.0, seed), event["element"].removeprefix("service:")
    drawn = sum(
        bool(ways.of_check(f"c{commune:05}-{family}", "", (event["element"],)).effects)
        for commune in range(1, sum(COMMUNES) + 1)
    )
    return drawn == round(share / 100 * sum(COMMUNES))


def measure(number: int, keep: Path | None) -> None:
    """Print the table."""
    print(
        f"{sum(COMMUNES)} communes, services each 10 s, {number} runs a row (the first seeds that draw exactly that share), 1 % loss"
    )
    played = play_all(stories(number), keep)
    heads = ("the service", "named", "first page: p50", "most", "other pages", "as it should be")
    table(heads, (_row(name, group) for name, group in part_of(played, "case").items()))


def _row(name: str, group: list[Played]) -> tuple[object, ...]:
    first_s = [each.first_s for each in group]
    named = sum(any(map(each.is_right, each.firing)) for each in group)
    others = sum(not each.is_right(page) for each in group for page in each.firing)
    clean = sum(not each.unmet for each in group)
    return name, f"{named} of {len(group)}", at(0.5, first_s), at(1.0, first_s), others, f"{clean} of {len(group)}"
