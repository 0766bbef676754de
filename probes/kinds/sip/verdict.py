"""Which answer is which outcome, and whose trouble it is: the table of `docs/probes/sip.md`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from probes import stats
from probes.base import Outcome, Value
from probes.clean import clean
from probes.io.conversation import ConversationEnd
from probes.wire.session import Malformed
from probes.wire.sip import message as sip
from probes.wire.sip import reason as sip_reason
from probes.wire.sip.options import FinalResponse, NoFinalResponse, Provisional, Stray

# Cisco's out-of-dialog OPTIONS rule: 503, 505 and silence are down for calls, any other final answer is alive.
_OUTCOMES = {408: Outcome.LOST, 503: Outcome.REFUSED, 505: Outcome.REFUSED}
_WORDS = {
    401: "alive; it asks who we are",
    403: "alive; it does not allow us this",
    404: "alive; it knows no such room",
    405: "alive; it does not answer OPTIONS there",
    407: "alive; it asks who we are",
    408: "its server is there, what is behind it did not answer",
    480: "alive; the room is not to be had now",
    483: "alive; the request went round in circles",
    486: "alive; the room is busy",
    503: "no calls now",
    505: "no calls: it does not take SIP 2.0",
}
_BAD_PASSWORD = "alive; it does not accept our user and password"  # noqa: S105


class OptionsTry(NamedTuple):
    """One OPTIONS and what became of it. Times in ms, None when not measured."""

    outcome: Outcome
    why: str
    answer: FinalResponse | None
    connect_ms: float | None = None
    tls_ms: float | None = None
    cert_days: float | None = None


def judge(events: Sequence[Any], ended: ConversationEnd) -> tuple[Outcome, str, FinalResponse | None]:
    """One conversation's outcome from what the session told and how it was carried."""
    answer = next((event for event in events if isinstance(event, FinalResponse)), None)
    if answer:
        status = answer.message.status
        return _OUTCOMES.get(status, Outcome.OK), _words(answer), answer
    if ended.outcome is not Outcome.OK:
        return ended.outcome, clean(ended.why), None
    return *_unanswered(events), None


def _words(answer: FinalResponse) -> str:
    status = answer.message.status
    if 200 <= status < 300:
        return ""
    said = f"{status} {clean(answer.message.reason, 60)}".strip()
    if status in (401, 407) and answer.tried:
        return f"{said}: {_BAD_PASSWORD}"
    more = clean(sip_reason.more(answer.message), 240)
    return f"{said}: {_WORDS.get(status, 'alive')}" + (f"; {more}" if more else "")


def _unanswered(events: Sequence[Any]) -> tuple[Outcome, str]:
    malformed = next((event for event in events if isinstance(event, Malformed)), None)
    expired = next((event for event in events if isinstance(event, NoFinalResponse)), NoFinalResponse(False, False))
    if malformed:
        return Outcome.PROTOCOL, f"what answers is no SIP: {clean(malformed.reason)}"
    if expired.partial:
        return Outcome.PROTOCOL, "an answer began and never ended"
    if any(isinstance(event, Stray) for event in events):
        return Outcome.PROTOCOL, "it answers, but not what we asked"
    if expired.closed:
        return Outcome.REFUSED, "it closed the connection without an answer"
    if any(isinstance(event, Provisional) for event in events):
        return Outcome.LOST, "only a provisional answer came in time"
    if expired.trouble:
        return expired.trouble.outcome, clean(expired.trouble.why)
    return Outcome.LOST, "nothing came back in time"


def verdict(tries: Sequence[OptionsTry]) -> tuple[Outcome, str]:
    """Of many: OK when any was, else the last one's; losses beside it stand in `sent` and `rcvd`."""
    good = [attempt for attempt in tries if attempt.outcome is Outcome.OK]
    last = (good or tries)[-1]
    return last.outcome, last.why


def values(tries: Sequence[OptionsTry], resolve_ms: float | None) -> dict[str, Value]:
    """Measured values only; names as the kind's `fields`."""
    answers = [attempt.answer for attempt in tries if attempt.answer]
    out: dict[str, Value] = {
        "sent": sum(attempt.outcome is not Outcome.LOCAL for attempt in tries),
        "rcvd": len(answers),
    }
    if answers:
        delays = stats.delays([1000.0 * answer.rtt_s for answer in answers])
        out["status"] = answers[-1].message.status
        out["rtt_ms"] = delays["rtt_p50_ms"]
        out["sends"] = max(answer.sends for answer in answers)
        out |= {name: delays[name] for name in ("rtt_min_ms", "rtt_max_ms")}
        later = sip.retry_after_s(answers[-1].message)
        out |= {} if later is None else {"retry_after_s": later}
    out |= _median("connect_ms", [attempt.connect_ms for attempt in tries])
    out |= _median("tls_ms", [attempt.tls_ms for attempt in tries])
    days = [attempt.cert_days for attempt in tries if attempt.cert_days is not None]
    out |= {"cert_days": round(days[-1], 2)} if days else {}
    return out | ({} if resolve_ms is None else {"resolve_ms": resolve_ms})


def _median(name: str, figures: Sequence[float | None]) -> dict[str, Value]:
    measured = sorted(value for value in figures if value is not None)
    return {name: round(stats.quantile(measured, 0.5), 4)} if measured else {}
