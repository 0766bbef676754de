"""A moment as people write it: date, time and offset from UTC (RFC 3339, section 5.6). Pure."""

from __future__ import annotations

import re
from datetime import datetime

_SHAPE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
_EXAMPLE = "2026-11-25T08:00:00+07:00"


class BadTimestamp(ValueError):
    """A text that is no moment: `what` is wrong, what to `write`."""

    def __init__(self, what: str, write: str) -> None:
        super().__init__(f"{what} ({write})")
        self.what, self.write = what, write


class Timestamp(str):
    """A moment, as it is written. Seconds may be left out; the offset may not: a time without one is nobody's."""

    write = f"write date, time and offset, as {_EXAMPLE}"

    @classmethod
    def parse(cls, text: str) -> Timestamp:
        """The text itself; raises `BadTimestamp`."""
        seconds(text)
        return cls(text)

    @property
    def at_s(self) -> float:
        """Unix seconds; raises `BadTimestamp`."""
        return seconds(self)


def seconds(text: str) -> float:
    """Unix seconds of a moment; raises `BadTimestamp`."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise BadTimestamp(f"'{text[:60]}' is not a date and time", Timestamp.write)
    if match[3] is None:
        local = text.replace(" ", "T")
        raise BadTimestamp(
            f"'{text}' does not say its offset from UTC", f"if it is Vietnamese time, write {local}+07:00"
        )
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):  # the 31st of February
        raise BadTimestamp(f"'{text}' is no day or hour of the calendar", Timestamp.write) from None
