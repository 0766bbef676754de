"""Measurements that say of themselves that this machine was too busy: the product is right, and the test has seen nothing."""

from __future__ import annotations

from probes.base import Measurement, Outcome

TRIES = 3


class Busy(Exception):
    """The machine kept the test's own program waiting: the test is made again (`tests/conftest.py`)."""


def unless_busy(measured: Measurement) -> Measurement:
    """`measured`; raises `Busy` when it says that this machine could not send in time."""
    if measured.outcome is Outcome.LOCAL and "too busy" in measured.why:
        raise Busy(measured.why)
    return measured
