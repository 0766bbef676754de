"""Pages go to whoever wants that severity of that owner's elements."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.route import wanted_by


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
