"""The one time zone of every screen and table, named wherever a time of day is told: Viet Nam's, whatever the machine's."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

VIET_NAM = timezone(timedelta(hours=7), "+07")  # Asia/Ho_Chi_Minh has had no summer time since 1975
NAME = "+07"
MINUTES, SECONDS, SHORT = "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m %H:%M:%S"


def moment(at_s: float, form: str = SECONDS, *, named: bool = True) -> str:
    """A moment (Unix seconds) as people here read it; without its zone where a heading has named it."""
    text = datetime.fromtimestamp(at_s, VIET_NAM).strftime(form)
    return f"{text} {NAME}" if named else text
