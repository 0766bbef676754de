"""Twenty kinds of incident in simulated time, through the hub's evaluator with a real database, and what happens to hubs
meanwhile: killed and started again, stopped and continued, their clock set on and back. A disturbed life must tell what
the undisturbed one tells.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import records
from incident_world import Tree

from alerts.base import LOST, OK, REFUSED
from alerts.rules import Rule, When
from netmon.config.hub import HubConfig
from netmon.config.receiver import ReceiverConfig
from netmon.hub.incidents.evaluator import Evaluator
from netmon.hub.incidents.tables import IncidentTables
from netmon.hub.ingest.batch import Batch
from netmon.hub.tables import open_database
from netmon.line import Line
from netmon.load import rules
from netmon.segments.position import Position

BASE_S = 1_790_000_000
HOUR = 3600
LAG_S, OLD_S = 1.0, 15.0  # an agent tells a second later; what waited for longer comes as backfill
DISTURBANCES = ("restart", "pause", "ahead", "back")
Fields = Mapping[str, int | float]


def _rule(name: str, when: str, **more: object) -> Rule:
    given: dict[str, object] = {"name": name, "kinds": ("ping",), "when": When(when), "fault": "quality", **more}
    return Rule(**given)  # type: ignore[arg-type]


RULES = (
    *rules.load(None),
    _rule("long-loss", "loss(20s) >= 4% and lost(20s) >= 1", for_s=600.0),
    _rule("loss-in-many", "share_by(province, missed(ok) >= 2) >= 50%", kinds=("dns",), for_s=100.0),
)


class Check(NamedTuple):
    """One check of a story: its kind, time between points, and what it tells when all is well, and when it is not."""

    kind: str
    every_s: int
    well: Fields
    ill: Fields = {}  # noqa: RUF012


def counted(sent: int, rcvd: int, bucket: int = 93) -> Fields:
    """A packet check's interval."""
    told: dict[str, int | float] = {"sent": sent, "rcvd": rcvd, "outcome": OK if rcvd else LOST}
    return told | ({f"rtt_b{bucket}": rcvd} if rcvd else {})


def asked(outcome: int = OK, **more: float) -> Fields:
    """A request's."""
    return {"sent": 1, "rcvd": int(outcome != LOST), "outcome": outcome, **more}


PINGS = counted(10, 10)


def _around(every_s: int = 1) -> dict[str, Check]:
    """What every story has: three communes seen from both sides."""
    names = [f"{name}{end}" for name in ("c1", "c2", "c3") for end in ("-uplink", "-core")]
    return {name: Check("ping", every_s, PINGS) for name in (*names, "core-c1", "core-c2", "core-c3", "province-core")}


def _ill(checks: Mapping[str, Check], ill: Fields, *those: str) -> dict[str, Check]:
    return {name: one._replace(ill=ill) if name in those or not those else one for name, one in checks.items()}


C1 = ("c1-uplink", "c1-core", "core-c1")
UPLINK = (*C1, "c2-core", "c3-core", "core-c2", "core-c3", "province-core")


@dataclass(frozen=True)
class Story:
    """One trouble, from `begins_s` until `ends_s`. `cut`: agents whose writes do not come through meanwhile."""

    name: str
    checks: Mapping[str, Check]
    cut: tuple[str, ...] = ()
    begins_s: int = 100
    ends_s: int = 260
    until_s: int = 560
    step_s: int = 1
    dead: str = ""  # an agent that does not run meanwhile
    gone: Mapping[str, int] = field(default_factory=dict)  # checks taken out of their agent's file, and when


def _slow(name: str, checks: Mapping[str, Check], hours: tuple[float, float, float], **more: object) -> Story:
    begins, ends, until = (int(hour * HOUR) for hour in hours)
    told = {"begins_s": begins, "ends_s": ends, "until_s": until, "step_s": 10, **more}
    return Story(name, {**_around(10), **checks}, **told)  # type: ignore[arg-type]


def _with(**checks: Check) -> dict[str, Check]:
    return _around() | {name.replace("_", "-"): one for name, one in checks.items()}


GONE = asked(LOST)
STORIES = (
    Story("link down", _ill(_around(), counted(10, 0), *C1), cut=("c1",)),
    Story("uplink down", _ill(_around(), counted(10, 0), *UPLINK), cut=("c1", "c2", "c3", "province")),
    Story("link loses a third", _ill(_around(), counted(10, 7), *C1)),
    Story("uplink loses a third", _ill(_around(), counted(10, 7), *UPLINK)),
    Story("link slow", _ill(_around(), counted(10, 10, 155), *C1)),
    Story("conference server silent", _with(c1_mcu=Check("sip", 5, asked(), GONE), c2_mcu=Check("sip", 5, asked(), GONE))),
    Story("conference server refuses", _with(c1_mcu=Check("sip", 5, asked(), asked(REFUSED)))),
    Story("service down", _with(c1_web=Check("http", 10, asked(), GONE), c2_web=Check("http", 10, asked(), GONE))),
    Story("port closed", _with(c1_web=Check("tcp", 5, asked(), asked(REFUSED)))),
    Story("agent dead", _around(), dead="c2"),
    Story("agent unfit", _with(c1_self=Check("agent", 60, {"floor_p50_us": 80}, {"floor_p50_us": 4000})),
          ends_s=500, until_s=900),
    Story("loss for long", _ill(_around(), counted(10, 9), *C1), ends_s=1000, until_s=1300),
    Story("slow checks lose", {**_around(10), **_ill(_around(10), counted(5, 3), *C1)}, ends_s=460, until_s=800),
    Story("many of a province", _with(c1_dns=Check("dns", 30, asked(), GONE), c2_dns=Check("dns", 30, asked(), GONE),
                                      c3_dns=Check("dns", 30, asked())), ends_s=560, until_s=900),
    Story("on battery", _with(c1_ups=Check("snmp", 60, asked(power_source=3), asked(power_source=5))),
          ends_s=560, until_s=900),
    Story("interface down", _with(c1_ups=Check("snmp", 60, asked(if_state=1), asked(if_state=2))), ends_s=560, until_s=900),
    Story("call not taken", _with(core_call=Check("sipcall", 60, asked(), asked(REFUSED, verdict=1))), ends_s=700, until_s=1100),
    _slow("throughput low", {"c1-tp": Check("throughput", HOUR, asked(rate_bps=9e6), asked(rate_bps=2e6))}, (1.5, 3.7, 6)),
    _slow("streams poor", {"c1-media": Check("media", HOUR, asked(verdict=0), asked(verdict=3))}, (1.5, 4.7, 7)),
    _slow("room not ready", {"core-room": Check("room", 600, asked(rung=7, verdict=0), asked(REFUSED, rung=3))}, (0.3, 1.2, 2)),
    _slow("certificate", {"core-tls": Check("tls", HOUR, asked(cert_days=40), asked(cert_days=9))}, (1.5, 3.7, 6)),
    _slow("software changed", {"core-h323": Check("h323", 60, asked(product_crc=17), asked(product_crc=18))}, (0.2, 0.5, 1.1)),
)  # fmt: skip


class HubTree(Tree):
    """The small network with a service, a room, and every check of the stories."""

    def __init__(self) -> None:
        super().__init__(3)
        self._parent |= {"service:web": "province:01", "room:c1": "commune:c1"}
        for name in self.names:
            self._ends[f"{name}-web"] = self._ends[f"{name}-dns"] = (name, "service:web")
        self._ends |= {
            "c1-ups": ("c1", "commune:c1"),
            "core-call": ("core", "mcu:mcu-1"),
            "core-h323": ("core", "mcu:mcu-1"),
            "core-tls": ("core", "service:web"),
            "core-room": ("core", "room:c1"),
            "c1-tp": ("c1", "province:01"),
            "c1-media": ("c1", "province:01"),
        }


@dataclass
class Life:
    """One hub through one story."""

    folder: Path
    story: Story
    seed: int
    at_s: int = 0
    offset_s: float = 0.0  # of the hub's clock
    away_until_s: int = 0
    pages: list[tuple[int, str, str, str]] = field(default_factory=list)  # (at, status, kind, element)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.seed} {self.story.name}")
        self.topology = HubTree()
        receiver = ReceiverConfig(
            name="r", url="http://127.0.0.1:9/", secret_file="/dev/null", severities=("critical", "warning", "info")
        )
        self.config = HubConfig(name="hub", receivers=(receiver,))
        self.phase = {name: self.draw.randrange(one.every_s) for name, one in self.story.checks.items()}
        self.stored: list[Batch] = []
        self.waiting: list[tuple[int, str, list[Line]]] = []
        self.told = 0
        self.steady_s = self.draw.uniform(0, 1e6)
        self.open()

    def open(self) -> None:
        """A new process."""
        self.database = open_database(self.folder / "hub.db")
        self.evaluator = Evaluator(self.config, self.topology, RULES, IncidentTables(self.database), self.folder)
        start = self.evaluator.start_position()
        for batch in self.stored:
            if batch.position > start:
                self.evaluator.replay(batch)
        self.evaluator.caught_up(self.now_s)
        self.killed = False

    @property
    def now_s(self) -> float:
        """The hub's wall clock."""
        return BASE_S + self.at_s + self.offset_s + 0.2

    def run(self, moments: Mapping[int, str] | None = None) -> Life:
        """To the end; `moments`: what happens to the hub when."""
        due = dict(moments or {})
        while self.at_s < self.story.until_s:
            self.at_s += self.story.step_s
            for when in [when for when in due if when <= self.at_s]:
                self.disturb(due.pop(when))
            self.measure()
            if self.at_s >= self.away_until_s:
                self.turn()
        self.database.close()
        return self

    def disturb(self, what: str) -> None:
        """Something happens to the hub."""
        if what in ("ahead", "back"):
            self.offset_s += HOUR if what == "ahead" else -HOUR
        elif what == "pause":
            self.away_until_s = self.at_s + self.draw.choice((7, 45, 300 if self.story.ends_s > 500 else 45))
        elif what == "restart" and not self.killed:
            self.away_until_s = self.at_s + self.draw.choice((1, 3, 40))
            self.database.close()
            self.killed = True

    def turn(self) -> None:
        """The hub's second: what waits in the sockets comes after the timer that is due."""
        if self.killed:
            self.open()
        late = bool(self.away_until_s)
        self.away_until_s = 0
        if late:
            self.tick()
        for at_s, agent, lines in self.waiting:
            self.deliver(at_s, agent, lines)
        self.waiting.clear()
        self.tick()

    def tick(self) -> None:
        """Judge; receivers take all pages."""
        self.evaluator.tick(self.now_s, self.steady_s + self.at_s)
        rows = self.database.rows("SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq", self.told)
        for _, body in rows:
            page = json.loads(body)
            labels = page["commonLabels"]
            self.pages.append((self.at_s, page["status"], labels["alertname"], labels["element"]))
        if rows:
            with self.database.transaction() as sql:
                sql.execute("UPDATE outbox SET state = 'accepted' WHERE state = 'waiting'")
            self.evaluator.board.pages_changed()
            self.told = rows[-1][0]

    # --- the network ---

    def measure(self) -> None:
        """Each agent's points of this step, on their way to the hub."""
        ill = self.story.begins_s <= self.at_s < self.story.ends_s
        mine: dict[str, list[Line]] = {agent: [] for agent in self.topology.agent_names()}
        for name, check in self.story.checks.items():
            if self.at_s > self.story.gone.get(name, 1 << 60):
                continue
            agent = "c1" if name == "c1-self" else self.topology.agent_of(name)
            fields = check.ill if ill and check.ill else check.well
            mine[agent] += [_line(agent, name, check.kind, at, fields) for at in self._due(name, check)]
        for agent, lines in mine.items():
            if ill and agent == self.story.dead:
                continue
            self.waiting.append((self.at_s, agent, lines))
        cut = self.story.cut if ill else ()
        self.waiting = [one for one in self.waiting if one[1] not in cut or self.at_s - one[0] < OLD_S]

    def _due(self, name: str, check: Check) -> Iterator[int]:
        for at in range(self.at_s - self.story.step_s, self.at_s):
            if at % check.every_s == self.phase[name]:
                yield at

    def deliver(self, at_s: int, agent: str, lines: list[Line]) -> None:
        """One write; what waited for long is backfill, and never reaches rules."""
        if agent in self.story.cut and self.story.begins_s <= self.at_s < self.story.ends_s:
            return
        backfill = self.at_s - at_s > OLD_S
        number = len(self.stored) + 1
        frontier_ms = None if backfill else int((BASE_S + at_s) * 1000)
        arrived_ns = int(self.now_s * 1e9)
        where = Position(1, number)
        self.stored.append(
            records.batch(
                lines,
                where,
                agent=agent,
                first=number,
                last=number,
                frontier_ms=frontier_ms,
                backfill=backfill,
                arrived_ns=arrived_ns,
            )
        )
        self.evaluator.accept(self.stored[-1])


def _line(agent: str, check: str, kind: str, at_s: int, fields: Fields) -> Line:
    name = "-" if kind == "agent" else check
    tags = {"agent": agent, "check": name, "commune": "-", "province": "01", "site": agent, "target": "-"}
    return Line(f"netmon_{kind}", tags, dict(fields), int((BASE_S + at_s) * 1000))


class Told(NamedTuple):
    """What a disturbed life said otherwise: pages too many, and pages that never came, as (disturbance, page)."""

    false: list[tuple[str, tuple[str, str, str]]]
    missing: list[tuple[str, tuple[str, str, str]]]


def compare(calm: Life, disturbed: Life, moments: Mapping[int, str]) -> Told:
    """Page by page, whenever it came."""
    left = [page[1:] for page in calm.pages]
    false = []
    for at_s, *page in disturbed.pages:
        if tuple(page) in left:
            left.remove((page[0], page[1], page[2]))
        else:
            before = [what for when, what in sorted(moments.items()) if when <= at_s]
            false.append((before[-1] if before else "none", (page[0], page[1], page[2])))
    last = [what for _, what in sorted(moments.items())][-1:] or ["none"]
    return Told(false, [(last[0], page) for page in left])


def draw_moments(story: Story, draw: random.Random, what: tuple[str, ...] = DISTURBANCES) -> dict[int, str]:
    """Each once, in any order, at any moment while the story goes on."""
    ends = story.ends_s + (story.until_s - story.ends_s) // 4
    return dict(zip(sorted(draw.sample(range(20, ends), len(what))), draw.sample(what, len(what)), strict=True))


Make = Callable[[Story, int], Life]
