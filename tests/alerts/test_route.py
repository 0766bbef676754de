"""Pages go to whoever wants that severity of that owner's elements; whoever gets none can be told why."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.incident import Incident
from alerts.route import NotSent, not_sent, wanted_by
from alerts.silences import Silence


@dataclass(frozen=True)
class Somebody:
    name: str
    severities: tuple[str, ...] = ("critical", "warning")
    owners: tuple[str, ...] = ()


ALL = (Somebody("duty"), Somebody("night", severities=("critical",)), Somebody("vnpt", owners=("VNPT",)))


def test_a_receiver_without_owners_gets_every_owners_pages() -> None:
    assert wanted_by("critical", "so-tttt", ALL) == ["duty", "night"]


def test_a_carrier_gets_only_what_is_its_own() -> None:
    assert wanted_by("warning", "VNPT", ALL) == ["duty", "vnpt"]


def test_an_element_without_owner_goes_to_those_who_take_all() -> None:
    assert wanted_by("critical", "", ALL) == ["duty", "night"]


def test_a_severity_nobody_wants_pages_nobody() -> None:
    assert wanted_by("info", "VNPT", ALL) == []


def incident(severity: str = "critical", resolved_ms: int | None = None) -> Incident:
    return Incident("i1", "commune:c1", "down", "reach", severity, 5_000, 4_000, resolved_ms=resolved_ms)


def test_whoever_asks_for_other_pages_is_told_so() -> None:
    assert not_sent(incident("warning"), "so-tttt", ALL, ["duty"], None) == [
        NotSent("night", "severity", 5_000),
        NotSent("vnpt", "owner", 5_000),
    ]


def test_a_page_that_is_due_now_needs_no_reason() -> None:
    assert not_sent(incident(), "VNPT", ALL, [], None) == []


def test_a_silence_is_named_as_the_reason_from_when_it_held_a_page_back() -> None:
    quiet = Silence("s1", "commune:c1", 4.0, 90.0, "lan", "new router")
    assert not_sent(incident(), "VNPT", ALL[:1], [], quiet) == [NotSent("duty", "silenced", 5_000, "s1 new router")]
    late = Silence("s2", "commune:c1", 6.0, 90.0, "lan", "")
    assert not_sent(incident(), "VNPT", ALL[:1], [], late) == [NotSent("duty", "silenced", 6_000, "s2")]
    assert not_sent(incident(), "VNPT", ALL[:1], ["duty"], quiet) == []


def test_what_was_over_before_anybody_was_told_is_never_sent() -> None:
    assert not_sent(incident(resolved_ms=9_000), "", ALL[:2], ["night"], None) == [NotSent("duty", "over", 9_000)]


def test_without_receivers_nobody_is_told() -> None:
    assert not_sent(incident(), "VNPT", [], [], None) == [NotSent("", "nobody", 5_000)]
