"""Rules over all checks, once a second: what fires, what nobody can judge, and what every check has to say.

Time is event time, agent by agent (see `alerts.condition`); arrival counts for silence only. Each second of an agent's
frontier is judged once and in order, so a report every ten seconds decides as ten reports would. The series of an
agent that has not reported for longer than it usually takes are unknown: they neither fire nor end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from alerts.base import Assessment, Evidence, Firing, Sample
from alerts.compiled import Moments, Writers
from alerts.condition import MOST_WINDOW_S, Ask, Group, asks, parts
from alerts.groups import Groups
from alerts.judge import Judge
from alerts.rings import Array
from alerts.rules import Rule
from alerts.series import STEPS, Series

MUTE_MS = 5_000  # an agent is mute after this long …
MUTE_PERIODS = 2.5  # … and after so many of its usual pauses
WRITE_PERIOD_MS = 10_000  # taken for an agent that wrote only once
LEAST_PAUSE_MS = 200  # writes closer together are one
SET_BACK_MS = 60_000  # a frontier that goes back so far: the agent's clock was set
CHUNK = 16_384  # moments judged at once: what they need stays in the processor's cache


class Engine:
    """Judges rules over points. Not thread-safe."""

    def __init__(self, rules: Sequence[Rule], *, horizon_s: int = MOST_WINDOW_S) -> None:
        """`horizon_s`: how much of the past is fed again after a restart; longer windows make no sense."""
        self._checks = [Judge(rule) for rule in rules if rule.fault != "silence"]
        self._silences = [Judge(rule) for rule in rules if rule.fault == "silence"]
        asked = list(_asked(judge.rule for judge in self._checks))
        self._series = Series(asked, max([ask.window_s for ask in asked], default=1))
        self._groups = Groups(self._series, _groups(judge.rule for judge in self._checks))
        self._agents: dict[str, int] = {}
        self._names: list[str] = []
        self._frontier_ms: list[int] = []
        self._arrived_ms: list[int] = []
        self._pauses: list[deque[int]] = []
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
            self._pauses.append(deque(maxlen=5))
        return number

    def arrived(self, agent: str, arrived_ms: int) -> None:
        """Something of an agent came in, by the hub's clock."""
        number = self._agent(agent)
        pause = arrived_ms - self._arrived_ms[number]
        if self._arrived_ms[number] and pause >= LEAST_PAUSE_MS:
            self._pauses[number].append(pause)
        self._arrived_ms[number] = max(self._arrived_ms[number], arrived_ms)

    def add(self, sample: Sample) -> None:
        """A point. A check belongs to the agent that spoke of it first, until that has been mute for the horizon."""
        number = self._agent(sample.agent)
        if sample.check == "-":
            return
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
        with np.errstate(divide="ignore", invalid="ignore"):
            mute = self._mute_agents(now_ms)
            self._judge_checks(mute)
            self._judge_agents(now_ms)
        unknown = self._all_unknown(mute)
        return Assessment(now_ms, tuple(self._fired(mute)), unknown, Evidences(self._series, self._row_frontiers()))

    def _mute_agents(self, now_ms: int) -> Array:
        """By number: has it been quiet for longer than usual?"""
        arrived, usual = np.array(self._arrived_ms, np.int64), self._usual_pauses()
        return np.asarray(now_ms - arrived > np.maximum(MUTE_MS, MUTE_PERIODS * usual))

    def _usual_pauses(self) -> Array:
        return np.array(
            [sorted(one)[(len(one) - 1) // 2] if one else WRITE_PERIOD_MS for one in self._pauses], np.float64
        )

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
        for kinds, judges in self._by_kinds().items():
            rows = moved[series.is_of(kinds)[moved]]
            for part in _chunks(rows, frontier_ms - judged_ms):
                view, is_latest = self._moments(part, frontier_ms, judged_ms)
                for judge in judges:
                    judge.step(view, view.rows, view.at_ms, is_latest)
        series.judged_ms[moved] = frontier_ms[moved]

    def _by_kinds(self) -> dict[frozenset[str], list[Judge]]:
        found: dict[frozenset[str], list[Judge]] = {}
        for judge in self._checks:
            found.setdefault(frozenset(judge.rule.kinds), []).append(judge)
        return found

    def _moments(self, rows: Array, frontier_ms: Array, judged_ms: Array) -> tuple[Moments, Array]:
        """Each second of each row's way from where it was judged to its frontier, the latest ones at most."""
        steps = _steps(frontier_ms[rows] - judged_ms[rows])
        ends = np.cumsum(steps)
        each = np.repeat(rows, steps)
        left = np.repeat(ends, steps) - 1 - np.arange(len(each))  # seconds before the row's latest moment
        return Moments(self._series, each, frontier_ms[each] - 1000 * left, self._groups.figures), left == 0

    def _judge_agents(self, now_ms: int) -> None:
        if not self._names:
            return
        rows = np.arange(len(self._names))
        view = Writers(np.array(self._arrived_ms, np.int64), self._usual_pauses(), now_ms)
        for judge in self._silences:
            judge.widen(2 * len(rows))
            judge.step(view, rows, np.full(len(rows), now_ms, np.int64), np.ones(len(rows), bool))

    # --- what is told ---

    def _fired(self, mute: Array) -> Iterator[Firing]:
        series = self._series
        is_mute = mute[series.agent[: len(series.names)]] if len(mute) else mute
        for judge in self._checks:
            rule = judge.rule
            for row in judge.fired(is_mute):
                agent = self._names[int(series.agent[row])]
                yield Firing(
                    rule.name,
                    rule.accuses,
                    rule.severity,
                    series.names[row],
                    agent,
                    judge.since_ms(row),
                    judge.firing[row],
                )
        for judge in self._silences:
            rule = judge.rule
            for row, value in judge.firing.items():
                yield Firing(
                    rule.name, rule.accuses, rule.severity, "-", self._names[row], self._arrived_ms[row], value
                )

    def _all_unknown(self, mute: Array) -> frozenset[tuple[str, str]]:
        """Made anew only when something became known or unknown."""
        judges = [*self._checks, *self._silences]
        same = np.array_equal(mute, self._mute) and not any(judge.changed for judge in judges)
        if not same:
            self._mute = mute
            self._unknown = frozenset(self._make_unknown(mute))
            for judge in judges:
                judge.changed = False
        return self._unknown

    def _make_unknown(self, mute: Array) -> Iterator[tuple[str, str]]:
        series = self._series
        count = len(series.names)
        is_mute = mute[series.agent[:count]] if count else np.zeros(0, bool)
        for judge in self._checks:
            mine = series.is_of(judge.rule.kinds)
            for row in np.flatnonzero(mine & (is_mute | judge.unknown[:count])).tolist():
                yield judge.rule.name, series.names[row]
        for judge in self._silences:
            for row in np.flatnonzero(judge.unknown[: len(self._names)]).tolist():
                yield judge.rule.name, self._names[row]


def _steps(jump_ms: Array) -> Array:
    return np.asarray(np.clip(-(-jump_ms // 1000), 1, STEPS))


def _chunks(rows: Array, jump_ms: Array) -> Iterator[Array]:
    """Rows in parts of about `CHUNK` moments."""
    if not len(rows):
        return
    parts_of = np.cumsum(_steps(jump_ms[rows])) // CHUNK
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
    """Evidence by check, made when it is asked for. What it says is of the tick it was made in."""

    def __init__(self, series: Series, frontier_ms: Array) -> None:
        self._series, self._frontier_ms = series, frontier_ms
        self._facts = [
            facts.copy()
            for facts in (
                series.period_ms, series.reply_ms, series.miss_ms, series.refused_ms, series.newest_ms, series.latest,
            )
        ]  # fmt: skip
        self._count = len(frontier_ms)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return iter(self._series.names[: self._count])

    def __getitem__(self, check: str) -> Evidence:
        row = self._series.number(check)
        if row is None or row >= self._count:
            raise KeyError(check)
        period, reply, miss, refused, newest, latest = (facts[row] for facts in self._facts)
        return Evidence(
            check,
            self._series.owners[row],
            period or 1000,
            int(self._frontier_ms[row]),
            reply or None,
            miss or None,
            latest if newest else None,
            refused or None,
        )
