"""Which end of a test call is which outcome, and whose trouble it is: the table of `docs/probes/sipcall.md`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from probes.base import Outcome, Value
from probes.clean import clean
from probes.io.rtp import Heard
from probes.io.sipsock import Ended
from probes.kinds.sipjudge import CARRIED
from probes.wire.session import Malformed
from probes.wire.sipcall import Over, Refused, Ringing, Silent, Up

_LATE_MS = 60.0  # sound sent later than this says nothing of the network
_OUTCOMES = {408: Outcome.LOST, 504: Outcome.LOST, 415: Outcome.PROTOCOL, 488: Outcome.PROTOCOL, 606: Outcome.PROTOCOL}
_WORDS = {
    401: "it wants a user and a password",
    403: "it does not allow us to call",
    404: "it knows no such room",
    407: "it wants a user and a password",
    408: "its server is there, the room did not answer it",
    480: "the room is not to be had now",
    484: "the room's number is not complete",
    486: "the room is busy",
    487: "the call was ended before it was taken",
    488: "it takes none of our codecs",
    503: "no calls now",
    504: "its server is there, what is behind it did not answer",
    600: "the room is busy everywhere",
    603: "the room declines",
}
_NAMES = {"audio": "sound", "video": "picture"}
E = TypeVar("E")


class Talk(NamedTuple):
    """A call and what became of it. `taken`: kinds of media the far end took; `fault`: of its description of media; `mute`: kinds
    it says it sends nothing of."""

    events: Sequence[Any]
    ended: Ended
    video: bool
    taken: Sequence[str]
    heard: Mapping[str, Heard]
    fault: str
    mute: Sequence[str] = ()


def first(events: Sequence[Any], kind: type[E]) -> E | None:
    """The first event of a kind."""
    return next((one for one in events if isinstance(one, kind)), None)


def verdict(talk: Talk) -> tuple[Outcome, str]:
    """The outcome and its reason, "" when all is well."""
    refused = first(talk.events, Refused)
    if first(talk.events, Up):
        return _taken(talk)
    if refused:
        return _turned_down(refused)
    if talk.ended.end != "session":
        return CARRIED[talk.ended.end], clean(talk.ended.why)
    silent, malformed = first(talk.events, Silent), first(talk.events, Malformed)
    if silent and silent.closed:
        return Outcome.REFUSED, "it closed the connection without an answer"
    if malformed and not (silent and silent.rang):
        return Outcome.PROTOCOL, f"what answers is no SIP: {clean(malformed.reason)}"
    if silent and silent.rang and all(one.status == 100 for one in talk.events if isinstance(one, Ringing)):
        return Outcome.LOST, "its server tries, and the room neither rang nor answered in time"
    if silent and silent.rang:
        return Outcome.LOST, "it rang, and nobody took the call in time"
    return Outcome.LOST, "nothing came back in time"


def _turned_down(refused: Refused) -> tuple[Outcome, str]:
    status = refused.message.status
    said = f"{status} {clean(refused.message.reason, 60)}".strip()
    words = _WORDS.get(status, "it does not take the call")
    if status in (401, 407) and refused.tried:
        words = "it does not accept our user and password"
    return _OUTCOMES.get(status, Outcome.REFUSED), f"{said}: {words}"


def _taken(talk: Talk) -> tuple[Outcome, str]:
    if talk.ended.end == "local":
        return Outcome.LOCAL, clean(talk.ended.why)
    if talk.fault:
        return Outcome.PROTOCOL, f"the call is up, but {talk.fault}"
    late = [kind for kind, one in talk.heard.items() if one.late_ms > _LATE_MS or one.local_drop]
    if "audio" not in talk.taken:
        return Outcome.PROTOCOL, "the call is up, but it takes no sound"
    if "audio" in talk.mute:
        return Outcome.PROTOCOL, "the call is up, but it says that it sends no sound"
    heard = {kind: talk.heard[kind] for kind in talk.taken if kind in talk.heard and kind not in talk.mute}
    silent = [_NAMES[kind] for kind, one in heard.items() if not one.came.received]
    if silent and not all(one.sent for one in heard.values()):
        return Outcome.LOCAL, "no media left this machine: a filter of its own, or no way to where it is awaited"
    if silent and late:
        return Outcome.LOCAL, "this machine was too busy to send its media in time"
    if silent:
        return Outcome.LOST, f"the call is up, but no {' and no '.join(silent)} came back"
    over = first(talk.events, Over)
    if over and over.ours and not over.status:
        return Outcome.OK, "it never answered our BYE"
    if talk.video and "video" not in talk.taken:
        return Outcome.OK, "it takes no picture"
    if "video" in talk.mute:
        return Outcome.OK, "it says that it sends no picture"
    return Outcome.OK, ""


def values(talk: Talk) -> dict[str, Value]:
    """Measured values only; names as the kind's `fields`."""
    up, refused, over = first(talk.events, Up), first(talk.events, Refused), first(talk.events, Over)
    final = up or refused
    out: dict[str, Value] = {}
    if final:
        rang = next((one for one in talk.events if isinstance(one, Ringing) and one.status > 100), None)
        out = {"status": final.message.status, "sends": final.sends}
        out["srd_ms"] = _rounded((rang.after_s if rang else final.after_s) * 1000)
    if up:
        out["answer_ms"] = _rounded(up.after_s * 1000)
    if over and over.status:
        out |= {"bye_status": over.status, "sdd_ms": _rounded(over.after_s * 1000)}
    for name in ("connect_ms", "tls_ms"):
        measured = getattr(talk.ended, name)
        out |= {} if measured is None else {name: _rounded(measured)}
    for kind, heard in talk.heard.items():
        out |= _media(kind, heard)
    return out


def _media(kind: str, heard: Heard) -> dict[str, Value]:
    came = heard.came
    out: dict[str, Value] = {f"{kind}_sent": heard.sent, f"{kind}_rcvd": came.received}
    out[f"{kind}_send_late_ms"] = _rounded(heard.late_ms)
    if came.received:
        out[f"{kind}_lost_bwd"] = max(0, came.lost - heard.local_drop)
        measured = {"first_ms": heard.first_ms, "jitter_bwd_ms": came.jitter_ms, "rtt_ms": heard.rtt_ms}
        out |= {f"{kind}_{name}": _rounded(value) for name, value in measured.items() if value is not None}
    if heard.block:
        out[f"{kind}_lost_fwd"] = max(0, heard.block.lost)
    if len(heard.tos) == 1 and min(heard.tos) >= 0:
        out[f"{kind}_dscp_seen_bwd"] = min(heard.tos) >> 2
    return out


def _rounded(value: float) -> float:
    return round(value, 3)
