"""What becomes of an interval of any packet kind."""

from __future__ import annotations

import pytest

from probes.base import Outcome
from probes.kinds.shared.packets import outcome_of
from probes.wire.fleet.track import FleetWindow


@pytest.mark.parametrize(
    ("sent", "rcvd", "overflow", "refused", "outcome"),
    [
        (10, 10, 0, 0, Outcome.OK),
        (10, 5, 0, 0, Outcome.OK),
        (10, 10, 7, 0, Outcome.OK),  # what our buffer dropped was not this target's
        (10, 5, 7, 0, Outcome.LOCAL),
        (10, 0, 1, 0, Outcome.LOCAL),
        (0, 0, 0, 0, Outcome.LOCAL),
        (10, 0, 0, 2, Outcome.REFUSED),
        (10, 0, 0, 0, Outcome.LOST),
    ],
)
def test_what_is_missing_while_our_own_buffer_was_full_is_no_evidence(
    sent: int, rcvd: int, overflow: int, refused: int, outcome: Outcome
) -> None:
    window = FleetWindow(0, 0.0, 1.0, sent=sent, rcvd=rcvd, overflow=overflow, refused=refused)
    assert outcome_of(window) is outcome
