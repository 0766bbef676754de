"""What a path says: outcome, values, the table for people (`docs/probes/path.md`)."""

from __future__ import annotations

from probes import stats
from probes.base import Outcome, Row, Value
from probes.clean import clean
from probes.kinds.path.history import RouteChange
from probes.kinds.path.hops import Hop, Trace
from probes.kinds.path.mtu import Size
from probes.wire.icmp.error import EXCEEDED, IcmpMeaning
from probes.wire.icmp.fault import icmp_fault
from probes.wire.path.flow import HopReply

# --- the outcome ---


def verdict(trace: Trace, change: RouteChange, size: Size | None, dscp: int, neighbour: str) -> tuple[Outcome, str]:
    """The table of `docs/probes/path.md`. A silent hop in the middle is no fault; `why` tells what is remarkable."""
    if trace.hops:
        return Outcome.OK, "; ".join(_remarks(trace, change, size, dscp))
    if not trace.sent:
        return Outcome.LOCAL, f"this machine has no way: {trace.unsent or 'nothing could be sent'}"
    refused = next(
        (reply.answer for hop in trace.steps for reply in hop.seen if reply.answer.what is IcmpMeaning.UNREACHABLE),
        None,
    )
    refused = refused or next((reply.answer for hop in trace.steps for reply in hop.seen if reply.answer.what is IcmpMeaning.PORT), None)  # fmt: skip
    if refused and (fault := icmp_fault(trace.target, refused.by, refused.type, refused.code)):
        return Outcome.REFUSED, clean(fault.why)
    if not trace.steps:
        return Outcome.LOST, neighbour or "nothing came back in time"
    return Outcome.LOST, "; ".join([_breaks_off(trace), *([change.words] if change.words else [])])


def _breaks_off(trace: Trace) -> str:
    last = trace.steps[-1]
    circle = next((hop for hop in trace.steps[:-1] if set(hop.addresses) & set(last.addresses)), None)
    if circle:
        return f"the way goes in a circle: {clean(last.names)} is hop {circle.ttl} and hop {last.ttl}"
    return f"no answer from beyond hop {last.ttl} ({clean(last.names)})"


def _remarks(trace: Trace, change: RouteChange, size: Size | None, dscp: int) -> list[str]:
    words = [change.words] if change.words else []
    words += _answers_for(trace)
    if size and size.black_hole:
        words.append(f"packets above {size.mtu} bytes vanish without a word{_where(trace, size)}")
    rewritten = _rewritten(trace, dscp)
    if rewritten:
        seen = next(reply.answer.dscp for reply in rewritten.seen if reply.answer.dscp not in (None, dscp))
        words.append(f"DSCP {dscp} is {seen} at hop {rewritten.ttl} ({clean(rewritten.names)})")
    return words


def _answers_for(trace: Trace) -> list[str]:
    """When what shows the arrival is not the target's plain answer."""
    arrived = [reply.answer for hop in trace.steps for reply in hop.seen if reply.answer.reached]
    target = trace.target.partition("%")[0]
    if any(answer.by == target and (answer.type, answer.code) not in EXCEEDED for answer in arrived):
        return []
    others = list(dict.fromkeys(answer.by for answer in arrived if answer.by != target))
    if others:
        return [f"{clean(' '.join(others))} answers for it: another of its addresses, or a firewall before it"]
    return ["the target sends the packets on: it says itself that they have no hops left"]


def _where(trace: Trace, size: Size) -> str:
    if size.after is None:
        return ""
    place = f"hop {size.after} ({clean(trace.steps[size.after - 1].names)})" if size.after else "this machine"
    then = f" and before hop {size.before} ({clean(trace.steps[size.before - 1].names)})" if size.before else ""
    return f" after {place}{then}"


def _rewritten(trace: Trace, dscp: int) -> Hop | None:
    """The first hop that saw another DSCP than was sent."""
    return next((hop for hop in trace.steps if any(reply.answer.dscp not in (None, dscp) for reply in hop.seen)), None)


# --- values and rows ---


def values(trace: Trace, change: RouteChange, size: Size | None, dscp: int) -> dict[str, Value]:
    """Measured values only; names as the kind's `fields`."""
    out: dict[str, Value] = {"sent": trace.sent, "rcvd": trace.rcvd}
    if trace.hops:
        out["hops"] = trace.hops
        out |= _rtt(trace)
    if trace.steps:
        out["last_hop"] = trace.steps[-1].ttl
        out["branches"] = max(len(hop.addresses) for hop in trace.steps)
        out["hops_silent"] = sum(not hop.seen for hop in trace.steps)
        out["mpls_hops"] = sum(any(reply.answer.labels for reply in hop.seen) for hop in trace.steps)
    if change.known:
        out["changed"] = int(bool(change.words))
    return out | _of_size(size) | _of_dscp(trace, dscp)


def _rtt(trace: Trace) -> dict[str, Value]:
    trips_ms = [reply.answer.rtt_ms for hop in trace.steps for reply in hop.seen if reply.answer.reached]
    measured = sorted(trip_ms for trip_ms in trips_ms if trip_ms is not None)
    return {"rtt_ms": stats.quantile(measured, 0.5)} if measured else {}


def _of_size(size: Size | None) -> dict[str, Value]:
    if size is None:
        return {}
    where: dict[str, Value] = {} if size.after is None else {"mtu_hop": size.after}
    return {"mtu_bytes": size.mtu, "mtu_blackhole": int(size.black_hole)} | where


def _of_dscp(trace: Trace, dscp: int) -> dict[str, Value]:
    shown = [reply.answer.dscp for hop in trace.steps for reply in hop.seen if reply.answer.dscp is not None]
    if not shown:
        return {}
    rewritten = _rewritten(trace, dscp)
    return {"dscp_changed_at_hop": rewritten.ttl if rewritten else 0, "dscp_seen": shown[-1]}


def rows(trace: Trace, dscp: int) -> tuple[Row, ...]:
    """The hop table: a row for each address of each hop; what was not measured has no cell."""
    out: list[Row] = []
    for hop in trace.steps:
        if not hop.seen:
            out.append({"hop": hop.ttl, "address": "*", "note": "silent (no fault: it may just not answer)"})
        out += [_row(hop, address, dscp) for address in hop.addresses]
    return tuple(out)


def _row(hop: Hop, address: str, dscp: int) -> Row:
    mine = [reply for reply in hop.seen if reply.answer.by == address]
    row: Row = {"hop": hop.ttl, "address": clean(address), "flows": ",".join(str(reply.flow) for reply in mine)}
    rtts = [reply.answer.rtt_ms for reply in mine if reply.answer.rtt_ms is not None]
    if rtts:
        row["rtt_ms"] = min(rtts)
    seen = next((reply.answer.dscp for reply in mine if reply.answer.dscp is not None), None)
    if seen is not None:
        row["dscp"] = seen
    labels = next((label.answer.labels for label in mine if label.answer.labels), ())
    if labels:
        row["mpls"] = " ".join(str(label) for label in labels)
    note = _note(mine[0].answer, seen, dscp)
    return row | ({"note": note} if note else {})


def _note(answer: HopReply, seen: int | None, dscp: int) -> str:
    if answer.reached:
        return "target"
    if answer.what is not IcmpMeaning.EXCEEDED and answer.what is not None:
        return f"says {answer.what.value} (type {answer.type} code {answer.code})"
    return f"DSCP {dscp} has become {seen}" if seen not in (None, dscp) else ""
