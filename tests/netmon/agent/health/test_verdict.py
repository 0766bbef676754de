"""Whose fault a silence is, from all that one machine knows: what answers beyond it, and on the same host."""

from __future__ import annotations

from pathlib import Path

import pytest

from netmon.agent.clock.kernel import is_synchronised
from netmon.agent.health import interfaces
from netmon.agent.health.verdict import LinkVerdict, judge, with_clock
from netmon.agent.measure.check_state import CheckState, states_of
from netmon.cli import status
from netmon.config.agent import CheckConfig
from probes.base import Measurement, Outcome
from probes.wire.icmp.fault import icmp_fault

OK, LOST, REFUSED, UNRESOLVED, PROTOCOL, LOCAL = Outcome
CHECKS = (
    CheckConfig(check="uplink", kind="stamp", target="10.1.0.1:862", about="link"),
    CheckConfig(check="uplink-ping", kind="ping", target="10.1.0.1", about="link"),
    CheckConfig(check="core", kind="ping", target="10.0.0.1", about="upstream"),
    CheckConfig(check="mcu", kind="sip", target="sip:mcu.example:5060", about="service"),
    CheckConfig(check="documents", kind="tcp", target="documents.example:443", about="service"),
    CheckConfig(check="host", kind="host", about="self"),
)


def _said(
    before: dict[str, Outcome], now: dict[str, Outcome], cards: interfaces.CarrierState = "up", seconds: int = 30
) -> LinkVerdict:
    """All well but `before` for half a minute, then `now`, with the rest as it was."""
    states = dict(states_of(CHECKS))
    del states["uplink-ping"]
    if "uplink-ping" in before | now:
        states = dict(states_of(CHECKS))
    for at_s in range(30):
        for name, state in states.items():
            _note(state, before.get(name, OK), at_s)
    for at_s in range(30, 30 + seconds):
        for name, state in states.items():
            _note(state, now.get(name, before.get(name, OK)), at_s)
    return judge(states.values(), cards)


def _note(state: CheckState, outcome: Outcome, at_s: int, why: str = "as the far end says") -> None:
    state.note(Measurement("k", state.target, at_s * 10**9, 1.0, outcome, {}, why))


ALL_LOST = dict.fromkeys(("uplink", "core", "mcu", "documents"), LOST)


def test_a_cut_line_is_the_lines() -> None:
    verdict = _said({}, ALL_LOST)
    assert (verdict.state, verdict.part, verdict.cause) == ("down", "link", "")


def test_a_cable_without_a_signal_is_said() -> None:
    verdict = _said({}, ALL_LOST, "no_carrier")
    assert (verdict.state, verdict.part, verdict.cause) == ("down", "link", "cable")


@pytest.mark.parametrize("others", [{}, {"uplink-ping": OK}])
@pytest.mark.parametrize("outcome", [REFUSED, LOST])
def test_a_reflector_that_was_stopped_never_makes_a_lost_line(outcome: Outcome, others: dict[str, Outcome]) -> None:
    verdict = _said({}, {"uplink": outcome, **others})
    assert (verdict.state, verdict.part) == ("down", "upstream")
    assert verdict.cause == ("program" if outcome is REFUSED or others else "host")


def test_a_closed_port_is_the_services_program() -> None:
    verdict = _said({}, {"mcu": REFUSED})
    assert (verdict.part, verdict.cause, verdict.target) == ("service", "program", "sip:mcu.example:5060")


def test_an_odd_answer_is_no_missing_program() -> None:
    assert _said({}, {"mcu": PROTOCOL}).cause == "odd"


@pytest.mark.parametrize("name", ["uplink", "core", "mcu"])
def test_an_address_that_never_answered_is_this_machines_configuration(name: str) -> None:
    verdict = _said({name: LOST}, {})
    assert (verdict.state, verdict.part, verdict.cause) == ("down", "self", "address")


def test_a_machine_that_answered_before_is_off() -> None:
    verdict = _said({}, {"core": LOST})
    assert (verdict.part, verdict.cause) == ("upstream", "host")


def test_a_name_that_does_not_exist_is_no_service_that_is_down() -> None:
    never = _said({"mcu": UNRESOLVED}, {})
    assert (never.part, never.cause) == ("self", "address")
    assert _said({}, {"mcu": UNRESOLVED}).cause == "name"


def test_names_that_nobody_resolves_on_a_dead_line_are_the_lines() -> None:
    now = {"uplink": LOST, "core": LOST, "mcu": UNRESOLVED, "documents": UNRESOLVED}
    verdict = _said({}, now)
    assert (verdict.part, verdict.cause, verdict.checks) == ("link", "", ("uplink",))


def test_an_interface_that_is_down_is_ours() -> None:
    verdict = _said({}, dict.fromkeys(ALL_LOST, LOCAL), "down")
    assert (verdict.part, verdict.cause) == ("self", "interface")


def test_a_cache_on_this_side_of_the_line_does_not_clear_it() -> None:
    verdict = _said({}, {"uplink": LOST, "core": LOST, "mcu": LOST})
    assert (verdict.part, verdict.cause) == ("link", "")


def test_a_silence_waits_for_what_slower_checks_say_and_not_for_long() -> None:
    states = states_of(CHECKS[:1] + CHECKS[2:3])
    for at_s in range(10):
        _note(states["uplink"], OK, at_s)
    _note(states["core"], OK, 9)
    told = []
    for at_s in range(10, 40):
        _note(states["uplink"], LOST, at_s)
        told.append(judge(states.values()).state)
    assert told[2:14] == ["doubt"] * 12 and told[-1] == "down"
    _note(states["core"], OK, 40)
    assert judge(states.values()).cause == "host"


def test_a_check_of_the_loopback_says_nothing_of_the_line() -> None:
    checks = (CHECKS[0], CheckConfig(check="cache", kind="dns", target="127.0.0.1", about="service"))
    states = states_of(checks)
    for at_s in range(30):
        _note(states["uplink"], OK if at_s < 5 else LOST, at_s)
        _note(states["cache"], OK, at_s)
    verdict = judge(states.values())
    assert (verdict.part, verdict.cause) == ("link", "")


@pytest.mark.parametrize(
    ("flags", "carrier", "said"),
    [
        ("0x1003", "1", "up"),
        ("0x1003", "0", "no_carrier"),
        ("0x1002", None, "down"),
        ("0x9", "1", "up"),
        ("?", "1", "up"),
    ],
)
def test_the_kernel_says_whether_there_is_a_signal(tmp_path: Path, flags: str, carrier: str | None, said: str) -> None:
    (tmp_path / "eth0").mkdir()
    (tmp_path / "eth0" / "flags").write_text(flags)
    if carrier:
        (tmp_path / "eth0" / "carrier").write_text(carrier)
    assert interfaces.best(tmp_path) == said


@pytest.mark.parametrize("lang", ["vi", "en"])
@pytest.mark.parametrize("cause", ["program", "odd", "host", "firewall", "name", "address", "cable", "interface"])
def test_every_cause_has_words_that_blame_no_carrier(lang: str, cause: str) -> None:
    part = {"address": "self", "interface": "self", "cable": "link"}.get(cause, "upstream")
    verdict = {
        "state": "down", "part": part, "since_ms": 1, "checks": ["a"], "why": "closed", "cause": cause, "target": "10.1.0.1:862",
    }  # fmt: skip
    view = {
        "verdict": verdict, "contacts": [], "spool": {"points": 0, "dropped": 0, "trouble": ""}, "destinations": [],
        "clock_offset_ms": None,
    }  # fmt: skip
    lines = status.lines(view, lang, 100)
    assert "10.1.0.1:862" in lines[0] or cause in ("cable", "interface")
    assert "DOWN" not in lines[0] and "MẤT KẾT NỐI" not in lines[0] or cause == "cable"
    assert "owner unknown" in lines[3] or "chưa rõ chủ quản" in lines[3]


@pytest.mark.parametrize(
    ("offset_ms", "synchronised", "part"),
    [
        (3_600_000, False, "self"),
        (-3_600_000, None, "self"),
        (3_600_000, True, "hub"),
        (5_000, False, ""),
        (None, False, ""),
    ],
)
def test_a_wrong_clock_is_told_beside_a_fine_link(
    offset_ms: float | None, synchronised: bool | None, part: str
) -> None:
    verdict = with_clock(_said({}, {}), offset_ms, synchronised, 1_000)
    assert (verdict.state, verdict.part) == (("clock", part) if part else ("fine", ""))
    if not part:
        return
    view = {
        "verdict": {"state": "clock", "part": part, "since_ms": 1, "checks": [], "why": "", "cause": verdict.cause, "target": ""},
        "contacts": [], "spool": {"points": 0, "dropped": 0, "trouble": ""}, "destinations": [], "clock_offset_ms": offset_ms,
    }  # fmt: skip
    lines = status.lines(view, "vi", 100)
    assert "ĐỒNG HỒ" in lines[0] and "1 giờ" in lines[0] and ("máy này" if part == "self" else "máy chủ") in lines[2]


def test_a_cut_line_goes_before_a_wrong_clock() -> None:
    assert with_clock(_said({}, ALL_LOST), 3_600_000, False, 1).part == "link"


def test_the_kernel_says_whether_it_believes_its_clock() -> None:
    assert is_synchronised() in (True, False, None)


@pytest.mark.parametrize(
    ("type_code", "answered_before", "cause", "part"),
    [
        ((3, 1), True, "host", "service"), ((3, 1), False, "address", "self"), ((3, 13), True, "firewall", "service"),
        ((3, 0), True, "host", "service"), ((3, 3), True, "program", "service"),
    ],
)  # fmt: skip
def test_a_refusal_by_a_router_is_no_word_of_the_host(
    type_code: tuple[int, int], answered_before: bool, cause: str, part: str
) -> None:
    by = "10.0.0.9" if type_code == (3, 3) else "10.0.0.254"
    fault = icmp_fault("10.0.0.9", by, *type_code)
    assert fault is not None
    states = states_of(CHECKS)
    for at_s in range(20):
        for state in states.values():
            _note(state, OK if answered_before or state.check != "mcu" else LOST, at_s)
    for at_s in range(20, 40):
        for state in states.values():
            _note(state, fault.outcome if state.check == "mcu" else OK, at_s, fault.why)
    verdict = judge(states.values())
    assert (verdict.cause, verdict.part) == (cause, part)
