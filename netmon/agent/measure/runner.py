"""Runs the checks: one watch for all packet checks of a kind, a task of its own for each of the others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from netmon.agent.heavy.disturbance import Disturbances
from netmon.agent.heavy.permit import Denied, Permit
from netmon.agent.measure import schedule
from netmon.agent.measure.frontier import Frontier
from netmon.agent.measure.stall import StallWatch, discount_stall
from netmon.agent.measure.triggers import Triggers
from netmon.config.agent import AgentConfig, CheckConfig
from netmon.delivery.backoff import jitter
from netmon.fields import BY_ANOTHER, DEFERRED
from netmon.process.troubles import Restarts, Troubles, is_short, watched
from probes.base import Job, Kind, Measurement, Outcome, Target
from probes.clean import clean
from probes.errors import BadSettings, BadTarget, ProbeError
from probes.wire.icmp.fault import about_host

if TYPE_CHECKING:
    from netmon.agent.heavy.gate import LeaseClient

log = logging.getLogger("netmon.agent")
OnMeasured = Callable[[CheckConfig, Measurement], None]
AGAIN_S = (1.0, 60.0)  # after a watch ended: at first, at most
HOLD_MS = 2_000  # checks that may run longer hold nobody back
WOKEN_GAP_S = 5.0  # between two runs out of turn: a storm of reasons is one
STUCK_S = 120.0  # beyond its own timeout a run is given up
ASKING_S = 60.0  # for one answer about a heavy check
WAIT_SHARE = 0.5  # of its period a heavy check waits for its turn
_SENT = ("bytes_used", "sent_bytes", "rcvd_bytes")  # values of heavy kinds, any of which tells what they sent


class Runner:
    """All checks of an agent. `told` gets each measurement in the event loop."""

    def __init__(
        self,
        config: AgentConfig,
        kinds: Mapping[str, Kind],
        frontier: Frontier,
        on_measured: OnMeasured,
        troubles: Troubles | None = None,
    ) -> None:
        self._troubles = troubles or Troubles()
        self._config, self._kinds, self._frontier, self._on_measured = config, kinds, frontier, on_measured
        self._gate: LeaseClient | None = None
        self._put_off: dict[str, str] = {}  # check → why, as told last
        self._checks = {check.check: check for check in config.checks}
        self._beat, self._hurry, self._disturbances = StallWatch(), Triggers(config.checks), Disturbances()
        self._running: set[str] = set()  # checks with a run in flight
        self._reasons = {check.check: asyncio.Event() for check in config.checks}
        self._late_ms = 0.0

    def wake(self, check: str) -> None:
        """There is a reason to measure a check now, out of its turn; packet checks measure all the time anyway."""
        self._reasons[check].set()

    def take_late_ms(self) -> float:
        """The most a run began after its time since the last call."""
        late, self._late_ms = self._late_ms, 0.0
        return late

    async def run(self) -> None:
        """Measure until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.Event().wait())  # an agent without checks still reports itself
            for name, checks in schedule.groups(self._config.checks).items():
                kind = self._kinds[name]
                if kind.watch is not None:
                    jobs = [schedule.job(self._config.agent, check) for check in checks]
                    tasks.create_task(watched(self._troubles, f"checks of {name}", partial(self._watch, kind, jobs)))
                else:
                    for check in checks:
                        tasks.create_task(
                            watched(self._troubles, f"check {check.check}", partial(self._repeat, kind, check))
                        )

    # --- packet kinds ---

    async def _watch(self, kind: Kind, jobs: Sequence[Job]) -> None:
        """Serve jobs for ever; what one bad job breaks is served one by one."""
        restarts = Restarts(AGAIN_S)
        while True:
            for job in jobs:
                self._frontier.watch(job.id, _now_ms(), int(job.interval_s * 1000), schedule.known_ms(job))
            restarts.begin()
            why = await self._watch_once(kind, jobs)
            if len(jobs) > 1:
                log.warning("%s: %s; from now on each check is on its own", kind.name, why)
                await asyncio.gather(*(self._watch(kind, [job]) for job in jobs))
            for job in jobs:
                blank = Measurement(kind.name, job.target.text, time.time_ns(), 0.0, Outcome.LOCAL, why=why)
                self._emit(job.id, blank)
            await asyncio.sleep(max(restarts.wait_s(), max(job.interval_s for job in jobs)))

    async def _watch_once(self, kind: Kind, jobs: Sequence[Job]) -> str:
        """Until the watch ends; why it did."""
        assert kind.watch is not None
        try:
            await kind.watch(jobs, self._emit)
        except (ProbeError, OSError) as fault:
            if is_short(fault):
                self._troubles.crashed(f"checks of {kind.name}", fault)
            return clean(str(fault))
        except Exception as fault:  # a fault of ours in one kind must not stop the others
            self._troubles.crashed(f"checks of {kind.name}", fault)
            return clean(repr(fault))
        return f"{kind.name} stopped measuring"

    def _emit(self, check: str, measured: Measurement) -> None:
        self._frontier.interval_done(check, measured.at_ns // 1_000_000)
        self._notify(self._checks[check], measured)

    def _notify(self, check: CheckConfig, measured: Measurement) -> None:
        """Hand it on; what it hurries runs at once, beside its schedule."""
        if self._kinds[check.kind].cost is None:
            measured = self._disturbances.mark(measured)
        self._on_measured(check, attributed(measured))
        for name in self._hurry.note(check.check, measured.outcome, time.monotonic()):
            if name not in self._running:
                self.wake(name)

    # --- the others ---

    async def _repeat(self, kind: Kind, check: CheckConfig) -> None:
        """Run a check at its phase of the wall clock; never two runs of it at once, a slot it overran is left out."""
        every_s = check.every_s
        phase = schedule.phase_s(self._config.agent, check.check, every_s)
        due = 0.0
        while True:
            # At least half a period after the last: a clock set back a little must not run a slot twice.
            min_s = max(0.0, due + every_s / 2 - time.monotonic())
            now_s = time.time()
            wait_s = max(min_s, schedule.next_due(now_s + min_s, phase, every_s) - now_s)
            due = time.monotonic() + wait_s
            if not await self._await_turn(kind, check, due):
                continue
            self._late_ms = max(self._late_ms, (time.monotonic() - due) * 1000)
            await self._run(kind, check)

    async def _await_turn(self, kind: Kind, check: CheckConfig, due: float) -> bool:
        """Sleep until `due` (monotonic s), measuring out of turn for whoever has a reason. False: such a run overran it."""
        reason = self._reasons[check.check]
        while (left_s := due - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await reason.wait()
            if reason.is_set():  # a run, once begun, is never cut short
                reason.clear()
                await self._run(kind, check)
                if (left_s := due - time.monotonic()) <= 0:
                    return False
                await asyncio.sleep(min(WOKEN_GAP_S, left_s))
        reason.clear()  # the run that begins now is the answer to it
        return True

    async def _run(self, kind: Kind, check: CheckConfig) -> None:
        """One run, told."""
        self._running.add(check.check)
        try:
            if kind.cost is not None:
                measured = await self._heavy(kind, check)
            else:
                measured = await self._light(kind, check)
        finally:
            self._running.discard(check.check)
        self._notify(check, measured)

    async def _light(self, kind: Kind, check: CheckConfig) -> Measurement:
        with self._beat.watching() as stood_s:
            self._frontier.began(check.check, _now_ms(), _hold_ms(check))
            try:
                measured = await self._measure(kind, check, _limit_s(check))
            finally:
                self._frontier.ended(check.check)
            return discount_stall(measured, stood_s(), _timeout_s(check))

    async def _heavy(self, kind: Kind, check: CheckConfig) -> Measurement:
        """A run that may hurt others: with a permit, for as long as that holds; or put off, which is nobody's fault."""
        permit = await self._permit(kind, check)
        if isinstance(permit, Denied):
            if self._put_off.get(check.check) != permit.why:
                log.info("%s: %s", check.check, permit.why)
            self._put_off[check.check] = permit.why
            return deferred(kind, check, permit.why)
        measured = None
        try:
            with self._disturbances.running(), self._beat.watching() as stood_s:  # not while it waited for its permit
                measured = await self._measure(kind, check, min(permit.for_s, _limit_s(check)))
                return discount_stall(measured, stood_s(), _timeout_s(check))
        finally:  # cancelled: what was sent is unknown
            permit.done(None if measured is None else sent_bytes(measured))

    async def _permit(self, kind: Kind, check: CheckConfig) -> Permit | Denied:
        """Ask, and while somebody else tests ask again, for a part of the period."""
        assert kind.cost is not None
        try:
            cost = kind.cost(check.settings)
        except ProbeError:  # settings nothing can be run with: `run` says so
            cost = None
        except Exception as fault:  # as in `_measure`; what it may send is unknown, so it does not run
            self._troubles.crashed(f"check {check.check}", fault)
            return Denied("not run: a fault of netmon")
        if cost is None:
            return Permit(_limit_s(check), lambda used: None)
        until = time.monotonic() + check.every_s * WAIT_SHARE
        while True:
            try:
                async with asyncio.timeout(ASKING_S):
                    got = await self._asked().ask(check.check, cost)
            except TimeoutError:  # a hub that answers byte by byte; a permit that still comes is given back
                return Denied(f"not run: the hub did not say in {ASKING_S:.0f} s whether it may")
            if isinstance(got, Permit):
                return got
            wait_s = got.retry_after_s * (1.0 + jitter() / 2)
            if not got.retry_after_s or time.monotonic() + wait_s > until:
                return got
            await asyncio.sleep(wait_s)

    def _asked(self) -> LeaseClient:
        """Who gives permits, from the first heavy run on: most agents have none, and are a quarter of a megabyte smaller."""
        from netmon.agent.heavy.gate import LeaseClient

        self._gate = self._gate or LeaseClient(self._config, self._troubles)
        return self._gate

    async def _measure(self, kind: Kind, check: CheckConfig, limit_s: float) -> Measurement:
        at_ns, began = time.time_ns(), time.monotonic()
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                return await kind.run(Target(check.target), check.settings, 1)
        except (BadTarget, BadSettings, ProbeError, OSError) as fault:
            if is_short(fault):
                self._troubles.crashed(f"check {check.check}", fault)
            reason = clean(str(fault) or type(fault).__name__)
            why = f"given up after {limit_s:.0f} s" if limit.expired() else reason
        except Exception as fault:  # as above: told, and the next run comes
            self._troubles.crashed(f"check {check.check}", fault)
            why = clean(repr(fault))
        took_ms = (time.monotonic() - began) * 1000
        return Measurement(kind.name, check.target, at_ns, took_ms, Outcome.LOCAL, why=why)


def attributed(measured: Measurement) -> Measurement:
    """The same, with the mark when it was refused by another than the far host: that proves no way to it."""
    if measured.outcome is Outcome.REFUSED and about_host(measured.why) in ("absent", "forbidden"):
        return replace(measured, values={**measured.values, BY_ANOTHER.name: 1})
    return measured


def deferred(kind: Kind, check: CheckConfig, why: str) -> Measurement:
    """A run that was put off: nothing was measured, and that says nothing of the target."""
    return Measurement(kind.name, check.target, time.time_ns(), 0.0, Outcome.LOCAL, {DEFERRED.name: 1}, why)


def sent_bytes(measured: Measurement) -> int | None:
    """What a heavy run sent, as far as it tells; None when it may be anything."""
    values = measured.values
    counts = [values[name] for name in _SENT if name in values]
    if counts:
        return int(max(counts))
    return 0 if measured.outcome in (Outcome.UNRESOLVED, Outcome.REFUSED) else None


def _timeout_s(check: CheckConfig) -> float:
    return float(getattr(check.settings, "timeout_s", 0.0))


def _limit_s(check: CheckConfig) -> float:
    return _timeout_s(check) + STUCK_S


def _hold_ms(check: CheckConfig) -> int:
    timeout_ms = float(getattr(check.settings, "timeout_s", 1.0)) * 1000
    return int(timeout_ms) + 500 if timeout_ms <= HOLD_MS else 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
