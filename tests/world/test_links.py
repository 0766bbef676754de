"""Links of a known delay, jitter and loss in one direction: netmon tells them, and of which direction. The whole table is
`tests/bench/links.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from emulator import emulated
from links import Link, answering, faults, measured, within_99

LINKS = (Link(20, 0, 0.05, "fwd"), Link(5, 0, 0.005, "bwd"), Link(80, 5, 0.0, "bwd"))


@pytest.fixture(scope="module")
def lab() -> Iterator[Any]:
    with emulated() as made, answering(made, "site1"):
        yield made


@pytest.mark.world
@pytest.mark.alone
@pytest.mark.needs("emulator")
@pytest.mark.parametrize("link", LINKS, ids=str)
def test_delay_and_loss_of_one_direction_are_told_as_they_are(lab: Any, link: Link) -> None:
    wrong = faults(link, measured(lab, "site1", link, 600))
    if wrong:  # a stalled machine delays by itself: once more
        wrong = faults(link, measured(lab, "site1", link, 600))
    assert not wrong


def test_losses_far_from_their_share_are_outside() -> None:
    assert within_99(100, 2000, 0.05) and within_99(76, 2000, 0.05) and within_99(0, 2000, 0.0)
    assert not within_99(60, 2000, 0.05) and not within_99(140, 2000, 0.05) and not within_99(1, 2000, 0.0)
