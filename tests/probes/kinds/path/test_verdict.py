"""What a path says, from made-up answers: outcomes, values, the table, and what counts as a change."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from probes.base import Outcome
from probes.kinds.path import history as pathmemory
from probes.kinds.path import verdict as pathjudge
from probes.kinds.path.history import RouteChange, compare
from probes.kinds.path.hops import Trace, arrive, end, silent, trace
from probes.kinds.path.kind import FIELDS
from probes.kinds.path.mtu import Size
from probes.wire.icmp.error import IcmpMeaning, Label
from probes.wire.path.flow import HopReply, Probe

TARGET = "192.0.2.9"


def probes(*hops: str, unasked: Iterable[int] = (), **more: object) -> list[Probe]:
    """A flow whose hop n answered as the nth text says: an address, `T` the target, `!a` unreachable, `?a` a closed port,
    `+` the target's word that no hops are left, "" silence."""
    return [_probe(ttl, text, more) for ttl, text in enumerate(hops, 1) if ttl not in unasked]


def _probe(ttl: int, text: str, more: dict[str, object]) -> Probe:
    whats = {"T": (None, 3, 3), "!": (IcmpMeaning.UNREACHABLE, 3, 1), "?": (IcmpMeaning.PORT, 3, 3), "+": (None, 11, 0)}
    what, type_, code = whats.get(text[:1], (IcmpMeaning.EXCEEDED, 11, 0))
    by = TARGET if text in ("T", "+") else text.lstrip("!?")
    answer = HopReply(by, what, type_, code, rtt_ms=float(ttl), **more) if text else None  # type: ignore[arg-type]
    return Probe(ttl, ttl, left_ns=1, answer=answer)


def traced(*flows: list[Probe]) -> Trace:
    return trace(flows, TARGET)


def verdict(seen: Trace, size: Size | None = None, dscp: int = 0) -> tuple[Outcome, str]:
    return pathjudge.verdict(seen, RouteChange(), size, dscp, "")


@pytest.fixture(autouse=True)
def forget() -> None:
    pathmemory._last.clear()


def test_a_silent_middle_hop_is_no_fault_and_is_shown() -> None:
    seen = traced(probes("a", "", "c", "T"))
    assert verdict(seen) == (Outcome.OK, "")
    got = pathjudge.values(seen, RouteChange(), None, 0)
    assert (got["hops"], got["hops_silent"], got["branches"], got["rtt_ms"]) == (4, 1, 1, 4.0)
    assert pathjudge.rows(seen, 0)[1] == {"hop": 2, "address": "*", "note": "silent (no fault: it may just not answer)"}


def test_branches_are_the_addresses_side_by_side() -> None:
    seen = traced(probes("a", "b", "T"), probes("a", "c", "T"), probes("a", "b", "T"))
    assert pathjudge.values(seen, RouteChange(), None, 0)["branches"] == 2
    rows = [(row["hop"], row["address"], row["flows"]) for row in pathjudge.rows(seen, 0)]
    assert rows == [(1, "a", "1,2,3"), (2, "b", "1,3"), (2, "c", "2"), (3, TARGET, "1,2,3")]


def test_what_went_out_beyond_the_target_is_left_out() -> None:
    seen = traced(probes("a", "T", "T", "T", ""))
    assert (seen.hops, len(seen.steps)) == (2, 2)


def test_silence_is_lost_and_names_the_last_hop_that_answers() -> None:
    assert verdict(traced(probes("a", "b", "", ""))) == (Outcome.LOST, "no answer from beyond hop 2 (b)")
    assert verdict(traced(probes("", ""))) == (Outcome.LOST, "nothing came back in time")
    assert pathjudge.verdict(traced(probes("")), RouteChange(), None, 0, "next hop") == (Outcome.LOST, "next hop")


def test_a_circle_is_told() -> None:
    assert verdict(traced(probes("a", "b", "c", "b"))) == (
        Outcome.LOST,
        "the way goes in a circle: b is hop 2 and hop 4",
    )


def test_an_unreachable_refuses_and_names_who_says_so_unless_another_flow_arrives() -> None:
    refused = probes("a", "!b")
    assert verdict(traced(refused)) == (
        Outcome.REFUSED,
        "b finds the host silent: it is off, or not there (ICMP type 3 code 1)",
    )
    assert verdict(traced(refused, probes("a", "c", "T")))[0] is Outcome.OK


def test_a_closed_port_told_by_another_address_is_the_target_and_said_so() -> None:
    flow = probes("a", "?b")
    arrive([flow])
    outcome, why = verdict(traced(flow))
    assert outcome is Outcome.OK and why.startswith("b answers for it")
    assert traced(flow).hops == 2


def test_a_closed_port_told_by_who_passes_packets_on_is_a_firewall() -> None:
    flow = probes("a", "b", "?b")
    arrive([flow])
    assert verdict(traced(flow))[0] is Outcome.REFUSED and "firewall" in verdict(traced(flow))[1]


def test_a_target_that_sends_the_packets_on_is_reached_and_said_so() -> None:
    seen = traced(probes("a", "+", ""))
    assert seen.hops == 2 and verdict(seen) == (
        Outcome.OK,
        "the target sends the packets on: it says itself that they have no hops left",
    )
    assert traced(probes("a", "+", "T")).hops == 2  # what is behind the target's address is not asked for


def test_nothing_that_left_is_our_own_fault() -> None:
    never = [Probe(1, 0, unsent="Network is unreachable")]
    outcome, why = verdict(traced(never))
    assert outcome is Outcome.LOCAL and "Network is unreachable" in why
    assert pathjudge.values(traced(never), RouteChange(), None, 0) == {"sent": 0, "rcvd": 0}


def test_a_rewritten_dscp_is_told_with_the_hop_that_sees_it_first() -> None:
    flow = probes("a", "b", dscp=46) + [_probe(3, "c", {"dscp": 10}), _probe(4, "T", {"dscp": 10})]
    seen = traced(flow)
    assert verdict(seen, dscp=46) == (Outcome.OK, "DSCP 46 is 10 at hop 3 (c)")
    got = pathjudge.values(seen, RouteChange(), None, 46)
    assert (got["dscp_changed_at_hop"], got["dscp_seen"]) == (3, 10)
    assert pathjudge.rows(seen, 46)[2]["note"] == "DSCP 46 has become 10"
    assert "dscp_seen" not in pathjudge.values(traced(probes("a", "T")), RouteChange(), None, 46)


def test_a_black_hole_is_told_with_the_size_and_the_place() -> None:
    seen = traced(probes("a", "b", "c", "T"))
    size = Size(1300, True, "", 2, 3)
    assert (
        verdict(seen, size=size)[1]
        == "packets above 1300 bytes vanish without a word after hop 2 (b) and before hop 3 (c)"
    )
    got = pathjudge.values(seen, RouteChange(), size, 0)
    assert (got["mtu_bytes"], got["mtu_blackhole"], got["mtu_hop"]) == (1300, 1, 2)
    assert "this machine" in verdict(seen, size=Size(1300, True, "", 0, 1))[1]
    assert verdict(seen, size=Size(1300, False, "a")) == (Outcome.OK, "")


def test_labels_stand_in_the_table() -> None:
    seen = traced(probes("a", labels=(Label(16, 5, False, 254), Label(17, 0, True, 1))) + [_probe(2, "T", {})])
    assert pathjudge.rows(seen, 0)[0]["mpls"] == "16/5/254 17/0/1"
    assert pathjudge.values(seen, RouteChange(), None, 0)["mpls_hops"] == 1


def test_hostile_texts_are_cleaned() -> None:
    seen = traced(probes("\x1b[31m", "!\x1b]0;"))
    assert "\x1b" not in str(pathjudge.rows(seen, 0)) + verdict(seen)[1]


def test_all_values_are_declared() -> None:
    seen = traced(probes("a", "T", dscp=3))
    names = pathjudge.values(seen, RouteChange(True, "x"), Size(1500, True, "", 1, 2), 0)
    assert set(names) == {field.name for field in FIELDS}


def test_a_flow_ends_at_the_target_and_only_silence_before_it_is_asked_again() -> None:
    assert (end(probes("a", "", "T", "T")), silent(probes("a", "", "T", ""), 30)) == (3, [2])
    assert (end(probes("a", "!b")), end(probes("a", "", "")), end(probes("", ""))) == (2, 1, 0)
    assert silent(probes("a", "", "c"), 5) == [2, 4, 5]


# --- changes ---


def test_the_first_path_is_compared_with_nothing_and_the_same_one_is_no_change() -> None:
    seen = traced(probes("a", "b", "T"))
    assert compare("k", seen) == RouteChange()
    assert compare("k", seen) == RouteChange(True, "")
    assert compare("other", seen) == RouteChange()


def test_another_router_or_another_length_is_a_change_told_once() -> None:
    compare("k", traced(probes("a", "b", "T")))
    moved = traced(probes("a", "c", "T"))
    assert compare("k", moved) == RouteChange(True, "hop 2 was b, it is c")
    assert compare("k", moved) == RouteChange(True, "")
    assert compare("k", traced(probes("a", "T"))).words == f"hop 2 was c, it is {TARGET}"
    assert compare("k", traced(probes("a", "", "T"))) == RouteChange(True, "")  # hop 2 may just be silent
    assert compare("k", traced(probes("a", "b", "c", "T"))).words == f"hop 3 was {TARGET}, it is c"


def test_a_hop_that_falls_silent_is_no_change() -> None:
    compare("k", traced(probes("a", "b", "T")))
    assert compare("k", traced(probes("a", "", "T"))) == RouteChange(True, "")


def test_a_branch_that_is_gone_is_a_change_when_every_flow_was_answered() -> None:
    both = traced(probes("a", "b", "T"), probes("a", "c", "T"))
    compare("k", both)
    assert compare("k", traced(probes("a", "b", "T"), probes("a", "", "T"))) == RouteChange(True, "")
    compare("k", both)
    assert compare("k", traced(probes("a", "b", "T"), probes("a", "b", "T"))).words == "hop 2 was b c, it is b"


def test_a_path_that_breaks_off_is_told_where_it_went_on_and_the_good_one_is_kept() -> None:
    good = traced(probes("a", "b", "c", "T"))
    compare("k", good)
    assert compare("k", traced(probes("a", "", "", ""))) == RouteChange(False, "the last good path went on to b")
    assert compare("k", good) == RouteChange(True, "")


def test_memory_is_bounded() -> None:
    seen = traced(probes("T"))
    for key in range(1100):
        compare(key, seen)
    assert len(pathmemory._last) == 1000 and compare(0, seen) == RouteChange() and compare(1099, seen).known
