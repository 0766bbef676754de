"""The nouns of meaning: what the hub knows of a check at one moment, and what the room needs to know of the network.

Times are Unix milliseconds of events (starts of intervals), never of arrival, unless a name says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

OK, LOST, REFUSED, UNRESOLVED, PROTOCOL, LOCAL = range(6)  # the numbers points carry (`probes.base.Outcome`)

Fault = Literal["reach", "quality", "silence", "state", "self"]
"""What a rule accuses: `reach` the far end cannot be reached, `quality` it answers badly, `silence` its agent is mute,
`state` one thing is not as it should be, whatever the way there is like (its certificate runs out), `self` its agent
proves itself unfit to measure."""
About = Literal["path", "end", "agent"]
"""Whom: all that a check crosses, what it ends at alone, or its agent alone."""
OWN_KIND = "agent"  # the kind of what an agent says about itself


def own_series(agent: str) -> str:
    """What an agent's own points are called among the series: no check's name has a colon."""
    return f"agent:{agent}"


class Sample(NamedTuple):
    """One point of one check, as rules see it."""

    agent: str
    check: str  # "-" for what an agent says about itself
    kind: str  # `ping`, `stamp`, … (the measurement's name without `netmon_`)
    time_ms: int
    values: Mapping[str, int | float]  # `outcome` among them
    tags: Mapping[str, str] = MappingProxyType({})  # `commune province site`, for figures of groups; "-": none


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one check has to say about reachability at a tick. A time is None when there was none in the window."""

    check: str
    agent: str
    period_ms: int  # time between its points, as seen (median of the last gaps)
    frontier_ms: int  # complete up to here
    ok_ms: int | None  # start of the latest interval in which something came back
    miss_ms: int | None  # start of the first interval, after `ok_ms`, in which nothing came back though we sent
    latest: int | None  # outcome of the latest point; LOST, too, when another than the far host refused
    refused_ms: int | None  # start of the latest interval in which the far host said no (it is there: path is fine)
    broken_ms: int | None = None  # up to here, at the latest, answers were missing (a loss, or a hole in what was told)
    newest_ms: int | None = None  # start of the latest interval it told of, whatever came back


@dataclass(frozen=True, slots=True)
class Firing:
    """One rule that holds for one series (a check, or for `silence` an agent) at a tick."""

    rule: str  # name of the rule
    fault: Fault
    severity: str
    check: str  # "-" for `silence`
    agent: str
    since_ms: int  # event time since which its condition has held without a break (before `for`)
    value: float | None  # the first measured figure of the condition, for people
    about: About = "path"  # of `state`: `end` or `agent`
    shared: str = ""  # its severity where several communes share what it accuses; "": the same
    never: bool = False  # of `silence`: the agent was expected and never spoke

    @property
    def member(self) -> tuple[str, str]:
        """What an incident remembers of it: rule, and check (of `silence` the agent)."""
        return self.rule, self.agent if self.fault == "silence" else self.check


@dataclass(frozen=True, slots=True)
class Assessment:
    """All the engine says at one tick. `firing` holds; `unknown`: (rule, series) nobody can judge now: hold them."""

    at_ms: int
    firing: tuple[Firing, ...]
    unknown: Set[tuple[str, str]]  # (rule name, check — or agent for `silence`)
    evidence: Mapping[str, Evidence]  # by check; an engine may make them one by one, when they are asked for
    failing: Collection[str] | None = None  # checks with a miss or a refusal since their last success; None: not known
    pending: frozenset[tuple[str, str]] = (
        frozenset()
    )  # (rule, check) whose condition holds, not yet for as long as it must
    event_ms: int | None = None  # the moment as agents' clocks have it, when most of them contradict the hub's


class Info(NamedTuple):
    """What people need to know of an element. Texts are cleaned; "" where nothing is known."""

    id: str
    kind: str
    name: str
    owner: str
    carrier: str
    circuit_id: str
    contact_name: str
    contact_phone: str


class Topology(Protocol):
    """What this room asks of the inventory. Element ids: `link:core-province`, `commune:26734`, `mcu:mcu-1`, …"""

    def path(self, check: str) -> tuple[str, ...]:
        """Elements the check crosses from its agent's site to its target, both ends included; () when unknown."""

    def paths(self, check: str) -> tuple[tuple[str, ...], ...]:
        """All ways its packets may go, `path` first, then those over backup links; at most 16. () when unknown."""

    def alternatives(self, element: str) -> tuple[str, ...]:
        """Elements any of which may carry traffic in place of it: of a link its backups, and the other way round."""

    def depth(self, element: str) -> int:
        """Steps outward from the hub's site, which is 0; links count as steps too."""

    def parent(self, element: str) -> str | None:
        """The next element toward the hub's site."""

    def symptoms(self, element: str) -> tuple[str, ...]:
        """Who suffers when it breaks: communes outward of it, or those whose checks end there (an MCU). Of a link with a
        backup, and of the backup: all behind the link, whether the other one lives or not."""

    def info(self, element: str) -> Info:
        """Name, owner, carrier, contact of an element; its id alone when it is not in the inventory."""

    def site_of(self, agent: str) -> str:
        """Element id of the site an agent stands in; "" for an unknown agent."""

    def checks(self) -> tuple[str, ...]:
        """All checks of the inventory."""

    def agent_names(self) -> tuple[str, ...]:
        """All agents of the inventory."""


def inward(element: str, topology: Topology) -> Iterator[str]:
    """The element, its parent, … up to the hub's site. An agent stands in its site."""
    seen = set[str]()
    step: str | None = element
    while step and step not in seen:
        seen.add(step)
        yield step
        is_agent = step.startswith("agent:")
        step = topology.site_of(step.removeprefix("agent:")) if is_agent else topology.parent(step)
