"""Which answer is which outcome, and whose trouble it is: the table of `docs/probes/h323.md`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from probes import causes
from probes.base import Outcome, Row, Value
from probes.clean import clean
from probes.io.rtp import MediaHeard as Media
from probes.kinds.shared.service import Try
from probes.wire.exchange import Answered, Unanswered
from probes.wire.h323.call import CallExpired, CallStage, ConnectionClosed, Elsewhere, Released
from probes.wire.h323.h225 import CallSignal, Ras, Vendor
from probes.wire.session import Malformed

TIMES = {
    "callProceeding": "proceeding_ms",
    "progress": "progress_ms",
    "alerting": "alerting_ms",
    "connect": "answer_ms",
}
CONNECTED, PROCEEDING, ALERTING, ANSWERED, MEDIA = 1, 2, 3, 4, 5  # rungs of a call
_RUNGS = {"callProceeding": PROCEEDING, "progress": PROCEEDING, "alerting": ALERTING, "connect": ANSWERED}
_GATEKEEPER, _LOCATED = 1, 2  # rungs of a gatekeeper
Verdict = Callable[[Any, bool], tuple[Outcome, str]]  # (event, the connection was reset)
_LATE_MS = 60.0  # sound sent later than this says nothing of the network
_REJECTS = ("gatekeeperReject", "locationReject")


# -- a gatekeeper --------------------------------------------------------------------------------------------------
def asked(
    first: Answered | Unanswered,
    second: Answered | Unanswered | None,
    room: str,
    late: Sequence[str],
    to: Sequence[Any] = (),
) -> tuple[Try, list[Row]]:
    """The outcome of a GRQ and, when it was answered well, of the LRQ for `room`. `late`: other RAS messages that came;
    `to`: who was asked."""
    times, facts, rows = _heard("ras_ms", first, _GATEKEEPER)
    rows = [row | _from_elsewhere(first, to) for row in rows]
    outcome, why = _judged(first, late)
    if second is not None and outcome is Outcome.OK:
        more_times, more_facts, more_rows = _heard("locate_ms", second, _LOCATED)
        rows += [row | _from_elsewhere(second, to) for row in more_rows]
        times, facts = times | more_times, _worse(facts, more_facts)
        outcome, said = _judged(second, late)
        why = said and f"the gatekeeper answers, but for room {clean(room, 40)}: {said}"
    return Try(outcome, why, times, facts, isinstance(first, Answered)), rows


def _heard(name: str, ended: Answered | Unanswered, rung: int) -> tuple[dict[str, float], dict[str, Value], list[Row]]:
    if isinstance(ended, Unanswered):
        return {}, {}, []
    answer: Ras = ended.answer
    facts: dict[str, Value] = {"sends": ended.sends}
    facts |= {"reason": answer.code} if answer.code >= 0 else {"rung": rung}
    facts |= _software(answer.vendor, answer.version)
    return {name: ended.rtt_ms}, facts, [_row(answer.name, answer.vendor, answer.version) | _where(answer)]


def _from_elsewhere(ended: Answered | Unanswered, to: Sequence[Any]) -> Row:
    """Who answered, when it is another than was asked."""
    source = tuple(ended.source or ())[:2] if isinstance(ended, Answered) else ()
    return {"answered by": f"{source[0]}:{source[1]}"} if source and to and source != tuple(to[:2]) else {}


def _worse(facts: dict[str, Value], more: dict[str, Value]) -> dict[str, Value]:
    sends = max(int(facts.get("sends", 1)), int(more.get("sends", 1)))
    return facts | more | {"sends": sends}


def _judged(ended: Answered | Unanswered, late: Sequence[str]) -> tuple[Outcome, str]:
    if isinstance(ended, Unanswered):
        if ended.outcome in (Outcome.PROTOCOL, Outcome.LOST) and "requestInProgress" in late:
            return Outcome.LOST, "it says it works on it, and no answer came in time"
        return ended.outcome, clean(ended.why)
    answer: Ras = ended.answer
    if answer.name in _REJECTS:
        said = causes.rejected(answer.name, answer.reason)
        return Outcome.REFUSED, f"{answer.name} ({clean(answer.reason)}): {said}"
    if answer.name == "unknownMessageResponse":
        return Outcome.REFUSED, "it speaks RAS and does not understand the question"
    return Outcome.OK, ""


def _where(answer: Ras) -> Row:
    row: Row = {"gatekeeper": clean(answer.gatekeeper, 80)} if answer.gatekeeper else {}
    for name, address in (("ras", answer.ras), ("signalling", answer.signal)):
        if address:
            row[name] = f"{address[0]}:{address[1]}"
    return row


# -- a call --------------------------------------------------------------------------------------------------------
class H323Talk(NamedTuple):
    """A call and what became of it. `broken`: its connection was reset; `offered`: sound was; `heard`: None when the far
    end opened no channel for it."""

    events: Sequence[Any]
    broken: bool = False
    offered: bool = False
    heard: Media | None = None


def called(talk: H323Talk, connect_ms: float) -> tuple[Try, list[Row]]:
    """The outcome of a call, its values, and who made the far end."""
    events = talk.events
    stages = [event for event in events if isinstance(event, CallStage)]
    times = {"connect_ms": connect_ms} | {TIMES[stage.name]: 1000.0 * stage.after_s for stage in stages}
    facts: dict[str, Value] = {"rung": max((_RUNGS[stage.name] for stage in stages), default=CONNECTED)}
    released = next((event for event in events if isinstance(event, Released)), None)
    if released is not None:
        facts |= {"cause": released.cause} if released.cause is not None else {}
        facts |= {"reason": released.call.code} if released.call.code >= 0 else {}
    calls = [event.call for event in events if isinstance(event, CallStage | Released | Elsewhere)]
    named = next((call for call in reversed(calls) if call.vendor), None)
    facts |= _software(named.vendor, named.version) if named else {}
    facts |= _sound(talk.heard) if talk.heard else {}
    outcome, why = _ended(talk, stages)
    both_ways = talk.heard and talk.heard.rcvd and talk.heard.hears is not False
    facts |= {"rung": MEDIA} if both_ways else {}
    rows = [_row(call.name, call.vendor, call.version) | _h245(call) for call in calls if call.vendor]
    return Try(outcome, why, times, facts, bool(calls)), rows[-1:]


def _ended(talk: H323Talk, stages: Sequence[CallStage]) -> tuple[Outcome, str]:
    if any(stage.name == "connect" for stage in stages):
        return _taken(talk)
    for event in talk.events:
        if not isinstance(event, CallStage):
            verdict: Verdict | None = _VERDICTS.get(type(event))
            if verdict:
                return verdict(event, talk.broken)
    return Outcome.LOST, "nothing came back in time"


def _taken(talk: H323Talk) -> tuple[Outcome, str]:
    heard = talk.heard
    ended = next((event for event in talk.events if isinstance(event, Released | ConnectionClosed)), None)
    if heard and not (heard.rcvd and heard.hears is not False):
        if heard.late_ms > _LATE_MS or heard.local_drop or not heard.sent:
            return Outcome.LOCAL, "this machine was too busy to send its sound in time"
        if heard.rcvd:
            return Outcome.LOST, "the call is up, but it reports (RTCP) that it hears no sound of ours"
    if ended and talk.offered and not (heard and heard.rcvd):
        words = _released(ended, False) if isinstance(ended, Released) else _closed(ended, talk.broken)
        return Outcome.REFUSED, f"it took the call, and before any sound {words[1]}"
    if heard and not heard.rcvd:
        strange = f": what came is of payload type {heard.strange_type}" if heard.strange else ""
        return Outcome.LOST, f"the call is up, but no sound came back{strange}"
    if isinstance(ended, Released):
        return Outcome.OK, _released(ended, False)[1]
    if ended:
        return Outcome.OK, "it closed the connection of the call"
    return Outcome.OK, "it opens no fast connect, so sound was not tried" if talk.offered and heard is None else ""


def _sound(heard: Media) -> dict[str, Value]:
    came = heard.came
    out: dict[str, Value] = {"audio_sent": heard.sent, "audio_rcvd": heard.rcvd}
    out["audio_send_late_ms"] = round(heard.late_ms, 3)
    if heard.rcvd:
        out |= {"audio_lost_bwd": max(0, came.totals.lost - heard.local_drop), "audio_reordered": came.totals.reordered}
        measured = {"first_ms": heard.first_ms, "jitter_bwd_ms": came.jitter_ms, "rtt_ms": heard.rtt_ms}
        out |= {f"audio_{name}": round(value, 3) for name, value in measured.items() if value is not None}
    if heard.block:
        out["audio_lost_fwd"] = max(0, heard.block.lost)
    if len(heard.tos) == 1 and min(heard.tos) >= 0:
        out["audio_dscp_seen_bwd"] = min(heard.tos) >> 2
    return out


def _released(event: Released, broken: bool) -> tuple[Outcome, str]:
    parts = []
    if event.cause is not None:
        parts.append(f"cause {event.cause}: {causes.cause(event.cause)}")
    if event.call.reason:
        parts.append(f"{clean(event.call.reason, 60)}: {causes.release(event.call.reason)}")
    return Outcome.REFUSED, "it ends the call (" + ("; ".join(parts) or "no reason given") + ")"


def _elsewhere(event: Elsewhere, broken: bool) -> tuple[Outcome, str]:
    where = f" ({event.call.other[0]}:{event.call.other[1]})" if event.call.other else ""
    return Outcome.REFUSED, f"it says {event.call.reason}: {causes.facility(event.call.reason)}{where}"


def _expired(event: CallExpired, broken: bool) -> tuple[Outcome, str]:
    if event.stage == "alerting":
        return Outcome.LOST, "it rang, and nobody took the call in time"
    if event.stage:
        return Outcome.LOST, "it works on the call, and nothing more came in time"
    if event.partial:
        return Outcome.PROTOCOL, "an answer began and never ended"
    if event.strays:
        return Outcome.PROTOCOL, "it answers, but to another call"
    return Outcome.LOST, "the port is open, and nothing answers the call"


def _closed(event: ConnectionClosed, broken: bool) -> tuple[Outcome, str]:
    if event.partial:
        return Outcome.PROTOCOL, "an answer began and never ended"
    how = "broke the connection off" if broken else "closed the connection"
    return Outcome.REFUSED, f"it {how} without ending the call"


def _malformed(event: Malformed, broken: bool) -> tuple[Outcome, str]:
    return Outcome.PROTOCOL, f"what answers is no H.323: {clean(event.reason)}"


_VERDICTS: dict[type, Verdict] = {
    Released: _released,
    Elsewhere: _elsewhere,
    CallExpired: _expired,
    ConnectionClosed: _closed,
    Malformed: _malformed,
}


def _software(vendor: Vendor | None, version: int | None) -> dict[str, Value]:
    facts: dict[str, Value] = {} if version is None else {"h225_version": version}
    return facts | ({} if vendor is None else {"vendor_t35": vendor.t35, "product_crc": vendor.crc})


def _row(said: str, vendor: Vendor | None, version: int | None) -> Row:
    row: Row = {"said": said}
    if vendor:
        row |= {
            "vendor": f"{vendor.country}/{vendor.extension}/{vendor.manufacturer}",
            "product": clean(vendor.product.rstrip(b"\0"), 80),
            "version": clean(vendor.version.rstrip(b"\0"), 80),
        }
    return row | ({} if version is None else {"h225": version})


def _h245(call: CallSignal) -> Row:
    row: Row = {"h245": f"{call.h245[0]}:{call.h245[1]}"} if call.h245 else {}
    return row | ({} if call.tunnelled is None else {"tunnelling": int(call.tunnelled)})
