"""Whose fault an ICMP error tells of: one table for every probe kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import Outcome
from probes.wire.icmp.fault import about_host, icmp_fault

HOST, ROUTER, HOST6, ROUTER6 = "192.0.2.1", "192.0.2.254", "2001:db8::1", "2001:db8::fe"


@pytest.mark.parametrize(
    ("to", "by", "type_", "code", "outcome", "words"),
    [
        (HOST, HOST, 3, 3, Outcome.REFUSED, "the host is there and nobody listens"),
        (HOST6, HOST6, 1, 4, Outcome.REFUSED, "the host is there and nobody listens"),
        (HOST, ROUTER, 3, 3, Outcome.REFUSED, f"{ROUTER} says nobody listens"),
        (HOST, HOST, 3, 2, Outcome.REFUSED, "the host is there and does not know this protocol"),
        (HOST6, HOST6, 4, 1, Outcome.REFUSED, "the host is there and does not know this protocol"),
        (HOST, HOST, 3, 10, Outcome.REFUSED, f"{HOST} forbids it: a firewall of the host itself"),
        (HOST, HOST, 3, 1, Outcome.REFUSED, f"{HOST} forbids it: a firewall of the host itself"),
        (HOST6, HOST6, 1, 0, Outcome.REFUSED, f"{HOST6} forbids it: a firewall of the host itself"),
        (HOST, ROUTER, 3, 9, Outcome.REFUSED, f"{ROUTER} forbids it: a firewall"),
        (HOST, ROUTER, 3, 10, Outcome.REFUSED, f"{ROUTER} forbids it: a firewall"),
        (HOST, ROUTER, 3, 13, Outcome.REFUSED, f"{ROUTER} forbids it: a firewall"),
        (HOST6, ROUTER6, 1, 1, Outcome.REFUSED, f"{ROUTER6} forbids it: a firewall"),
        (HOST6, ROUTER6, 1, 6, Outcome.REFUSED, f"{ROUTER6} forbids it: a firewall"),
        (HOST, ROUTER, 3, 0, Outcome.REFUSED, f"{ROUTER} has no route"),
        (HOST6, ROUTER6, 1, 0, Outcome.REFUSED, f"{ROUTER6} has no route"),
        (HOST, ROUTER, 3, 1, Outcome.REFUSED, f"{ROUTER} finds the host silent"),
        (HOST6, ROUTER6, 1, 3, Outcome.REFUSED, f"{ROUTER6} finds the host silent"),
        (HOST, ROUTER, 3, 4, Outcome.LOST, "too big"),
        (HOST6, ROUTER6, 2, 0, Outcome.LOST, "too big"),
        (HOST, ROUTER, 11, 0, Outcome.LOST, f"a loop in the network: at {ROUTER}"),
        (HOST6, ROUTER6, 3, 0, Outcome.LOST, f"a loop in the network: at {ROUTER6}"),
        (HOST, ROUTER, 11, 1, Outcome.LOST, "cut into pieces"),
        (HOST, ROUTER, 12, 0, Outcome.LOST, f"{ROUTER} could not take it"),
        (HOST, "", 3, 1, Outcome.LOST, "the next hop does not answer"),
        (HOST6, "", 1, 3, Outcome.LOST, "the next hop does not answer"),
        (HOST, "", 3, 13, Outcome.LOCAL, "this machine itself"),
        (HOST, "", 3, 3, Outcome.LOCAL, "this machine itself"),
        (HOST6, "", 1, 0, Outcome.LOCAL, "this machine itself"),
        (HOST, "", 3, 4, Outcome.LOCAL, "too big for this machine's own way"),
    ],
)  # fmt: skip
def test_each_message_has_one_meaning(to: str, by: str, type_: int, code: int, outcome: Outcome, words: str) -> None:
    fault = icmp_fault(to, by, type_, code)
    assert fault is not None and fault.outcome is outcome and words in fault.why
    assert f"ICMP type {type_} code {code}" in fault.why


@pytest.mark.parametrize(
    ("by", "code", "word"),
    [(ROUTER, 0, "absent"), (ROUTER, 1, "absent"), (ROUTER, 5, "absent"), (ROUTER, 13, "forbidden"), (ROUTER, 3, "")]
    + [(HOST, 3, ""), *((HOST, code, "rejected") for code in (0, 1, 5, 10, 13))],
)
def test_only_another_than_the_host_can_say_that_it_is_absent_or_shut_off(by: str, code: int, word: str) -> None:
    fault = icmp_fault(HOST, by, 3, code)
    assert fault is not None and about_host(fault.why) == word


@pytest.mark.parametrize("type_", [4, 5])
def test_a_redirect_or_a_quench_is_no_fault(type_: int) -> None:
    assert icmp_fault(HOST, ROUTER, type_, 0) is None


@given(
    st.sampled_from([HOST, HOST6, "fe80::1%eth0"]),
    st.sampled_from(["", HOST, ROUTER, HOST6, ROUTER6]),
    st.integers(0, 255),
    st.integers(0, 255),
)
def test_whatever_is_said_has_a_meaning_and_names_who_said_it(to: str, by: str, type_: int, code: int) -> None:
    fault = icmp_fault(to, by, type_, code)
    assert fault is None or fault.outcome in (Outcome.LOST, Outcome.REFUSED, Outcome.LOCAL)
    assert fault is None or not by or by == to or by in fault.why
    assert fault is None or by or fault.outcome is not Outcome.REFUSED  # our own kernel is nobody's refusal
