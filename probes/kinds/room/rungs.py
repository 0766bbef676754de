"""The rungs of `room`: what is asked for each, of which kind, and what of its answer breaks it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from probes import catalog
from probes.base import Measurement, Outcome, Target, Value
from probes.errors import BadTarget
from probes.kinds.sip.target import SipTarget, aim
from probes.target import Endpoint, parse

RUNGS = ("port", "tls", "signalling", "alias", "call", "media", "quality")
_H323_PORT = 1720
_NO_SUCH = (404, 410, 480, 484, 604)  # answers to an OPTIONS for a room that is not there
_CERT_DAYS = 14.0
_WARN, _FAIL = 1, 2  # of `media`
_CALL_TAKEN, _CALL_BOTH_WAYS, _ROOM_KNOWN = 4, 5, 2  # rungs of `h323`


class RungResult(NamedTuple):
    """One rung climbed, or broken. `why`: what broke it, or what of a rung that holds deserves a look."""

    rung: str
    is_broken: bool
    outcome: Outcome
    why: str
    took_ms: float
    values: dict[str, Value]


Rung = Callable[[], Awaitable[RungResult | None]]  # None: nothing to ask here


class RungContext:
    """What the rungs share: settings, target, and the call whose setting up and media are two rungs."""

    def __init__(self, settings: Any, target: str) -> None:
        self.settings, self.target = settings, target
        self.call: Measurement | None = None

    async def ask(self, kind: str, target: str, count: int = 1, **settings: Any) -> Measurement:
        """One measurement of another kind."""
        probe = catalog.load(kind)
        return await probe.run(Target(target), probe.settings(**settings), count)


def _mark(rung: str, got: Measurement, *, broken: bool | None = None, look: str = "", **values: str) -> RungResult:
    """A mark from a measurement; `values`: our name of each of its values. By default what is not OK is broken."""
    is_broken = got.outcome is not Outcome.OK if broken is None else broken
    outcome = got.outcome
    if is_broken and outcome is Outcome.OK:
        outcome = Outcome.REFUSED
    kept = {ours: got.values[theirs] for ours, theirs in values.items() if theirs in got.values}
    return RungResult(rung, is_broken, outcome, got.why if is_broken else look, got.took_ms, kept)


# --- SIP ---


def sip(climb: RungContext) -> list[Rung]:
    """The rungs of a SIP room. Raises `BadTarget` for a target that is none."""
    toward = aim(climb.target, climb.settings.transport)
    settings = climb.settings
    asked = {
        "timeout_s": settings.timeout_s, "user": settings.user, "password_file": settings.password_file,
        "ca_file": settings.ca_file, "verify": settings.verify, "server_name": settings.server_name,
    }  # fmt: skip
    if settings.call and not toward.user:
        raise BadTarget(f"target {climb.target[:80]!r}: a test call needs a room (write sip:ROOM@host)")
    place = str(toward.endpoint)

    async def port() -> RungResult | None:
        if toward.transport == "udp":
            return None
        return _mark("port", await climb.ask("tcp", place, timeout_s=settings.timeout_s), port_ms="connect_p50_ms")

    async def tls() -> RungResult | None:
        if toward.transport != "tls":
            return None
        got = await climb.ask(
            "tls",
            place,
            timeout_s=settings.timeout_s,
            ca_file=settings.ca_file,
            verify=settings.verify,
            server_name=settings.server_name,
        )
        days = got.values.get("cert_days", _CERT_DAYS)
        return _mark(
            "tls",
            got,
            look=f"the certificate ends in {days:.0f} days" if days < _CERT_DAYS else "",
            cert_days="cert_days",
        )

    async def signalling() -> RungResult:
        server = f"{'sips' if toward.transport == 'tls' else 'sip'}:{place};transport={toward.transport}"
        got = await climb.ask("sip", server, **asked)
        return _mark("signalling", got, look=_resent(got), signalling_ms="rtt_ms")

    async def alias() -> RungResult | None:
        if not toward.user:
            return None
        got = await climb.ask("sip", climb.target, transport=toward.transport, **asked)
        return _mark("alias", got, broken=got.outcome is not Outcome.OK or got.values.get("status") in _NO_SUCH)

    return [port, tls, signalling, alias, *_sip_call(climb, toward, asked), _quality(climb)]


def _sip_call(climb: RungContext, toward: SipTarget, asked: dict[str, Any]) -> list[Rung]:
    settings = climb.settings

    async def call() -> RungResult | None:
        if not settings.call:
            return None
        climb.call = got = await climb.ask(
            "sipcall", climb.target, transport=toward.transport, ring_s=settings.ring_s, duration_s=settings.call_s,
            video=settings.video, reports_s=reports_s(settings), **asked,
        )  # fmt: skip
        return _mark("call", got, broken=got.values.get("status") != 200, look=_resent(got), answer_ms="answer_ms")

    async def media() -> RungResult | None:
        got = climb.call
        return None if got is None else _mark("media", got, look=got.why, audio_rcvd="audio_rcvd")

    return [call, media]


def reports_s(settings: Any) -> float:
    """How long the call waits for the room's reports: the streams to a responder tell of both directions by themselves."""
    return 0.0 if settings.responder else float(settings.reports_s)


def _resent(got: Measurement) -> str:
    sends = got.values.get("sends", 1)
    return f"only send {sends} was answered: packets are lost on the way" if sends > 1 else ""


# --- H.323 ---


def h323(climb: RungContext) -> list[Rung]:
    """The rungs of an H.323 endpoint or MCU: `h323:host`, `h323:alias@host`. Raises `BadTarget`."""
    settings = climb.settings
    named, _, place = climb.target[len("h323:") :].rpartition("@")
    if not place:
        raise BadTarget(f"target {climb.target[:80]!r} names no host (write h323:host or h323:alias@host)")
    at = parse(place)
    host = str(Endpoint(at.host, at.port or _H323_PORT))
    alias_of = named or settings.alias
    if settings.call and not alias_of:
        raise BadTarget(f"target {climb.target[:80]!r}: a test call needs a room (write h323:ROOM@host, or set alias)")
    asked: dict[str, Measurement] = {}

    async def port() -> RungResult:
        return _mark("port", await climb.ask("tcp", host, timeout_s=settings.timeout_s), port_ms="connect_p50_ms")

    async def signalling() -> RungResult | None:
        if not settings.gatekeeper:
            return None
        got = await climb.ask("h323", settings.gatekeeper, via="ras", alias=alias_of, timeout_s=settings.timeout_s)
        asked["ras"] = got
        return _mark("signalling", got, broken=got.values.get("rung", 0) < 1, look=_resent(got), signalling_ms="ras_ms")

    async def alias() -> RungResult | None:
        got = asked.get("ras")
        if got is None or not alias_of:
            return None
        return _mark("alias", got, broken=got.values.get("rung", 0) < _ROOM_KNOWN)

    async def call() -> RungResult | None:
        if not settings.call:
            return None
        climb.call = got = await climb.ask(
            "h323",
            host,
            via="call",
            call=True,
            alias=alias_of,
            ring_s=settings.ring_s,
            duration_s=settings.call_s,
            timeout_s=settings.timeout_s,
        )
        return _mark("call", got, broken=got.values.get("rung", 0) < _CALL_TAKEN, answer_ms="answer_ms")

    async def media() -> RungResult | None:
        got = climb.call
        if got is None:
            return None
        both_ways = got.values.get("rung", 0) >= _CALL_BOTH_WAYS
        return _mark("media", got, look="" if both_ways else got.why, audio_rcvd="audio_rcvd")  # OK without: not tried

    return [port, signalling, alias, call, media, _quality(climb)]


# --- both ---


def _quality(climb: RungContext) -> Rung:
    settings = climb.settings

    async def quality() -> RungResult | None:
        if not settings.responder:
            return None
        if climb.call is not None:
            await asyncio.sleep(0.2)  # the call's queues empty themselves
        got = await climb.ask(
            "media", settings.responder, profile=settings.profile, rate_bps=settings.rate_bps, duration_s=settings.media_s,
            timeout_s=settings.timeout_s, key_file=settings.responder_key_file,
        )  # fmt: skip
        verdict = got.values.get("verdict")
        broken = got.outcome is not Outcome.OK or verdict == _FAIL
        names = ("lost_fwd_percent", "lost_bwd_percent", "verdict", "limit")
        return _mark(
            "quality", got, broken=broken, look=got.why if verdict == _WARN else "", **{name: name for name in names}
        )

    return quality
