"""Whose turn it is: people take a week each, from Monday morning to Monday morning in Viet Nam. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from alerts.calendar import VIET_NAM

FIRST_MONDAY = date(2024, 1, 1)
CHANGES_AT_H = 8  # o'clock, when both are awake


def on_duty(rota: Sequence[str], first: date, at_ms: int) -> str:
    """Who of a rota is on duty at a moment (Unix ms). `first`: a day of the week in which the first of them has his turn."""
    local = datetime.fromtimestamp(at_ms / 1000, VIET_NAM) - timedelta(hours=CHANGES_AT_H)
    return rota[(_monday(local.date()) - _monday(first)).days // 7 % len(rota)]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
