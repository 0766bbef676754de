"""What packet kinds (ping, stamp) share: names resolved, one socket and session per address family, intervals told.

A kind gives a `PacketKind`; `watch` serves all its jobs until cancelled, `measure` makes one measurement now.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from probes import early, stats, trace
from probes import log_buckets as logbuckets
from probes.base import Emit, Job, Measurement, Outcome, Target, Value
from probes.errors import ProbeError
from probes.io.datagram.driver import Driver
from probes.io.datagram.socket import PacketSocket, Unreachable
from probes.io.negotiated import Negotiated, NotNegotiated
from probes.target import Endpoint, Unresolved, is_address, parse, resolve
from probes.wire.fleet.fleet import Fleet, Interval
from probes.wire.fleet.track import FleetTarget, FleetWindow

AGAIN_S = 60.0  # a name is looked up again after this long
RETRY_S = 10.0  # … and after this long when it gave nothing
_LEAD_S = 0.02  # a first packet leaves this much later at least: the loop is warm then, and the kernel stamps


# (family, resolved address, our UDP port, settings) → the session agreed on, None: none is needed; raises `NotNegotiated`
Meet = Callable[[int, tuple[Any, ...], int, Any], Awaitable[Negotiated | None]]


@dataclass(frozen=True, slots=True)
class PacketKind:
    """How one kind uses this machinery."""

    kind: str
    default_port: int
    open: Callable[[int], tuple[Any, PacketSocket]]  # address family → (Fleet with its socket's facts, socket)
    fit: Callable[[Any, FleetTarget, Any], None]  # (session, track, settings): a kind's own part of a new target
    more: Callable[[FleetWindow], dict[str, Value]]  # values beside the common ones
    note: Callable[[FleetWindow], str] = lambda window: ""  # what people should know though the target answered
    meet: Meet | None = None  # a conversation with the far end before packets may be sent
    whole: Callable[[Any], bool] = lambda settings: False  # settings whose packets must not be cut into fragments


class _Sizes(Driver):
    """For packets that must not be cut: what a router says of its MTU is handed on."""

    def complaint(self, said: Unreachable, now: float) -> None:
        """A router's word on the size goes its own way."""
        if said.info and (said.type, said.code) in _TOO_BIG[self.sock.v6]:
            self.session.too_big(said.to, said.by, said.data, said.type, said.code, said.info)  # type: ignore[attr-defined]
        else:
            super().complaint(said, now)


_TOO_BIG = {False: {(3, 4)}, True: {(2, code) for code in range(256)}}


def _drive(recipe: PacketKind, family: int, settings: Any, on_events: Callable[[list[Any]], None]) -> Driver:
    """A session on a socket that fits the settings; raises `ProbeError`, OSError."""
    whole = recipe.whole(settings)
    session, sock = recipe.open(family)
    if whole:
        sock.dont_fragment()
    return (_Sizes if whole else Driver)(session, sock, on_events)


def address_of(sockaddr: tuple[Any, ...]) -> tuple[Any, ...]:
    """What packets are sent to; scope kept for link-local IPv6."""
    return sockaddr[:2] if len(sockaddr) == 2 or not sockaddr[3] else sockaddr


def outcome_of(window: FleetWindow) -> Outcome:
    """What became of an interval: one answer proves the way; our own faults never speak about the target. What is missing
    while our own buffer was full may have been dropped there: nobody can tell."""
    if window.overflow and window.rcvd < window.sent:
        return Outcome.LOCAL
    if window.rcvd or window.burst_rcvd:
        return Outcome.OK
    if not window.sent:
        return Outcome.LOCAL
    return Outcome.REFUSED if window.refused else Outcome.LOST


_OK = Outcome.OK
_WHY = {
    Outcome.LOST: "nothing came back in time",
    Outcome.LOCAL: "this machine dropped packets it had received",
}


def measurement(recipe: PacketKind, target: str, interval: Interval) -> Measurement:
    """An interval as a measurement: what was not measured is absent."""
    window = interval.window
    outcome = _OK if window.rcvd and not window.overflow else outcome_of(window)
    values: dict[str, Value] = {
        "sent": window.sent,
        "rcvd": window.rcvd,
        "dup": window.dup,
        "late": window.late,
        "loss_run_max": window.loss_run_max,
        "local_drop": window.overflow + window.ours,
        "send_late_ms": stats.rounded(window.send_late_ms),
        "unstamped": window.unstamped,
        "reordered": window.reordered,
        "sent_after_lost": window.after_lost,
        "lost_after_lost": window.lost_after_lost,
    }
    if len(window.rtts_ms) == 1:
        values.update(_single(window.rtts_ms[0]))
    elif window.rtts_ms:
        _trips(sorted(window.rtts_ms), values)
    if window.burst_sent:
        values["burst_sent"], values["burst_rcvd"] = window.burst_sent, window.burst_rcvd
    if window.runs:
        values.update({f"loss_run_b{shortest}": many for shortest, many in window.runs.items()})
    if window.jitter_ms >= 0.0:
        values["jitter_ms"] = stats.rounded(window.jitter_ms)
    if window.hops >= 0:
        values["ttl"] = window.hops
        values["ttl_min"], values["ttl_max"] = window.hops_between or (window.hops, window.hops)
    values.update(recipe.more(window))
    why = recipe.note(window) if outcome is _OK else window.why or _WHY.get(outcome, "")
    return Measurement(recipe.kind, target, window.at_ns, stats.rounded(interval.took_ms), outcome, values, why)


def _single(trip_ms: float) -> dict[str, Value]:
    """One round trip is every figure of its interval."""
    median_ms = stats.rounded(trip_ms)
    return {
        "rtt_min_ms": median_ms,
        "rtt_p50_ms": median_ms,
        "rtt_p95_ms": median_ms,
        "rtt_p99_ms": median_ms,
        "rtt_max_ms": median_ms,
        logbuckets.NAMES[logbuckets.bucket_of(trip_ms)]: 1,
    }


def _trips(ordered: list[float], values: dict[str, Value]) -> None:
    """Quantiles, buckets and delay variation of several."""
    values.update(stats.delays(ordered))
    values["rtt_p99_ms"] = stats.rounded(stats.quantile(ordered, 0.99))
    for trip_ms in ordered:
        name = logbuckets.NAMES[logbuckets.bucket_of(trip_ms)]
        values[name] = values.get(name, 0) + 1
    values["pdv_p95_ms"] = stats.rounded(values["rtt_p95_ms"] - values["rtt_min_ms"])


def blank(recipe: PacketKind, target: str, outcome: Outcome, why: str) -> Measurement:
    """A measurement in which nothing could be measured."""
    return Measurement(recipe.kind, target, time.time_ns(), 0.0, outcome, {}, why)


# --- one measurement, now ---


async def measure(recipe: PacketKind, target: Target, settings: Any, count: int) -> Measurement:
    """`count` packets to one target; raises `ProbeError` for what is our fault before anything is sent."""
    endpoint = parse(target.text, recipe.default_port)
    try:
        family, sockaddr = (await resolve(endpoint))[0]
    except Unresolved as fault:
        return blank(recipe, target.text, Outcome.UNRESOLVED, str(fault))
    finished: asyncio.Future[Interval] = asyncio.get_running_loop().create_future()

    def told(events: list[Any]) -> None:
        if not finished.done():
            finished.set_result(events[0])

    try:
        driver = _drive(recipe, family, settings, told)
    except OSError as fault:
        return blank(recipe, target.text, Outcome.LOCAL, f"no socket: {fault.strerror}")
    session: Any = driver.session
    meeting = None
    try:
        meeting = await _meet(recipe, family, sockaddr, driver, settings)
        to = address_of(sockaddr if meeting is None else meeting.to)
        track = _add(recipe, session, "", to, settings, math.inf, time.monotonic() + _LEAD_S, count)
        recipe.fit(session, track, settings)
        if trace.is_on():
            _note_losses(session)
        driver.kick()
        if not await early.first(finished):
            session.stop(time.monotonic())
            events = session.events()
            if not events or not (events[0].window.sent or events[0].window.rcvd):
                return blank(recipe, target.text, Outcome.LOCAL, "stopped before anything was answered or lost")
            told(events)
        return measurement(recipe, target.text, await finished)
    except NotNegotiated as fault:
        return blank(recipe, target.text, fault.outcome, fault.why)
    finally:
        if meeting is not None:
            meeting.close()
        driver.close()


def _note_losses(session: Fleet) -> None:
    """A packet whose time is over is an event only the session knows of."""
    known = session.fate

    def fate(track: FleetTarget, seq: int, window: FleetWindow, answered: bool) -> None:
        if not answered:
            trace.note("given up", f"packet {seq + 1}: nothing came back in time")
        known(track, seq, window, answered)

    session.fate = fate  # type: ignore[method-assign]


async def _meet(
    recipe: PacketKind, family: int, sockaddr: tuple[Any, ...], driver: Driver, settings: Any
) -> Negotiated | None:
    return await recipe.meet(family, sockaddr, driver.sock.port, settings) if recipe.meet else None


def _add(
    recipe: PacketKind, session: Fleet, id: str, to: Any, settings: Any, interval_s: float, first_at: float, count: int
) -> FleetTarget:
    return session.add(
        id, to, every_s=settings.every_s, interval_s=interval_s, timeout_s=settings.timeout_s,
        first_at=first_at, count=count, tos=settings.dscp << 2,
    )  # fmt: skip


# --- all checks of a kind, for ever ---


async def watch(recipe: PacketKind, jobs: Sequence[Job], emit: Emit) -> None:
    """Serve all jobs on shared sockets until cancelled."""
    room = Watcher(recipe, {job.id: job for job in jobs}, emit)
    tasks = [asyncio.create_task(room.serve(job)) for job in jobs]
    try:
        await asyncio.gather(*tasks)
        await asyncio.Event().wait()  # an address needs no second look: the drivers do the rest
    finally:
        room.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Watcher:
    """The open sockets of a kind, one for each address family, and one more where packets must not be cut."""

    def __init__(self, recipe: PacketKind, jobs: dict[str, Job], emit: Emit) -> None:
        self._recipe, self._jobs, self._emit = recipe, jobs, emit
        self._drivers: dict[tuple[int, bool], Driver] = {}

    def close(self) -> None:
        """Close every socket; what is under way ends unanswered."""
        for driver in self._drivers.values():
            driver.close()

    async def serve(self, job: Job) -> None:
        """One job: found, added, its name looked up again now and then."""
        endpoint = parse(job.target.text, self._recipe.default_port)
        family, to, driver, meeting = await self._ready(job, endpoint)
        try:
            track = _add(self._recipe, driver.session, job.id, to, _spaced(job), job.interval_s, _first(job), -1)  # type: ignore[arg-type]
            self._recipe.fit(driver.session, track, job.settings)
            driver.kick()
            while meeting is not None:
                await meeting.gone.wait()  # the far end ended the session: it may have begun anew
                meeting.close()
                meeting = None
                _, to, _, meeting = await self._ready(job, endpoint, family)
                driver.session.move(track, to)  # type: ignore[attr-defined]
            await self._look_again(endpoint, family, track, driver)
        finally:
            if meeting is not None:
                meeting.close()

    async def _look_again(self, endpoint: Endpoint, family: int, track: FleetTarget, driver: Driver) -> None:
        """A name may get another address."""
        while not is_address(endpoint.host):
            await asyncio.sleep(AGAIN_S)
            with suppress(Unresolved):  # the address it had is still the best known
                addresses = [address_of(sockaddr) for kind, sockaddr in await resolve(endpoint) if kind == family]
                if addresses and track.to not in addresses:
                    driver.session.move(track, addresses[0])  # type: ignore[attr-defined]

    async def _ready(self, job: Job, endpoint: Endpoint, again: int = 0) -> tuple[int, Any, Driver, Negotiated | None]:
        """The address, the driver and the session agreed on; until all are had every interval says why not. `again`: the
        family of a target that is measured already, whose own intervals tell."""
        while True:
            try:
                known_addresses = await resolve(endpoint)
                family, sockaddr = next((known for known in known_addresses if known[0] == again), known_addresses[0])
                driver = self._driver(family, job.settings)
                meeting = await _meet(self._recipe, family, sockaddr, driver, job.settings)
                return family, address_of(sockaddr if meeting is None else meeting.to), driver, meeting
            except Unresolved as fault:
                outcome, why = Outcome.UNRESOLVED, str(fault)
            except NotNegotiated as fault:
                outcome, why = fault.outcome, fault.why
            except (ProbeError, OSError) as fault:
                outcome, why = Outcome.LOCAL, str(fault)
            if not again:
                self._emit(job.id, blank(self._recipe, job.target.text, outcome, why))
            await asyncio.sleep(max(job.interval_s, min(RETRY_S, 5 * job.interval_s)))

    def _driver(self, family: int, settings: Any) -> Driver:
        key = family, self._recipe.whole(settings)
        if key not in self._drivers:
            self._drivers[key] = _drive(self._recipe, family, settings, self._tell)
        return self._drivers[key]

    def _tell(self, events: list[Any]) -> None:
        for event in events:
            job = self._jobs[event.id]
            self._emit(job.id, measurement(self._recipe, job.target.text, event))


@dataclass(frozen=True, slots=True)
class _Spaced:
    every_s: float
    timeout_s: float
    dscp: int


def _spaced(job: Job) -> _Spaced:
    """The check's own spacing; an answer is waited for no longer than an interval."""
    return _Spaced(job.every_s, min(job.settings.timeout_s, max(job.every_s, job.interval_s)), job.settings.dscp)


def _first(job: Job) -> float:
    """The next moment whose wall clock has the job's phase, but not at once: kernels turn stamps on a little later."""
    wait = (job.phase_s - time.time()) % job.every_s
    return time.monotonic() + (wait if wait >= _LEAD_S else wait + max(job.every_s, _LEAD_S))
