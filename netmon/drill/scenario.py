"""A scenario of alerting as its file says it: a network, what breaks in it and when, what people must be told. Pure.

Times are seconds after the scenario's 0 s, durations seconds, `…_ms` milliseconds, `…_mb` megabytes (10^6), shares 0 to 1.
Attributes are named as the keys of the file (docs/drill.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netmon.config.walker.value import Unreadable
from probes.settings import setting

ZERO_S = 1_796_094_000.0  # the Unix time of a scenario's 0 s: 2026-12-01 03:00 UTC
MAX_PROVINCES = 99  # codes have two digits
KINDS = ("ping", "stamp", "sip", "h323", "dns", "http", "ntp", "tcp", "tls")
PACKET_KINDS = ("ping", "stamp")
FROM_COMMUNE = ("uplink", "core", "m1sip", "m2sip", "m1ping", "dns", "docs", "ntp")
FAMILIES = (
    *FROM_COMMUNE,
    "from-core",
    "from-province",
    "province-core",
    "core-province",
    "core-mcu1",
    "core-mcu2",
)
DOINGS = (
    "cut",
    "lose",
    "slow",
    "flows",
    "refuse",
    "power",
    "restart",
    "clock",
    "stall",
    "silence",
    "maintenance",
)
QUIET = ("silence", "maintenance")  # what people do about an outage: the first event is another one
_COUNT = re.compile(r"(\d{1,9})(\.\.)?(\d{1,9})?", re.ASCII)
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?) ?%", re.ASCII)


class Percent(float):
    """A share, 0 to 1, written `30%`."""

    @classmethod
    def parse(cls, text: str) -> Percent:
        """The share of a text; raises `Unreadable`."""
        match = _SHARE.fullmatch(text)
        if match is None or float(match[1]) > 100:
            raise Unreadable(f"'{text[:60]}' is not a share", "write a share, as 30%")
        return cls(float(match[1]) / 100)


class CountRange(NamedTuple):
    """How many of something are right: `low` to `high`, both included; no `high`: however many."""

    low: int
    high: int | None

    @classmethod
    def parse(cls, text: str) -> CountRange:
        """`1` (exactly), `0..2` or `5..`; raises `Unreadable`."""
        match = _COUNT.fullmatch(text)
        low, dots, high = match.groups() if match else (None, None, None)
        if low is None or (high is not None and (dots is None or int(high) < int(low))):
            raise Unreadable(f"'{text[:60]}' is not a count", "write 1, 0..2 or 5..")
        return cls(int(low), int(high or low) if high or not dots else None)

    def __contains__(self, count: object) -> bool:
        """Whether a count is right."""
        return isinstance(count, int) and self.low <= count and (self.high is None or count <= self.high)

    def __str__(self) -> str:
        """As a file holds it."""
        return str(self.low) if self.high == self.low else f"{self.low}..{'' if self.high is None else self.high}"


class Pick(NamedTuple):
    """How many of an event's elements are drawn: a `number`, or a `share` of them."""

    number: int | None
    share: float | None

    @classmethod
    def parse(cls, text: str) -> Pick:
        """`12` or `30%`; raises `Unreadable`."""
        if _SHARE.fullmatch(text):
            return cls(None, Percent.parse(text))
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
            raise Unreadable(f"'{text[:60]}' is neither a number nor a share", "write 12 or 30%")
        return cls(int(text), None)

    def of(self, elements: int) -> int:
        """How many of so many elements."""
        wanted = self.number if self.number is not None else round(elements * (self.share or 0.0))
        return min(wanted, elements)


def _mapping(meaning: str, **default: str) -> Any:
    return field(default_factory=lambda: dict(default), metadata=setting(meaning).metadata)


# --- what exists ---


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreCheck:
    """A further check of every agent of one sort; named `AGENT-ID`. `from_agents`, `to` hold what the file says."""

    id: str = setting("what follows the agent in the check's name")
    kind: str = setting("kind of probe", choices=KINDS)
    from_agents: str = setting("whose agents", key="from", choices=("core", "province", "commune"))
    to: str = setting("id of a site, MCU or service, or province: the agent's own")
    every: float | None = setting("period; without one that of its kind", low=0.1, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksPlan:
    """Which checks run, and how often."""

    packets: float = setting("period of ping and stamp", low=0.1, default=1.0)
    services: float = setting("period of all other kinds", low=0.1, default=10.0)
    without: tuple[str, ...] = setting("families left out", choices=FAMILIES, default=())
    kinds: Mapping[str, str] = _mapping("family: kind that takes the place of its own")
    more: tuple[MoreCheck, ...] = setting("further checks", default=())

    def every(self, kind: str) -> float:
        """The period of a kind."""
        return self.packets if kind in PACKET_KINDS else self.services


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillConference:
    """A conference of rooms in sites, a room each (`room-SITE`)."""

    id: str = setting("id of the conference")
    starts: float = setting("when it starts")
    ends: float = setting("when it ends")
    mcus: tuple[str, ...] = setting("ids of its MCUs", filled=True)
    rooms: tuple[str, ...] = setting("sites of its rooms, listed or c00001..c00012", filled=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillNetwork:
    """What exists. `communes` holds how many communes each province has, however the file says it."""

    communes: tuple[int, ...] = setting("communes of province 01, 02, …; or one number, spread", filled=True, low=0)
    provinces: int = setting(
        "how many provinces a number of communes is spread over", low=1, high=MAX_PROVINCES, default=34
    )
    hub: tuple[str, ...] = setting("ids of the sites hubs stand in", filled=True, default=("core",))
    core_agent: bool = setting("an agent at core", default=True)
    province_agents: bool = setting("an agent at each province", default=True)
    uplinks: int = setting("links from each province to the core", low=1, high=2, default=1)
    reroute: float = setting("after one of two uplinks dies, how long packets over it are lost", low=0, default=4.0)
    mcus: Mapping[str, str] = _mapping("MCU: site", **{"mcu-1": "mcuroom", "mcu-2": "dc2"})
    services: Mapping[str, str] = _mapping("service: site", dns="core", docs="dc2", ntp="core")
    checks: ChecksPlan = setting("which checks run", default=ChecksPlan())
    conferences: tuple[DrillConference, ...] = setting("live and coming conferences", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class OddAgent:
    """An agent whose clock is wrong, or that says the same whatever it saw."""

    agent: str = setting("name of the agent, with * and ? of several")
    clock: float = setting("how far its clock is ahead; negative: behind", default=0.0)
    says: str = setting("what it says of its checks", choices=("ok", "lost"), default="")
    checks: tuple[str, ...] = setting("names of the checks it says that of", filled=True, default=("*",))


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentHabits:
    """How agents write, and which are odd."""

    flush: float = setting("time between writes", low=0.1, default=1.0)
    odd: tuple[OddAgent, ...] = setting("agents that are not as the others", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What is never quite right."""

    loss: Percent = setting("share of packets lost by chance, there and back, of each try", default=Percent(0.01))


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is there before 0 s."""

    resolved_incidents: int = setting(
        "incidents of commune links, over 50 minutes before", low=0, high=99_999, default=0
    )
    rules: int = setting("rules: the shipped ones, repeated until there are so many", low=0, high=10_000, default=0)


# --- what happens ---


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillEvent:
    """One thing that happens to elements. `until` None: for ever. What a `do` does not speak of has its default."""

    at: float = setting("when it begins")
    do: str = setting("what happens", choices=DOINGS)
    element: tuple[str, ...] = setting("elements it happens to, with * and ?; hub for the hub", filled=True)
    until: float | None = setting("when it ends", default=None)
    kinds: tuple[str, ...] = setting("only checks of these kinds", choices=KINDS, default=())
    share: Percent = setting("share of packets or of checks", default=Percent(0.0))
    one_way: bool = setting("in one direction only", default=False)
    ms: float = setting("how much longer a reply takes", low=0, default=0.0)
    boot: float = setting("how long agents boot after the end", low=0, default=0.0)
    away: float = setting("how long agents are away", low=0, default=0.0)
    by: float = setting("how far the clock is set ahead; negative: back", default=0.0)
    known: float = setting("when maintenance was planned", default=0.0)
    pick: Pick | None = setting("only so many of the elements, drawn: 12 or 30%", default=None)
    spread: float = setting("each begins up to so much later, drawn", low=0, default=0.0)
    until_spread: float = setting("each ends up to so much later, drawn", low=0, default=0.0)
    times: int = setting("how often it happens", low=1, high=100_000, default=1)
    every: float = setting("so much later each time", low=0, default=0.0)


# --- what must hold ---


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPage:
    """A firing page there must be: the first that names one of `any` at or after `at`, and what it must say."""

    any: tuple[str, ...] = setting("elements, one of which it names", filled=True)
    at: float | None = setting("from when on; without it the first event but silences and maintenance", default=None)
    within: float | None = setting("how soon after that", low=0, default=None)
    p50_within: float | None = setting("how soon, as the median of all seeds", low=0, default=None)
    kind: tuple[str, ...] = setting("kinds, one of which it is of", default=())
    symptoms: CountRange | None = setting("how many communes suffer", default=None)
    severity: str = setting("how bad", choices=("critical", "warning", "info"), default="")
    conferences: tuple[str, ...] = setting("conferences it speaks of", default=())
    not_conferences: tuple[str, ...] = setting("conferences it does not speak of", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class TickLimits:
    """CPU time of one evaluation: at most so much."""

    p50_ms: float | None = setting("its median", low=0, default=None)
    p99_ms: float | None = setting("99 of 100", low=0, default=None)
    max_ms: float | None = setting("the longest", low=0, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must hold for every seed and every hub."""

    firing: CountRange | None = setting("number of firing pages", default=None)
    resolved: CountRange | None = setting("number of resolved pages; without it any", default=None)
    named: tuple[NamedPage, ...] = setting("pages there must be", default=())
    never: tuple[str, ...] = setting("elements that no firing page names", default=())
    held: Mapping[str, float] = _mapping("element: time before which no page tells it resolved")
    same_ids: bool = setting("all hubs give the incidents of the named elements the same ids", default=False)
    ticks: TickLimits = setting("CPU time of one evaluation", default=TickLimits())
    rss_mb: float | None = setting("peak memory, at most", low=0, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBefore:
    """What the product did on a day: for people, and judged by nobody. A figure a seed (and hub); `first` may be null."""

    date: str = setting("the day")
    met: bool = setting("whether all held")
    firing: tuple[int, ...] = setting("firing pages", default=())
    resolved: tuple[int, ...] = setting("resolved pages", default=())
    first: tuple[str, ...] = setting("from the first event to the first page, or null", default=())
    ticks: TickLimits = setting("of the worst run", default=TickLimits())
    rss_mb: float | None = setting("of the worst run", default=None)
    ids_alike: int | None = setting("seeds whose hubs gave one id", default=None)
    what: str = setting("the firing pages of the loudest run", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillScenario:
    """A whole file."""

    name: str = setting("as the file, without .yaml; its first word is the sort of behaviour")
    about: str = setting("one sentence for people")
    network: DrillNetwork = setting("what exists")
    agents: AgentHabits = setting("how agents write, and which are odd", default=AgentHabits())
    background: Background = setting("what is never quite right", default=Background())
    given: Given = setting("what is there before 0 s", default=Given())
    events: tuple[DrillEvent, ...] = setting("what happens", default=())
    seeds: tuple[int, ...] = setting("each a run of its own", filled=True)
    until: float = setting("the end", low=0)
    expect: Expectation = setting("what must hold")
    seen: SeenBefore | None = setting("what the product did on a day", default=None)

    @property
    def first_event_s(self) -> float:
        """When the first event begins, silences and maintenance aside; 0 without one."""
        return min((event.at for event in self.events if event.do not in QUIET), default=0.0)
