"""A small network in simulated time: checks on phases, faults on elements, agents that report, and a plain engine.

The engine here is written apart from `alerts.engine.engine`: three fixed rules (reach, loss, silence) straight from points.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile

from alerts.base import LOST, OK, REFUSED, Assessment, Evidence, Firing, Info

HUB = "site:core"
RULES = {"link-down": frozenset({"ping", "stamp", "sip"}), "link-loss": frozenset({"ping", "stamp"})}
WINDOW_MS = 20_000
HORIZON_MS = 120_000


class Tree:
    """Core, MCU room, one province and N communes, as the lab has them; satisfies `alerts.base.Topology`."""

    def __init__(self, communes: int) -> None:
        self.names = [f"c{number}" for number in range(1, communes + 1)]
        self._paths: dict[str, tuple[str, ...]] = {}  # asked for each packet
        self._ups: dict[str, list[str]] = {}
        self._parent: dict[str, str | None] = {
            HUB: None,
            "link:core-mcu": HUB,
            "site:mcu": "link:core-mcu",
            "mcu:mcu-1": "site:mcu",
            "link:core-province": HUB,
            "province:01": "link:core-province",
        }
        self._site = {"core": HUB, "province": "province:01"}
        self._ends = {"core-province": ("core", "province:01"), "core-mcu": ("core", "mcu:mcu-1")}
        self._ends["province-core"] = ("province", HUB)
        for name in self.names:
            self._parent[f"link:province-{name}"] = "province:01"
            self._parent[f"commune:{name}"] = f"link:province-{name}"
            self._site[name] = f"commune:{name}"
            self._ends[f"core-{name}"] = ("core", f"commune:{name}")
            self._ends[f"{name}-uplink"] = (name, "province:01")
            self._ends[f"{name}-core"] = (name, HUB)
            self._ends[f"{name}-mcu"] = (name, "mcu:mcu-1")

    def up(self, element: str) -> list[str]:
        """The element and all between it and the hub."""
        if element not in self._ups:
            above = self._parent[element]
            self._ups[element] = [element] if above is None else [element, *self.up(above)]
        return self._ups[element]

    def path(self, check: str) -> tuple[str, ...]:
        if check not in self._ends:
            return ()
        if check not in self._paths:
            agent, to = self._ends[check]
            out, back = self.up(self._site[agent]), self.up(to)
            shared = next(one for one in out if one in back)
            self._paths[check] = tuple(out[: out.index(shared) + 1] + back[: back.index(shared)][::-1])
        return self._paths[check]

    def paths(self, check: str) -> tuple[tuple[str, ...], ...]:
        return (self.path(check),) if check in self._ends else ()

    def alternatives(self, element: str) -> tuple[str, ...]:
        return ()

    def depth(self, element: str) -> int:
        return len(self.up(element)) - 1 if element in self._parent else 0

    def parent(self, element: str) -> str | None:
        return self._parent.get(element)

    def symptoms(self, element: str) -> tuple[str, ...]:
        if element in ("mcu:mcu-1", "site:mcu", "link:core-mcu"):  # who uses the server, or what leads to it
            return tuple(f"commune:{name}" for name in self.names)
        found = tuple(f"commune:{name}" for name in self.names if element in self.up(f"commune:{name}"))
        return found or (element,)

    def info(self, element: str) -> Info:
        known = element in self._parent
        return Info(
            element,
            element.partition(":")[0],
            f"Tên {element}" if known else "",
            "Sở KHCN" if known else "",
            "VNPT" if element.startswith("link:") else "",
            "TSL-1" if element.startswith("link:") else "",
            "Trực kênh",
            "080 00002",
        )

    def site_of(self, agent: str) -> str:
        return self._site.get(agent, "")

    def checks(self) -> tuple[str, ...]:
        return tuple(self._ends)

    def agent_names(self) -> tuple[str, ...]:
        return tuple(self._site)

    def agent_of(self, check: str) -> str:
        """Who runs a check."""
        return self._ends[check][0]


def kind(check: str) -> str:
    """As the lab has them."""
    return (
        "sip"
        if check.endswith("-mcu")
        else "stamp"
        if check.endswith("-uplink") or check == "province-core"
        else "ping"
    )


@dataclass
class Fault:
    """`element` is broken between two times (ms): cut, or a share of its packets is lost, each way."""

    element: str
    from_ms: int
    until_ms: int
    loss: float = 1.0
    refuses: bool = False  # its host says no

    def strikes(self, at_ms: int, rng: random.Random) -> bool:
        return self.from_ms <= at_ms < self.until_ms and (self.loss >= 1 or rng.random() < 1 - (1 - self.loss) ** 2)


@dataclass
class Series:
    """Points of one check, with what `Evidence` asks kept as they come (worlds are large, ticks many)."""

    points: deque[tuple[int, int]] = field(default_factory=deque)
    next_ms: int = 0
    ok_ms: int | None = None
    miss_ms: int | None = None
    refused_ms: int | None = None
    broken_ms: int | None = None

    def add(self, at_ms: int, outcome: int) -> None:
        """One more point, the newest."""
        if self.points and at_ms - self.points[-1][0] > 3_500:
            self.broken_ms = at_ms
        self.points.append((at_ms, outcome))
        if outcome == OK:
            self.ok_ms, self.miss_ms = at_ms, None
        elif outcome == REFUSED:
            self.refused_ms = at_ms
        else:
            self.broken_ms = at_ms
            self.miss_ms = at_ms if self.miss_ms is None else self.miss_ms

    def tail(self, many: int) -> Iterator[tuple[int, int]]:
        """The newest points, newest first."""
        return islice(reversed(self.points), many)

    def forget(self, before_ms: int) -> None:
        """Drop what left the window."""
        while self.points and self.points[0][0] < before_ms:
            self.points.popleft()
        self.ok_ms = None if (self.ok_ms or 0) < before_ms else self.ok_ms
        self.refused_ms = None if (self.refused_ms or 0) < before_ms else self.refused_ms
        if self.miss_ms is not None and self.miss_ms < before_ms:
            self.miss_ms = next((at for at, outcome in self.points if outcome == LOST), None)


class World:
    """Run `second()` again and again; `assess()` says what the rules say now."""

    def __init__(
        self,
        communes: int = 6,
        seed: int = 1,
        faults: tuple[Fault, ...] = (),
        dead: dict[str, int] | None = None,
        flush_ms: int = 1000,
    ) -> None:
        """`flush_ms`: an agent writes so often; at once when a check of its missed three times in a row."""
        self.rng = random.Random(seed)
        self.tree = Tree(communes)
        self.faults = faults
        self.dead = dead or {}  # agent → when it dies
        self.kinds = {check: kind(check) for check in self.tree.checks()}
        self.series = {check: Series(next_ms=self.rng.randrange(1000)) for check in self.tree.checks()}
        self.frontier = dict.fromkeys(self.tree._site, 0)
        self.arrived = dict.fromkeys(self.tree._site, 0)
        self.waiting: dict[str, list[tuple[int, str, int]]] = {agent: [] for agent in self.tree._site}
        self.lag = {agent: self.rng.randrange(900, 1400) for agent in self.tree._site}
        self.flush_ms = flush_ms
        self.due = {agent: self.rng.randrange(flush_ms) for agent in self.tree._site}
        self.losing: dict[str, int] = {}  # check → since when its loss is too high
        self.now_ms = 0

    def second(self) -> None:
        """One more second of measuring and reporting."""
        self.now_ms += 1000
        for check, series in self.series.items():
            while series.next_ms < self.now_ms:
                self._measure(check, series.next_ms)
                series.next_ms += 1000
        for agent in self.frontier:
            self._report(agent)

    def _measure(self, check: str, at_ms: int) -> None:
        agent = self.tree.agent_of(check)
        if at_ms >= self.dead.get(agent, 1 << 60):
            return
        path = self.tree.path(check)
        outcome = OK
        for fault in self.faults:
            if fault.element in path and fault.strikes(at_ms, self.rng):
                outcome = REFUSED if fault.refuses and outcome == OK else LOST
        if outcome == LOST and kind(check) == "sip" and all(fault.loss < 1 for fault in self.faults):
            outcome = OK  # SIP sends again
        self.waiting[agent].append((at_ms, check, outcome))

    def _is_urgent(self, agent: str) -> bool:
        """Is the third miss in a row of a check not told yet?"""
        told: dict[str, int] = {}
        misses: dict[str, int] = {}
        for at_ms, check, outcome in self.waiting[agent]:
            if at_ms < self.now_ms - self.lag[agent]:
                if check not in told:
                    told[check] = sum(1 for _ in takewhile(lambda one: one[1] != OK, self.series[check].tail(3)))
                    misses[check] = told[check]
                misses[check] = 0 if outcome == OK else misses[check] + 1
                told[check] = 0 if outcome == OK else told[check]
        return any(many >= 3 > told[check] for check, many in misses.items())

    def _report(self, agent: str) -> None:
        if self.now_ms >= self.dead.get(agent, 1 << 60):
            return
        if self.now_ms < self.due[agent] and not self._is_urgent(agent):
            return
        way = self.tree.up(self.tree.site_of(agent))
        if any(
            fault.element in way and fault.loss >= 1 and fault.from_ms <= self.now_ms < fault.until_ms + 1500
            for fault in self.faults
        ):
            return
        while self.due[agent] <= self.now_ms:
            self.due[agent] += self.flush_ms
        frontier = self.now_ms - self.lag[agent]
        stale = [one for one in self.waiting[agent] if one[0] < frontier - 4000 - self.flush_ms]  # backfill: not judged
        for at_ms, check, outcome in self.waiting[agent]:
            if at_ms < frontier and (at_ms, check, outcome) not in stale:
                self.series[check].add(at_ms, outcome)
                self.series[check].forget(frontier - HORIZON_MS)
        self.waiting[agent] = [one for one in self.waiting[agent] if one[0] >= frontier]
        self.frontier[agent], self.arrived[agent] = frontier, self.now_ms

    def assess(self) -> Assessment:
        firing, unknown, evidence = list[Firing](), set[tuple[str, str]](), dict[str, Evidence]()
        for check, series in self.series.items():
            agent = self.tree.agent_of(check)
            if not series.points:
                continue
            one = evidence[check] = self._evidence(check, agent, series)
            if self.now_ms - self.arrived[agent] > max(5000, 2.5 * self.flush_ms):
                unknown |= {("link-down", check), ("link-loss", check)}
                continue
            firing += self._reach(one) + self._loss(one, series)
        for agent, at_ms in self.arrived.items():
            if at_ms and self.now_ms - at_ms > max(15_000, 3 * self.flush_ms):
                firing.append(Firing("agent-silent", "silence", "warning", "-", agent, at_ms, None))
        return Assessment(self.now_ms, tuple(firing), frozenset(unknown), evidence)

    def _evidence(self, check: str, agent: str, series: Series) -> Evidence:
        latest = series.points[-1][1]
        return Evidence(
            check, agent, 1000, self.frontier[agent], series.ok_ms, series.miss_ms, latest, series.refused_ms,
            series.broken_ms,
        )  # fmt: skip

    def _reach(self, one: Evidence) -> list[Firing]:
        since = one.ok_ms or 0
        if one.frontier_ms - since <= 3000:
            return []
        points = self.series[one.check].points
        bad = [at for at, _ in takewhile(lambda point: point[1] != OK, reversed(points))][::-1]
        if sum(at > one.frontier_ms - 4500 for at in bad) < 3:
            return []
        return [Firing("link-down", "reach", "critical", one.check, one.agent, bad[0], None)]

    def _loss(self, one: Evidence, series: Series) -> list[Firing]:
        if self.kinds[one.check] == "sip":
            return []
        if max(series.broken_ms or 0, series.refused_ms or 0) <= one.frontier_ms - WINDOW_MS:
            self.losing.pop(one.check, None)  # nothing was lost within the window: most of a world, most of the time
            return []
        points = list(takewhile(lambda point: point[0] > one.frontier_ms - WINDOW_MS, reversed(series.points)))[::-1]
        lost = [at for at, outcome in points if outcome != OK]
        if len(points) < 10 or len(lost) < 0.1 * len(points):
            self.losing.pop(one.check, None)
            return []
        since = self.losing.setdefault(one.check, self._since(points))
        return [Firing("link-loss", "quality", "warning", one.check, one.agent, since, len(lost) / len(points))]

    def _since(self, points: list[tuple[int, int]]) -> int:
        """When so many of the window's points were lost that it is a tenth."""
        lost = [at for at, outcome in points if outcome != OK]
        return lost[-(-len(points) // 10) - 1]
