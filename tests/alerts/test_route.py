"""Pages go to whoever wants that severity of that owner's elements; whoever gets none can be told why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from alerts.incident import Incident
from alerts.route import NotSent, Reason, Scope, is_on, not_sent, unwanted
from alerts.silences import Silence


@dataclass(frozen=True)
class Somebody:
    name: str
    severities: tuple[str, ...] = ("critical", "warning")
    owners: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    provinces: tuple[str, ...] = ()
    hours: str = "always"
    after_s: float = 0.0


ALL = (Somebody("duty"), Somebody("night", severities=("critical",)), Somebody("vnpt", owners=("VNPT",)))
TUESDAY_MS = 1_796_086_800_000  # 2026-12-01 08:00 in Viet Nam
STEPS = ("link:p79-c1", "province:79", "link:core-p79", "site:core")


def scope(owner: str, carrier: str = "VNPT", provinces: tuple[str, ...] = ("79",)) -> Scope:
    return Scope(owner, carrier, STEPS, frozenset(provinces))


def wanted_by(severity: str, owner: str, receivers: tuple[Somebody, ...]) -> list[str]:
    case = incident(severity), scope(owner)
    return [receiver.name for receiver in receivers if unwanted(*case, receiver, TUESDAY_MS) is None]


def test_a_receiver_without_owners_gets_every_owners_pages() -> None:
    assert wanted_by("critical", "so-tttt", ALL) == ["duty", "night"]


def test_a_carrier_gets_only_what_is_its_own() -> None:
    assert wanted_by("warning", "VNPT", ALL) == ["duty", "vnpt"]


def test_an_element_without_owner_goes_to_those_who_take_all() -> None:
    assert wanted_by("critical", "", ALL) == ["duty", "night"]


def test_a_severity_nobody_wants_pages_nobody() -> None:
    assert wanted_by("info", "VNPT", ALL) == []


@pytest.mark.parametrize(
    ("asks", "why"),
    [
        ({"elements": ("link:p79-c1",)}, None),
        ({"elements": ("province:79",)}, None),  # what is behind it
        ({"elements": ("link:p79-*",)}, None),
        ({"elements": ("commune:*", "province:01")}, "scope"),
        ({"carriers": ("VNPT", "Viettel")}, None),
        ({"carriers": ("Viettel",)}, "scope"),
        ({"provinces": ("01", "79")}, None),
        ({"provinces": ("01",)}, "scope"),
        ({"provinces": ("79",), "carriers": ("Viettel",)}, "scope"),
    ],
)
def test_a_receiver_may_ask_for_a_part_of_the_network(asks: dict[str, Any], why: Reason | None) -> None:
    assert unwanted(incident(), scope("x"), Somebody("part", **asks), TUESDAY_MS) == why


@pytest.mark.parametrize(
    ("after_h", "office"),
    [(0, True), (9.4, True), (9.6, False), (24, True), (4 * 24, False), (31 * 24, False)],  # Saturday; 1 January
)
def test_whoever_works_office_hours_is_not_woken(after_h: float, office: bool) -> None:
    at_ms = TUESDAY_MS + int(after_h * 3_600_000)
    assert is_on(Somebody("day", hours="office"), at_ms) is office
    assert is_on(Somebody("night", hours="off"), at_ms) is not office
    assert is_on(Somebody("all"), at_ms)
    why = unwanted(incident(), scope("x"), Somebody("day", hours="office"), at_ms)
    assert why == (None if office else "hours")


def test_the_next_one_is_called_when_nobody_acknowledged_in_time() -> None:
    boss, opened_ms = Somebody("boss", after_s=900), incident().opened_ms
    assert unwanted(incident(), scope("x"), boss, opened_ms + 899_999) == "not-yet"
    assert unwanted(incident(), scope("x"), boss, opened_ms + 900_000) is None
    acked = replace(incident(), acked_by="lan", acked_ms=opened_ms + 60_000)
    assert unwanted(acked, scope("x"), boss, opened_ms + 900_000) == "acked"


def incident(severity: str = "critical", resolved_ms: int | None = None) -> Incident:
    return Incident("i1", "commune:c1", "down", "reach", severity, 5_000, 4_000, resolved_ms=resolved_ms)


def reasons(
    case: Incident, owner: str, receivers: Sequence[Somebody], paged: list[str], silence: Silence | None
) -> list[NotSent]:
    return not_sent(case, scope(owner), receivers, paged, silence, TUESDAY_MS)


def test_whoever_asks_for_other_pages_is_told_so() -> None:
    assert reasons(incident("warning"), "so-tttt", ALL, ["duty"], None) == [
        NotSent("night", "severity", 5_000),
        NotSent("vnpt", "owner", 5_000),
    ]


def test_a_page_that_is_due_now_needs_no_reason() -> None:
    assert reasons(incident(), "VNPT", ALL, [], None) == []


def test_a_silence_is_named_as_the_reason_from_when_it_held_a_page_back() -> None:
    quiet = Silence("s1", "commune:c1", 4.0, 90.0, "lan", "new router")
    assert reasons(incident(), "VNPT", ALL[:1], [], quiet) == [NotSent("duty", "silenced", 5_000, "s1 new router")]
    late = Silence("s2", "commune:c1", 6.0, 90.0, "lan", "")
    assert reasons(incident(), "VNPT", ALL[:1], [], late) == [NotSent("duty", "silenced", 6_000, "s2")]
    assert reasons(incident(), "VNPT", ALL[:1], ["duty"], quiet) == []


def test_what_was_over_before_anybody_was_told_is_never_sent() -> None:
    assert reasons(incident(resolved_ms=9_000), "", ALL[:2], ["night"], None) == [NotSent("duty", "over", 9_000)]


def test_without_receivers_nobody_is_told() -> None:
    assert reasons(incident(), "VNPT", [], [], None) == [NotSent("", "nobody", 5_000)]


def test_what_was_over_before_it_was_somebodys_turn_is_over_and_not_late() -> None:
    boss = Somebody("boss", after_s=900)
    assert reasons(incident(resolved_ms=9_000), "x", [boss], [], None) == [NotSent("boss", "over", 9_000)]
    night = Somebody("night", hours="off")
    assert reasons(incident(), "x", [night], [], None) == [NotSent("night", "hours", 5_000)]
