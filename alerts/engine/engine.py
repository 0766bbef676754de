"""Rules over all checks, once a second: what fires, what nobody can judge, and what every check has to say.

Time is event time, agent by agent (see `alerts.language.parse`); arrival counts for silence only. Each second of an agent's
frontier is judged once and in order, so a report every ten seconds decides as ten reports would. The series of an
agent that has not reported for longer than it usually takes are unknown: they neither fire nor end.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np

from alerts.base import OWN_KIND, Assessment, Evidence, Firing, Sample, own_series
from alerts.calendar import is_office_hours
from alerts.engine import memory
from alerts.engine.agent_times import PAUSES_KEPT, AgentTimes
from alerts.engine.compile import AgentView, CheckView
from alerts.engine.groups import Groups
from alerts.engine.memory import Memory
from alerts.engine.rings import Array
from alerts.engine.rule_state import RuleState
from alerts.engine.series import STEPS, Series
from alerts.engine.unknown import UnknownMembers, UnknownSeries
from alerts.language.parse import MAX_WINDOW_S
from alerts.language.tree import Figure, GroupFigure, figures_of, parts
from alerts.rules import Rule

MUTE_MS = 5_000  # an agent is mute after this long …
MUTE_PERIODS = 2.5  # … and after so many of its usual pauses
USUAL_MS = 10_000  # taken for the pause of an agent that wrote only once
LONGEST_PAUSE_MS = 300_000  # agents write at least so often: until then nobody knows whether such a one is silent
SET_BACK_MS = 60_000  # a frontier that goes back so far: the agent's clock was set
QUIET_MS = 60_000  # a check says nothing any more after so long …
QUIET_PERIODS = 5  # … and after so many of its periods, though its agent speaks: nobody knows what became of it
ONCE_MS = 3_600_000  # the same of a check that spoke once, whose period nobody knows
CLOCKS_MS = 60_000  # the hub's clock is believed unless most agents contradict it by more
ROLLOUT = (
    3  # where more agents, and more than a tenth, never spoke, the network is being built: each is told as news only
)
_REMEMBERED = ("frontier_ms", "arrived_ms", "usual_ms", "is_dated", "lead_ms")  # facts of agents, as memory has them
CHUNK = 40_000  # moments judged at once: what they need stays in the processor's cache


def no_conference(at_ms: int) -> Container[str]:
    """No conference."""
    return ()


class Engine:
    """Judges rules over points. Not thread-safe."""

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        horizon_s: int = MAX_WINDOW_S,
        in_conference: Callable[[int], Container[str]] = no_conference,
        room: int = 0,
    ) -> None:
        """`horizon_s`: how much of the past is fed again after a restart; longer windows make no sense. `in_conference`:
        the checks between rooms and MCUs of the conferences of a moment (Unix ms). `room`: so many series are expected."""
        self._checks = [RuleState(rule) for rule in rules if rule.fault != "silence"]
        self._by_kinds: dict[frozenset[str], list[RuleState]] = {}
        for state in self._checks:
            self._by_kinds.setdefault(frozenset(state.rule.kinds), []).append(state)
        self._silences = [RuleState(rule) for rule in rules if rule.fault == "silence"]
        own = [state.rule for state in self._checks if OWN_KIND in state.rule.kinds]
        self._own = frozenset(figure.what for figure in _figures(own))  # what rules ask of agents themselves
        figures = list(_figures(state.rule for state in self._checks))
        self.window_s = max([figure.window_s for figure in figures], default=1)  # the longest
        self._series = Series(figures, self.window_s, room)
        self.long_term = self._series.long_term  # what is learnt over weeks
        self._groups = Groups(self._series, _groups(state.rule for state in self._checks))
        self._agents: list[AgentTimes] = []
        self._numbers: dict[str, int] = {}  # name → index into `_agents`
        self._undated: set[int] = set()  # agents heard of since the last tick through others' writes
        self._unknown = UnknownMembers({})
        self._mute = np.zeros(0, bool)  # by row, as told last
        self._hub_behind_ms = 0  # by how much most agents' clocks are ahead of the hub's; 0 while they agree
        self._horizon_ms = horizon_s * 1000
        self._in_conference = in_conference

    # --- what comes in ---

    def _number(self, name: str) -> int:
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self._agents)
            self._agents.append(AgentTimes(name))
        return number

    def _each(self, fact: str) -> Array:
        """A fact of each agent, by number."""
        return np.fromiter(map(attrgetter(fact), self._agents), np.int64, len(self._agents))

    def arrived(self, agent: str, arrived_ms: int) -> None:
        """Something of an agent came in, by the hub's clock."""
        self._agents[self._number(agent)].arrive(arrived_ms)

    def clock(self, agent: str, ahead_ms: int) -> None:
        """How far an agent's clock was ahead of the hub's as a write of it arrived. Its stamps are moved by so much, unless
        most agents say that it is the hub's own that is wrong."""
        self._agents[self._number(agent)].tell_clock(ahead_ms, self._hub_behind_ms)

    def add(self, sample: Sample) -> None:
        """A point. A check belongs to the agent that spoke of it first, until that has been mute for the horizon."""
        number = self._number(sample.agent)
        agent = self._agents[number]
        if not agent.is_dated:
            self._undated.add(number)
        if agent.ahead_ms:
            sample = sample._replace(time_ms=sample.time_ms - agent.ahead_ms)
        if sample.check == "-":
            if sample.kind != OWN_KIND or self._own.isdisjoint(sample.values):
                return
            sample = sample._replace(check=own_series(sample.agent))
        row = self._series.row(sample, number)
        owner = int(self._series.agent[row])
        if owner != number:
            if agent.frontier_ms - self._series.newest_ms[row] < self._horizon_ms:
                return
            self._series.own(row, number, sample.agent)
        self._series.add(row, sample)

    def frontier(self, agent: str, ms: int) -> None:
        """All that an agent measured before a moment is told."""
        number = self._number(agent)
        times = self._agents[number]
        ms -= times.ahead_ms
        if ms < times.frontier_ms - SET_BACK_MS:
            rows = np.flatnonzero(self._series.agent[: len(self._series.names)] == number)
            self._series.begin_again(rows, ms)
            for state in self._checks:
                state.widen(self._series.width)
                state.forget(rows)
            times.frontier_ms = ms
        times.tell(ms)

    def expect(self, agents: Iterable[str], now_ms: int) -> None:
        """Agents that ought to speak: those never heard of are silent from now on."""
        for name in agents:
            if name not in self._numbers:
                self._agents[self._number(name)].arrived_ms = now_ms

    def jumped(self, ms: int, now_ms: int, *, is_pause: bool = True, is_step: bool = False) -> None:
        """The hub was away, or its clock was set (`is_step`), by so much until `now_ms`: that time is nobody's silence,
        and after a pause whoever is not silent yet has his full time again."""
        silent = {row for state in self._silences for row in state.firing}
        for number, agent in enumerate(self._agents):
            moved_ms = min(now_ms, agent.arrived_ms + ms)
            stays = not is_pause or number in silent or not agent.is_heard
            agent.arrived_ms = moved_ms if stays else now_ms
            agent.lead_ms -= ms if is_step else 0

    # --- across a restart ---

    def memory(self) -> Memory:
        """What must outlive the process, as it stands after a tick."""
        series, kept = memory.of_series(self._series, self._row_frontiers())
        agents = Memory({"names": list(self._numbers)})
        agents.arrays["facts"] = np.array([self._each(fact) for fact in _REMEMBERED])
        padded = [(*agent.pauses, *(0,) * (PAUSES_KEPT - len(agent.pauses))) for agent in self._agents]
        agents.arrays["pauses"] = np.array(padded, np.int64).reshape(-1, PAUSES_KEPT)
        states = memory.of_states(self._checks, kept)
        silences = memory.of_states(self._silences, np.arange(len(self._agents)))
        return memory.join({"series": series, "agents": agents, "judges": states, "silences": silences})

    def recall(self, whole: Memory, is_known: Callable[[str], bool]) -> None:
        """Take over what was remembered; all that was told before it and is still in a window was fed already.
        `is_known`: is there still such an agent? Raises whatever a memory of another shape makes of it."""
        agents = memory.part(whole, "agents")
        facts, pauses = agents.arrays["facts"].tolist(), agents.arrays["pauses"].tolist()
        numbers = np.full(len(agents.words["names"]), -1, np.int64)
        for at, name in enumerate(agents.words["names"]):
            if not is_known(name):
                continue
            numbers[at] = self._number(name)
            agent = self._agents[self._number(name)]
            for fact, value in zip(_REMEMBERED, facts, strict=True):
                setattr(agent, fact, value[at])
            agent.is_dated, agent.pauses = bool(agent.is_dated), tuple(pause for pause in pauses[at] if pause)
        by_name = {name: number for name, number in self._numbers.items() if is_known(name)}
        part = memory.part(whole, "series")
        rows = memory.into_series(self._series, part, by_name.get, self._each("began_ms").__getitem__)
        for state in self._checks:
            state.widen(self._series.width)
        memory.into_states(self._checks, memory.part(whole, "judges"), rows)
        memory.into_states(self._silences, memory.part(whole, "silences"), numbers)
        self._groups.count_again(self._row_frontiers())

    def long_memory(self) -> Memory:
        """What was learnt over weeks: large, and kept once an hour."""
        words, arrays = self.long_term.memory(self._series.names)
        return Memory({"checks": words}, arrays)

    def believe(self, members: Iterable[tuple[str, str]], since_ms: int) -> None:
        """(rule, series) that accused somebody before a restart whose memory is lost: until known to be over."""
        states = {state.rule.name: state for state in self._checks}
        for rule, check in members:
            row = self._series.number(check)
            if rule in states and row is not None:
                states[rule].believe(row, since_ms)

    def stays_silent(self, rule: str, agent: str, since_ms: int, now_ms: int) -> None:
        """An agent that was silent before a restart, and has not spoken since, is silent whatever clocks say meanwhile."""
        number = self._number(agent)
        times = self._agents[number]
        if times.frontier_ms >= since_ms + USUAL_MS:
            return
        times.arrived_ms = min(times.arrived_ms, now_ms - max(LONGEST_PAUSE_MS, 4 * times.usual_ms))
        for state in self._silences:
            if state.rule.name == rule:
                state.believe(number, times.arrived_ms)

    # --- a tick ---

    def assess(self, now_ms: int) -> Assessment:
        """All that can be said at a moment of the hub's clock."""
        for number in self._undated:
            self._agents[number].arrived_ms = now_ms
        self._undated.clear()
        self.long_term.turn(now_ms, self._series.names)
        with np.errstate(divide="ignore", invalid="ignore"):
            mute = self._mute_agents(now_ms)
            self._judge_checks(mute)
            self._judge_agents(now_ms)
        frontier_ms = self._row_frontiers()
        gone = self._gone_quiet(frontier_ms)
        mute_rows = gone | mute[self._series.agent[: len(gone)]] if len(mute) else gone
        self._without_data(mute_rows, now_ms)
        unknown = self._all_unknown(mute_rows)
        evidence = Evidences(self._series, frontier_ms, self._horizon_ms)
        failing = [self._series.names[row] for row in sorted(self._series.failing) if not gone[row]]
        holds = self._times(now_ms)
        pending = frozenset(
            member for state in self._checks for member in state.pending(self._series.names, holds[state.rule.only])
        )
        self._hub_behind_ms = self._clock_fault_ms()
        event_ms = now_ms + self._hub_behind_ms
        return Assessment(now_ms, tuple(self._fired(mute_rows, holds)), unknown, evidence, failing, pending, event_ms)

    def _times(self, now_ms: int) -> dict[str, Callable[[str], bool]]:
        """For each `only` of a rule: does it hold for a check now?"""
        is_open = is_office_hours(now_ms)
        meeting = self._in_conference(now_ms)
        return {"always": lambda _: True, "office-hours": lambda _: is_open, "conference": meeting.__contains__}

    def _without_data(self, mute_rows: Array, now_ms: int) -> None:
        """Rules that take it for bad or for well when nobody tells of a check."""
        for state in self._checks:
            if state.rule.nodata != "hold":
                mine = self._series.is_of(state.rule.kinds)
                state.without_data(np.flatnonzero(mine & mute_rows), now_ms)

    def _gone_quiet(self, frontier_ms: Array) -> Array:
        """By row: does its agent tell nothing of it any more?"""
        newest = np.array(self._series.newest_ms, np.int64)
        period = np.array(self._series.period_ms, np.int64)
        patience_ms = np.where(period > 0, np.maximum(QUIET_MS, QUIET_PERIODS * period), ONCE_MS)
        return np.asarray(frontier_ms - newest > patience_ms)

    def _clock_fault_ms(self) -> int:
        """By how much the agents' clocks are ahead of the hub's; 0 while they agree."""
        heard = [agent.lead_ms for agent in self._agents if agent.is_heard]
        middle_ms = sorted(heard)[len(heard) // 2] if heard else 0
        return middle_ms if abs(middle_ms) > CLOCKS_MS else 0

    def _mute_agents(self, now_ms: int) -> Array:
        """By number: has it been quiet for longer than usual?"""
        arrived, usual = self._each("arrived_ms"), self._each("usual_ms")
        usual[usual == 0] = USUAL_MS
        return np.asarray(now_ms - arrived > np.maximum(MUTE_MS, MUTE_PERIODS * usual))

    def _row_frontiers(self) -> Array:
        of_agents = self._each("frontier_ms")
        return of_agents[self._series.agent[: len(self._series.names)]] if len(of_agents) else of_agents

    def _judge_checks(self, mute: Array) -> None:
        series = self._series
        for state in self._checks:
            state.widen(series.width)
        frontier_ms = self._row_frontiers()
        series.advance(frontier_ms)
        judged_ms = series.judged_ms[: len(frontier_ms)]
        moved = np.flatnonzero(frontier_ms > judged_ms)
        if not len(moved):
            return
        if series.histograms is not None:
            series.histograms.settle(moved)
        self._groups.take(moved, frontier_ms, mute)
        steps = np.clip(
            -((judged_ms - frontier_ms) // 1000), 1, STEPS
        )  # each second is judged, the latest ones at most
        for kinds, states in self._by_kinds.items():
            rows = moved[series.is_of(kinds)[moved]]
            for part in _chunks(rows, steps):
                view = CheckView(series, part, steps[part], frontier_ms[part], self._groups.figures)
                for state in states:
                    state.step(view, view.rows, view.at_ms, view.latest)
        series.judged_ms[moved] = frontier_ms[moved]

    def _judge_agents(self, now_ms: int) -> None:
        if not self._agents:
            return
        rows = np.arange(len(self._agents))
        arrived, usual = self._each("arrived_ms"), self._each("usual_ms").astype(np.float64)
        usual[usual == 0] = np.where(now_ms - arrived > LONGEST_PAUSE_MS, USUAL_MS, np.nan)[usual == 0]
        view = AgentView(arrived, usual, now_ms)
        for state in self._silences:
            state.widen(2 * len(rows))
            state.step(view, rows, np.full(len(rows), now_ms, np.int64), rows)

    # --- what is told ---

    def _fired(self, mute: Array, holds: Mapping[str, Callable[[str], bool]]) -> Iterator[Firing]:
        series = self._series
        for state in self._checks:
            yield from state.fired(mute, series.names, series.owners, holds[state.rule.only])
        fault_ms = self._clock_fault_ms() if any(state.firing for state in self._silences) else 0
        for state in self._silences:
            unheard = {row for row in state.firing if not self._agents[row].is_heard}
            is_rollout = len(unheard) > max(ROLLOUT, len(self._agents) // 10)
            for row, value in state.firing.items():
                agent = self._agents[row]
                firing = state.firing_of("-", agent.name, agent.arrived_ms + fault_ms, value)
                severity = "info" if is_rollout else firing.severity
                yield replace(firing, never=True, severity=severity) if row in unheard else firing

    def _all_unknown(self, mute: Array) -> UnknownMembers:
        """Made anew only when something became known or unknown."""
        states = [*self._checks, *self._silences]
        if not np.array_equal(mute, self._mute) or any(state.changed for state in states):
            self._mute = mute
            self._unknown = UnknownMembers(dict(self._unknown_by_rule(mute)))
        return self._unknown

    def _unknown_by_rule(self, is_mute: Array) -> Iterator[tuple[str, UnknownSeries]]:
        series = self._series
        for kinds, states in self._by_kinds.items():
            mine = series.is_of(kinds)
            for state in states:
                if state.rule.nodata == "hold":
                    is_unknown = mine & (is_mute | state.unknown[: len(mine)])
                    yield state.rule.name, UnknownSeries(is_unknown, series.names, series.number)
                state.changed = False
        for state in self._silences:
            is_unknown = state.unknown[: len(self._agents)].copy()
            yield state.rule.name, UnknownSeries(is_unknown, list(self._numbers), self._numbers.get)
            state.changed = False


def _chunks(rows: Array, steps: Array) -> Iterator[Array]:
    """Rows in parts of about `CHUNK` moments."""
    if not len(rows):
        return
    parts_of = np.cumsum(steps[rows]) // CHUNK
    yield from np.split(rows, np.flatnonzero(np.diff(parts_of)) + 1)


def _figures(rules: Iterable[Rule]) -> Iterator[Figure]:
    return (figure for rule in rules for tree in rule.trees.values() for figure in figures_of(tree))


def _groups(rules: Iterable[Rule]) -> Iterator[tuple[GroupFigure, frozenset[str]]]:
    for rule in rules:
        nodes = (node for tree in rule.trees.values() for node in parts(tree))
        yield from ((node, frozenset(rule.kinds)) for node in nodes if isinstance(node, GroupFigure))


class Evidences(Mapping[str, Evidence]):
    """Evidence by check, made when it is asked for. What it says is of the tick it was made in.

    The window a time may stand in is the horizon, or four periods of a slower check; the first miss of an outage
    stands as long as the outage.
    """

    def __init__(self, series: Series, frontier_ms: Array, horizon_ms: int) -> None:
        self._series, self._frontier_ms, self._horizon_ms = series, frontier_ms, horizon_ms
        self._facts = [
            facts[:]
            for facts in (
                series.period_ms, series.reply_ms, series.miss_ms, series.refused_ms, series.newest_ms, series.latest,
                series.late_miss_ms,
            )
        ]  # fmt: skip
        self._since = series.since.copy()
        self._count = len(frontier_ms)
        self._made = dict[str, Evidence]()  # who was asked for is asked for again

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return iter(self._series.names[: self._count])

    def __getitem__(self, check: str) -> Evidence:
        evidence = self._made.get(check)
        if evidence is None:
            evidence = self._made[check] = self._make(check)
        return evidence

    def get(self, check: str, default: Any = None) -> Any:
        """See `Mapping`; asked for by the million."""
        evidence = self._made.get(check)
        return evidence if evidence is not None else super().get(check, default)

    def __contains__(self, check: object) -> bool:
        row = self._series.number(str(check))
        return row is not None and row < self._count

    def _make(self, check: str) -> Evidence:
        row = self._series.number(check)
        if row is None or row >= self._count:
            raise KeyError(check)
        period, reply, miss, refused, newest, latest, lost = (facts[row] for facts in self._facts)
        frontier_ms = int(self._frontier_ms[row])
        oldest_ms = frontier_ms - max(self._horizon_ms, 4 * period)
        return Evidence(
            check=check,
            agent=self._series.owners[row],
            period_ms=period or 1000,
            frontier_ms=frontier_ms,
            ok_ms=reply if reply and reply > oldest_ms else None,
            miss_ms=miss or None,
            latest=latest if newest else None,
            refused_ms=refused if refused and refused > oldest_ms else None,
            broken_ms=max(lost, 1000 * int(self._since[row])) or None,
            newest_ms=newest or None,
        )
