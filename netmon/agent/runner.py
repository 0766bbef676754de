"""Runs the checks: one watch for all packet checks of a kind, a task of its own for each of the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from netmon.agent import schedule
from netmon.agent.frontier import Frontier
from netmon.agent.hurry import Hurry
from netmon.agent.standstill import Beat, honest
from netmon.config.agent import AgentConfig, CheckConfig
from probes.base import Job, Kind, Measurement, Outcome, Target
from probes.clean import clean
from probes.errors import BadSettings, BadTarget, ProbeError

log = logging.getLogger("netmon.agent")
Told = Callable[[CheckConfig, Measurement], None]
AGAIN_S = (1.0, 60.0)  # after a watch ended: at first, at most
HOLD_MS = 2_000  # checks that may run longer hold nobody back
STUCK_S = 120.0  # beyond its own timeout a run is given up


class Runner:
    """All checks of an agent. `told` gets each measurement in the event loop."""

    def __init__(self, config: AgentConfig, kinds: Mapping[str, Kind], frontier: Frontier, told: Told) -> None:
        self._config, self._kinds, self._frontier, self._told = config, kinds, frontier, told
        self._checks = {check.check: check for check in config.checks}
        self._beat, self._hurry = Beat(), Hurry(config.checks)
        self._running: set[str] = set()  # checks with a run in flight
        self._tasks: asyncio.TaskGroup | None = None
        self._late_ms = 0.0

    def take_late_ms(self) -> float:
        """The most a run began after its time since the last call."""
        late, self._late_ms = self._late_ms, 0.0
        return late

    async def run(self) -> None:
        """Measure until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(asyncio.Event().wait())  # an agent without checks still reports itself
            for name, checks in schedule.groups(self._config.checks).items():
                kind = self._kinds[name]
                if kind.watch is not None:
                    jobs = [schedule.job(self._config.agent, check) for check in checks]
                    tasks.create_task(self._watch(kind, jobs))
                else:
                    for check in checks:
                        tasks.create_task(self._repeat(kind, check))

    # --- packet kinds ---

    async def _watch(self, kind: Kind, jobs: Sequence[Job]) -> None:
        """Serve jobs for ever; what one bad job breaks is served one by one."""
        wait_s = AGAIN_S[0]
        while True:
            for job in jobs:
                self._frontier.watch(job.id, _now_ms(), int(job.interval_s * 1000), schedule.known_ms(job))
            began = time.monotonic()
            why = await self._watch_once(kind, jobs)
            if len(jobs) > 1:
                log.warning("%s: %s; from now on each check is on its own", kind.name, why)
                await asyncio.gather(*(self._watch(kind, [job]) for job in jobs))
            for job in jobs:
                blank = Measurement(kind.name, job.target.text, time.time_ns(), 0.0, Outcome.LOCAL, why=why)
                self._emit(job.id, blank)
            wait_s = AGAIN_S[0] if time.monotonic() - began > AGAIN_S[1] else min(wait_s * 2, AGAIN_S[1])
            await asyncio.sleep(max(wait_s, max(job.interval_s for job in jobs)))

    async def _watch_once(self, kind: Kind, jobs: Sequence[Job]) -> str:
        """Until the watch ends; why it did."""
        assert kind.watch is not None
        try:
            await kind.watch(jobs, self._emit)
        except (ProbeError, OSError) as fault:
            return clean(str(fault))
        except Exception as fault:  # a fault of ours in one kind must not stop the others
            log.exception("%s failed: this is a fault of netmon, please report it", kind.name)
            return clean(repr(fault))
        return f"{kind.name} stopped measuring"

    def _emit(self, check: str, measured: Measurement) -> None:
        self._frontier.told(check, measured.at_ns // 1_000_000)
        self._tell(self._checks[check], measured)

    def _tell(self, check: CheckConfig, measured: Measurement) -> None:
        """Hand it on; what it hurries runs at once, beside its schedule."""
        self._told(check, measured)
        for name in self._hurry.note(check.check, measured.outcome, time.monotonic()):
            if self._tasks is not None:
                hurried = self._checks[name]
                self._tasks.create_task(self._once(self._kinds[hurried.kind], hurried))

    # --- the others ---

    async def _repeat(self, kind: Kind, check: CheckConfig) -> None:
        """Run a check at its phase of the wall clock; never two runs of it at once, a slot it overran is left out."""
        every_s = check.every_s
        phase = schedule.phase_s(self._config.agent, check.check, every_s)
        due = 0.0
        while True:
            # At least half a period after the last: a clock set back a little must not run a slot twice.
            least_s = max(0.0, due + every_s / 2 - time.monotonic())
            now_s = time.time()
            wait_s = max(least_s, schedule.next_due(now_s + least_s, phase, every_s) - now_s)
            due = time.monotonic() + wait_s
            await asyncio.sleep(wait_s)
            self._late_ms = max(self._late_ms, (time.monotonic() - due) * 1000)
            await self._once(kind, check)

    async def _once(self, kind: Kind, check: CheckConfig) -> None:
        """One run, told, unless one is in flight; what our own loop broke in it is nobody else's fault."""
        if check.check in self._running:
            return
        self._running.add(check.check)
        self._frontier.began(check.check, _now_ms(), _hold_ms(check))
        with self._beat.watching() as stood_s:
            measured = await self._measure(kind, check)
            measured = honest(measured, stood_s(), float(getattr(check.settings, "timeout_s", 0.0)))
        self._frontier.ended(check.check)
        self._running.discard(check.check)
        self._tell(check, measured)

    async def _measure(self, kind: Kind, check: CheckConfig) -> Measurement:
        at_ns, began = time.time_ns(), time.monotonic()
        limit_s = float(getattr(check.settings, "timeout_s", 0.0)) + STUCK_S
        try:
            async with asyncio.timeout(limit_s):
                return await kind.run(Target(check.target), check.settings, 1)
        except (BadTarget, BadSettings, ProbeError, OSError) as fault:
            why = clean(str(fault) or type(fault).__name__)
        except Exception as fault:  # as above: told, and the next run comes
            log.exception("check %s failed: this is a fault of netmon, please report it", check.check)
            why = clean(repr(fault))
        took_ms = (time.monotonic() - began) * 1000
        return Measurement(kind.name, check.target, at_ns, took_ms, Outcome.LOCAL, why=why)


def _hold_ms(check: CheckConfig) -> int:
    timeout_ms = float(getattr(check.settings, "timeout_s", 1.0)) * 1000
    return int(timeout_ms) + 500 if timeout_ms <= HOLD_MS else 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
