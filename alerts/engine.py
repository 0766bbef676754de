"""Rules over all checks, once a second: what fires, what nobody can judge, and what every check has to say.

Time is event time, agent by agent (see `alerts.condition`); arrival counts for silence only. Each second of an agent's
frontier is judged once and in order, so a report every ten seconds decides as ten reports would. The series of an
agent that has not reported for longer than it usually takes are unknown: they neither fire nor end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from alerts.base import OWN_KIND, Assessment, Evidence, Firing, Sample, own_series
from alerts.compiled import Moments, Writers
from alerts.condition import MOST_WINDOW_S
from alerts.groups import Groups
from alerts.judge import Judge
from alerts.rings import Array
from alerts.rules import Rule
from alerts.series import STEPS, Series
from alerts.tree import Ask, Group, asks, parts

MUTE_MS = 5_000  # an agent is mute after this long …
MUTE_PERIODS = 2.5  # … and after so many of its usual pauses
USUAL_MS = 10_000  # taken for the pause of an agent that wrote only once
LONGEST_PAUSE_MS = 300_000  # agents write at least so often: until then nobody knows whether such a one is silent
LEAST_PAUSE_MS = 200  # writes closer together are one
SET_BACK_MS = 60_000  # a frontier that goes back so far: the agent's clock was set
CHUNK = 40_000  # moments judged at once: what they need stays in the processor's cache


class Engine:
    """Judges rules over points. Not thread-safe."""

    def __init__(self, rules: Sequence[Rule], *, horizon_s: int = MOST_WINDOW_S) -> None:
        """`horizon_s`: how much of the past is fed again after a restart; longer windows make no sense."""
        self._checks = [Judge(rule) for rule in rules if rule.fault != "silence"]
        self._by_kinds: dict[frozenset[str], list[Judge]] = {}
        for judge in self._checks:
            self._by_kinds.setdefault(frozenset(judge.rule.kinds), []).append(judge)
        self._silences = [Judge(rule) for rule in rules if rule.fault == "silence"]
        own = [judge.rule for judge in self._checks if OWN_KIND in judge.rule.kinds]
        self._own = frozenset(ask.what for ask in _asked(own))  # what rules ask of agents themselves
        asked = list(_asked(judge.rule for judge in self._checks))
        self._series = Series(asked, max([ask.window_s for ask in asked], default=1))
        self._groups = Groups(self._series, _groups(judge.rule for judge in self._checks))
        self._agents: dict[str, int] = {}
        self._names: list[str] = []
        self._frontier_ms: list[int] = []
        self._arrived_ms: list[int] = []
        self._pauses: list[tuple[int, ...]] = []
        self._usual_ms: list[int] = []  # the median of its last pauses between writes
        self._is_dated: list[bool] = []  # its writes say when they arrived
        self._undated: set[int] = set()  # agents heard of since the last tick through others' writes
        self._told = set[tuple[str, str]]()  # (rule, series) that are unknown
        self._unknown: frozenset[tuple[str, str]] = frozenset()
        self._mute = np.zeros(0, bool)
        self._horizon_ms = horizon_s * 1000

    # --- what comes in ---

    def _agent(self, name: str) -> int:
        number = self._agents.get(name)
        if number is None:
            number = self._agents[name] = len(self._names)
            self._names.append(name)
            self._frontier_ms.append(0)
            self._arrived_ms.append(0)
            self._is_dated.append(False)
            self._pauses.append(())
            self._usual_ms.append(0)
        return number

    def arrived(self, agent: str, arrived_ms: int) -> None:
        """Something of an agent came in, by the hub's clock."""
        number = self._agent(agent)
        pause = arrived_ms - self._arrived_ms[number]
        if self._is_dated[number] and pause >= LEAST_PAUSE_MS:
            pauses = self._pauses[number] = (*self._pauses[number][-4:], pause)
            self._usual_ms[number] = sorted(pauses)[(len(pauses) - 1) // 2]
        self._arrived_ms[number] = max(self._arrived_ms[number], arrived_ms)
        self._is_dated[number] = True

    def add(self, sample: Sample) -> None:
        """A point. A check belongs to the agent that spoke of it first, until that has been mute for the horizon."""
        number = self._agent(sample.agent)
        if not self._is_dated[number]:
            self._undated.add(number)
        if sample.check == "-":
            if sample.kind != OWN_KIND or self._own.isdisjoint(sample.values):
                return
            sample = sample._replace(check=own_series(sample.agent))
        row = self._series.row(sample, number)
        owner = int(self._series.agent[row])
        if owner != number:
            if self._frontier_ms[number] - self._series.newest_ms[row] < self._horizon_ms:
                return
            self._series.own(row, number, sample.agent)
        self._series.add(row, sample)

    def frontier(self, agent: str, ms: int) -> None:
        """All that an agent measured before a moment is told."""
        number = self._agent(agent)
        if ms < self._frontier_ms[number] - SET_BACK_MS:
            rows = np.flatnonzero(self._series.agent[: len(self._series.names)] == number)
            self._series.begin_again(rows, ms)
            for judge in self._checks:
                judge.widen(self._series.width)
                judge.forget(rows)
            self._frontier_ms[number] = ms
        self._frontier_ms[number] = max(self._frontier_ms[number], ms)

    # --- a tick ---

    def assess(self, now_ms: int) -> Assessment:
        """All that can be said at a moment of the hub's clock."""
        for number in self._undated:
            self._arrived_ms[number] = now_ms
        self._undated.clear()
        with np.errstate(divide="ignore", invalid="ignore"):
            mute = self._mute_agents(now_ms)
            self._judge_checks(mute)
            self._judge_agents(now_ms)
        unknown = self._all_unknown(mute)
        evidence = Evidences(self._series, self._row_frontiers(), self._horizon_ms)
        failing = [self._series.names[row] for row in sorted(self._series.failing)]
        pending = frozenset(one for judge in self._checks for one in judge.pending(self._series.names))
        return Assessment(now_ms, tuple(self._fired(mute)), unknown, evidence, failing, pending)

    def _mute_agents(self, now_ms: int) -> Array:
        """By number: has it been quiet for longer than usual?"""
        arrived, usual = np.array(self._arrived_ms, np.int64), np.array(self._usual_ms, np.int64)
        usual[usual == 0] = USUAL_MS
        return np.asarray(now_ms - arrived > np.maximum(MUTE_MS, MUTE_PERIODS * usual))

    def _row_frontiers(self) -> Array:
        of_agents = np.array(self._frontier_ms, np.int64)
        return of_agents[self._series.agent[: len(self._series.names)]] if len(of_agents) else of_agents

    def _judge_checks(self, mute: Array) -> None:
        series = self._series
        for judge in self._checks:
            judge.widen(series.width)
        frontier_ms = self._row_frontiers()
        series.advance(frontier_ms)
        judged_ms = series.judged_ms[: len(frontier_ms)]
        moved = np.flatnonzero(frontier_ms > judged_ms)
        if not len(moved):
            return
        if series.spreads is not None:
            series.spreads.settle(moved)
        self._groups.take(moved, frontier_ms, mute)
        steps = np.clip(
            -((judged_ms - frontier_ms) // 1000), 1, STEPS
        )  # each second is judged, the latest ones at most
        for kinds, judges in self._by_kinds.items():
            rows = moved[series.is_of(kinds)[moved]]
            for part in _chunks(rows, steps):
                view = Moments(series, part, steps[part], frontier_ms[part], self._groups.figures)
                for judge in judges:
                    judge.step(view, view.rows, view.at_ms, view.latest)
        series.judged_ms[moved] = frontier_ms[moved]

    def _judge_agents(self, now_ms: int) -> None:
        if not self._names:
            return
        rows = np.arange(len(self._names))
        arrived, usual = np.array(self._arrived_ms, np.int64), np.array(self._usual_ms, np.float64)
        usual[usual == 0] = np.where(now_ms - arrived > LONGEST_PAUSE_MS, USUAL_MS, np.nan)[usual == 0]
        view = Writers(arrived, usual, now_ms)
        for judge in self._silences:
            judge.widen(2 * len(rows))
            judge.step(view, rows, np.full(len(rows), now_ms, np.int64), rows)

    # --- what is told ---

    def _fired(self, mute: Array) -> Iterator[Firing]:
        series = self._series
        is_mute = mute[series.agent[: len(series.names)]] if len(mute) else mute
        for judge in self._checks:
            yield from judge.fired(is_mute, series.names, series.owners)
        for judge in self._silences:
            for row, value in judge.firing.items():
                yield judge.tell("-", self._names[row], self._arrived_ms[row], value)

    def _all_unknown(self, mute: Array) -> frozenset[tuple[str, str]]:
        """Made anew only when something became known or unknown."""
        judges = [*self._checks, *self._silences]
        same = np.array_equal(mute, self._mute) and not any(judge.changed for judge in judges)
        if not same:
            self._mute = mute
            self._note_unknown(mute)
            self._unknown = frozenset(self._told)
        return self._unknown

    def _note_unknown(self, mute: Array) -> None:
        series = self._series
        count = len(series.names)
        is_mute = mute[series.agent[:count]] if count else np.zeros(0, bool)
        for kinds, judges in self._by_kinds.items():
            mine = series.is_of(kinds)
            for judge in judges:
                judge.tell_unknown(mine & (is_mute | judge.unknown[:count]), series.names, self._told)
        for judge in self._silences:
            judge.tell_unknown(judge.unknown[: len(self._names)], self._names, self._told)


def _chunks(rows: Array, steps: Array) -> Iterator[Array]:
    """Rows in parts of about `CHUNK` moments."""
    if not len(rows):
        return
    parts_of = np.cumsum(steps[rows]) // CHUNK
    yield from np.split(rows, np.flatnonzero(np.diff(parts_of)) + 1)


def _asked(rules: Iterable[Rule]) -> Iterator[Ask]:
    for rule in rules:
        for tree in (rule.condition, rule.recovery):
            if tree is not None:
                yield from asks(tree)


def _groups(rules: Iterable[Rule]) -> Iterator[tuple[Group, frozenset[str]]]:
    for rule in rules:
        for tree in (rule.condition, rule.recovery):
            if tree is not None:
                yield from ((one, frozenset(rule.kinds)) for one in parts(tree) if isinstance(one, Group))


class Evidences(Mapping[str, Evidence]):
    """Evidence by check, made when it is asked for. What it says is of the tick it was made in.

    The window a time may stand in is the horizon, or four periods of a slower check; the first miss of an outage
    stands as long as the outage.
    """

    def __init__(self, series: Series, frontier_ms: Array, horizon_ms: int) -> None:
        self._series, self._frontier_ms, self._horizon_ms = series, frontier_ms, horizon_ms
        self._facts = [
            facts.copy()
            for facts in (
                series.period_ms, series.reply_ms, series.miss_ms, series.refused_ms, series.newest_ms, series.latest,
                series.late_miss_ms,
            )
        ]  # fmt: skip
        self._since = series.since.copy()
        self._count = len(frontier_ms)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return iter(self._series.names[: self._count])

    def __getitem__(self, check: str) -> Evidence:
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
