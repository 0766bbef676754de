"""Which page is due to whom, over the whole life of an incident."""

from __future__ import annotations

import pytest

from alerts.incident import Incident
from alerts.page_status import due


def incident(*, reopened: int = 0, over: bool = False, superseded_by: str = "") -> Incident:
    return Incident(
        "i1", "link:a", "down", "reach", "critical", 0, 0,
        resolved_ms=9_000 if over else None, reopened=reopened, superseded_by=superseded_by,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("of", "sent", "status"),
    [
        (incident(), (), "firing"),
        (incident(), ("firing",), ""),
        (incident(over=True), (), ""),
        (incident(over=True), ("firing",), "resolved"),
        (incident(over=True), ("firing", "resolved"), ""),
        (incident(over=True, superseded_by="i0"), ("firing",), "superseded"),
        (incident(reopened=1), ("firing", "resolved"), "reopened-1"),
        (incident(reopened=1), ("firing", "superseded"), "reopened-1"),
        (incident(reopened=1), ("firing", "resolved", "reopened-1"), ""),
        (incident(reopened=1, over=True), ("firing", "resolved", "reopened-1"), "resolved-1"),
        (incident(reopened=1, over=True), ("firing", "resolved"), ""),
        (incident(reopened=1), ("firing",), ""),
        (incident(reopened=1, over=True), ("firing",), "resolved-1"),
        (incident(reopened=2), ("firing", "resolved", "reopened-1", "resolved-1"), "reopened-2"),
        (incident(reopened=1), (), "firing"),
        (incident(), ("firing", "repeat-3"), ""),
    ],
)
def test_the_page_that_is_due(of: Incident, sent: tuple[str, ...], status: str) -> None:
    assert due(of, sent) == status


def test_nobody_is_told_of_an_end_twice_nor_of_one_whose_beginning_he_does_not_know() -> None:
    sent = list[str]()
    for at in range(6):
        for over in (False, True):
            status = due(incident(reopened=at, over=over), sent)
            assert status and status not in sent
            sent.append(status)
    assert sent[:4] == ["firing", "resolved", "reopened-1", "resolved-1"]
