"""Which answer is which outcome, and whose trouble it is: the table of `docs/probes/h323.md`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from probes import h323words
from probes.base import Outcome, Row, Value
from probes.clean import clean
from probes.kinds.reach import Try
from probes.wire.exchange import Heard, Unheard
from probes.wire.h225 import Call, Ras, Vendor
from probes.wire.h323call import Closed, Elsewhere, Expired, Released, Stage
from probes.wire.session import Malformed

ENDS = {
    "silence": Outcome.LOST,
    "refused": Outcome.REFUSED,
    "reset": Outcome.REFUSED,
    "icmp": Outcome.REFUSED,
    "protocol": Outcome.PROTOCOL,
    "local": Outcome.LOCAL,
}
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
_REJECTS = ("gatekeeperReject", "locationReject")


# -- a gatekeeper --------------------------------------------------------------------------------------------------
def asked(
    first: Heard | Unheard, second: Heard | Unheard | None, room: str, late: Sequence[str]
) -> tuple[Try, list[Row]]:
    """The outcome of a GRQ and, when it was answered well, of the LRQ for `room`. `late`: other RAS messages that came."""
    times, facts, rows = _heard("ras_ms", first, _GATEKEEPER)
    outcome, why = _judged(first, late)
    if second is not None and outcome is Outcome.OK:
        more_times, more_facts, more_rows = _heard("locate_ms", second, _LOCATED)
        times, facts, rows = times | more_times, _worse(facts, more_facts), rows + more_rows
        outcome, said = _judged(second, late)
        why = said and f"the gatekeeper answers, but for room {clean(room, 40)}: {said}"
    return Try(outcome, why, times, facts, isinstance(first, Heard)), rows


def _heard(name: str, told: Heard | Unheard, rung: int) -> tuple[dict[str, float], dict[str, Value], list[Row]]:
    if isinstance(told, Unheard):
        return {}, {}, []
    answer: Ras = told.answer
    facts: dict[str, Value] = {"sends": told.sends}
    facts |= {"reason": answer.code} if answer.code >= 0 else {"rung": rung}
    facts |= _software(answer.vendor, answer.version)
    return {name: told.rtt_ms}, facts, [_row(answer.name, answer.vendor, answer.version) | _where(answer)]


def _worse(facts: dict[str, Value], more: dict[str, Value]) -> dict[str, Value]:
    sends = max(int(facts.get("sends", 1)), int(more.get("sends", 1)))
    return facts | more | {"sends": sends}


def _judged(told: Heard | Unheard, late: Sequence[str]) -> tuple[Outcome, str]:
    if isinstance(told, Unheard):
        if told.end == "protocol" and "requestInProgress" in late:
            return Outcome.LOST, "it says it works on it, and no answer came in time"
        return ENDS[told.end], clean(told.why)
    answer: Ras = told.answer
    if answer.name in _REJECTS:
        said = h323words.rejected(answer.name, answer.reason)
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
def called(events: Sequence[Any], connect_ms: float, broken: bool) -> tuple[Try, list[Row]]:
    """The outcome of a call from what its session told. `broken`: the connection was reset."""
    stages = [one for one in events if isinstance(one, Stage)]
    times = {"connect_ms": connect_ms} | {TIMES[one.name]: 1000.0 * one.after_s for one in stages}
    facts: dict[str, Value] = {"rung": max((_RUNGS[one.name] for one in stages), default=CONNECTED)}
    released = next((one for one in events if isinstance(one, Released)), None)
    if released is not None:
        facts |= {"cause": released.cause} if released.cause is not None else {}
        facts |= {"reason": released.call.code} if released.call.code >= 0 else {}
    calls = [one.call for one in events if isinstance(one, Stage | Released | Elsewhere)]
    told = next((one for one in reversed(calls) if one.vendor), None)
    facts |= _software(told.vendor, told.version) if told else {}
    outcome, why = _ended(events, stages, broken)
    rows = [_row(one.name, one.vendor, one.version) | _h245(one) for one in calls if one.vendor]
    return Try(outcome, why, times, facts, bool(calls)), rows[-1:]


def _ended(events: Sequence[Any], stages: Sequence[Stage], broken: bool) -> tuple[Outcome, str]:
    if any(one.name == "connect" for one in stages):
        return Outcome.OK, ""
    for event in events:
        if not isinstance(event, Stage):
            verdict: Verdict | None = _VERDICTS.get(type(event))
            if verdict:
                return verdict(event, broken)
    return Outcome.LOST, "nothing came back in time"


def _released(told: Released, broken: bool) -> tuple[Outcome, str]:
    parts = []
    if told.cause is not None:
        parts.append(f"cause {told.cause}: {h323words.cause(told.cause)}")
    if told.call.reason:
        parts.append(f"{clean(told.call.reason, 60)}: {h323words.release(told.call.reason)}")
    return Outcome.REFUSED, "it ends the call (" + ("; ".join(parts) or "no reason given") + ")"


def _elsewhere(told: Elsewhere, broken: bool) -> tuple[Outcome, str]:
    where = f" ({told.call.other[0]}:{told.call.other[1]})" if told.call.other else ""
    return Outcome.REFUSED, f"it says {told.call.reason}: {h323words.facility(told.call.reason)}{where}"


def _expired(told: Expired, broken: bool) -> tuple[Outcome, str]:
    if told.stage == "alerting":
        return Outcome.OK, "it rings, and nobody took the call in time"
    if told.stage:
        return Outcome.LOST, "it works on the call, and nothing more came in time"
    if told.partial:
        return Outcome.PROTOCOL, "an answer began and never ended"
    if told.strays:
        return Outcome.PROTOCOL, "it answers, but to another call"
    return Outcome.LOST, "the port is open, and nothing answers the call"


def _closed(told: Closed, broken: bool) -> tuple[Outcome, str]:
    if told.partial:
        return Outcome.PROTOCOL, "an answer began and never ended"
    how = "broke the connection off" if broken else "closed the connection"
    return Outcome.REFUSED, f"it {how} without ending the call"


def _malformed(told: Malformed, broken: bool) -> tuple[Outcome, str]:
    return Outcome.PROTOCOL, f"what answers is no H.323: {clean(told.reason)}"


_VERDICTS: dict[type, Verdict] = {
    Released: _released,
    Elsewhere: _elsewhere,
    Expired: _expired,
    Closed: _closed,
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


def _h245(call: Call) -> Row:
    row: Row = {"h245": f"{call.h245[0]}:{call.h245[1]}"} if call.h245 else {}
    return row | ({} if call.tunnelled is None else {"tunnelling": int(call.tunnelled)})
