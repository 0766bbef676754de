"""A service is dead on a host that lives: for all clients, or for some of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from causes.play import Keys, Played, Story, at, part_of, play_all, seeds, table

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
        for seed, draw in seeds(f"service {case}", number):
            begins_s = round(60.0 + draw.uniform(0, 10), 3)
            events = [{"at": begins_s, "until": begins_s + LONG_S, **event}]
            network = {"communes": COMMUNES, "checks": {"packets": 2, "services": 10}}
            yield Story(f"service-{number_of_case}-{seed}", seed, network, UNTIL_S, begins_s, events,
                        right=(event["element"],), truth={"case": case})  # fmt: skip


def measure(number: int, keep: Path | None) -> None:
    """Print the table."""
    print(f"{sum(COMMUNES)} communes, services each 10 s, {number} runs a row (seeds 1 to {number}), 1 % loss")
    played = play_all(stories(number), keep)
    heads = ("the service", "named", "first page: p50", "most", "other pages", "as it should be")
    table(heads, (_row(name, group) for name, group in part_of(played, "case").items()))


def _row(name: str, group: list[Played]) -> tuple[object, ...]:
    first_s = [each.first_s for each in group]
    named = sum(any(map(each.is_right, each.firing)) for each in group)
    others = sum(not each.is_right(page) for each in group for page in each.firing)
    clean = sum(not each.unmet for each in group)
    return name, f"{named} of {len(group)}", at(0.5, first_s), at(1.0, first_s), others, f"{clean} of {len(group)}"
