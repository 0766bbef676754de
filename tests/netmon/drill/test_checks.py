"""What a virtual check says, and when: times of real kinds."""

from __future__ import annotations

import random

import pytest

from alerts.base import LOST, OK, REFUSED
from netmon.drill.checks import VirtualCheck, virtual_check
from netmon.drill.faults import Effect, Way
from netmon.drill.network import PlannedCheck
from netmon.drill.scenario import KINDS
from netmon.fields import PREFIX, registry


def check(kind: str, *effects: Effect, every_s: float = 1.0, at_s: float = 100.0, loss: float = 0.0) -> VirtualCheck:
    made = virtual_check(PlannedCheck("c1-x", "c1", kind, "core", every_s), {"check": "c1-x"}, Way(effects), 5, loss)
    made.sent_s = at_s
    return made


def cut(start_s: float, end_s: float) -> Effect:
    return Effect(0, "cut", "link:x", start_s, end_s)


def measure(made: VirtualCheck) -> tuple[float, dict[str, float]]:
    told_s, fields = made.measure(random.Random(1))
    return round(told_s - made.sent_s, 3), fields


@pytest.mark.parametrize("kind", KINDS)
def test_all_fields_are_those_of_the_real_kind(kind: str) -> None:
    known = {field.name: field for field in registry()[PREFIX + kind]}
    for effects in ((), (cut(0, 1e9),), (Effect(0, "refuse", "x", 0, 1e9),)):
        _, fields = measure(check(kind, *effects, every_s=10.0))
        for name, value in fields.items():
            field = known.get(name) or known[name.rstrip("0123456789")]
            assert field.default and type(value) is (int if field.type == "int" else float), name


def test_an_answer_takes_8_ms_and_4_ms_for_each_element() -> None:
    told_s, fields = measure(check("ping"))
    assert (told_s, fields["rtt_p50_ms"], fields["outcome"]) == (0.028, 28.0, OK)


def test_a_lost_packet_is_known_after_a_second_and_a_seldom_ping_sends_three_more() -> None:
    assert measure(check("ping", cut(0, 1e9)))[0] == 1.0
    assert measure(check("stamp", cut(0, 1e9), every_s=10.0))[0] == 1.0
    told_s, fields = measure(check("ping", cut(0, 1e9), every_s=10.0))
    assert (told_s, fields["outcome"], fields["burst_sent"], fields["burst_rcvd"]) == (2.4, LOST, 3, 0)


def test_a_burst_that_is_answered_proves_the_way() -> None:
    told_s, fields = measure(check("ping", cut(0, 101.1), every_s=10.0))
    assert (told_s, fields["outcome"], fields["burst_rcvd"]) == (2.0, OK, 2)


@pytest.mark.parametrize(
    ("kind", "s"), [("dns", 2), ("sip", 2), ("ntp", 2), ("tcp", 2), ("h323", 3), ("http", 5), ("tls", 5)]
)
def test_a_service_is_given_up_after_its_time(kind: str, s: float) -> None:
    told_s, fields = measure(check(kind, cut(0, 1e9)))
    assert (told_s, fields["outcome"]) == (s, LOST)


def test_all_but_dns_try_a_second_time() -> None:
    told_s, fields = measure(check("sip", cut(0, 100.5)))
    assert (told_s, fields["outcome"]) == (1.028, OK)
    assert measure(check("dns", cut(0, 100.5)))[1]["outcome"] == LOST


def test_a_refusal_is_an_answer() -> None:
    told_s, fields = measure(check("http", Effect(0, "refuse", "x", 0, 1e9)))
    assert (told_s, fields["outcome"], fields.get("by_another")) == (0.028, REFUSED, None)
    assert measure(check("http", Effect(0, "filter", "x", 0, 1e9)))[1]["by_another"] == 1


def test_an_answer_slower_than_the_time_out_is_none() -> None:
    assert measure(check("ping", Effect(0, "slow", "x", 0, 1e9, ms=1500.0)))[1]["outcome"] == LOST
    assert measure(check("http", Effect(0, "slow", "x", 0, 1e9, ms=1500.0)))[1]["outcome"] == OK


def test_an_odd_check_says_the_same_whatever_it_saw() -> None:
    liar = check("dns", cut(0, 1e9))
    liar.says = "ok"
    assert measure(liar)[1]["outcome"] == OK
    gloomy = check("dns")
    gloomy.says = "lost"
    assert measure(gloomy)[1]["outcome"] == LOST


def test_one_in_a_hundred_is_lost_by_chance() -> None:
    chance, unlucky = random.Random(3), check("ping", loss=0.01)
    lost = sum(unlucky.measure(chance)[1]["outcome"] == LOST for _ in range(10_000))
    assert 70 < lost < 130


def test_the_third_miss_in_a_row_is_urgent_and_a_burst_counts_as_three() -> None:
    often = check("ping", cut(0, 1e9))
    _, miss = measure(often)
    assert [often.note(miss) for _ in range(5)] == [False, False, True, False, False]
    seldom = check("ping", cut(0, 1e9), every_s=10.0)
    assert seldom.note(measure(seldom)[1])
