"""What can go wrong in this room."""

from __future__ import annotations


class AlertsError(Exception):
    """Root of this room's errors."""


class BadSecret(AlertsError, ValueError):
    """A signing secret that cannot be used; the message never holds the secret."""


class BadAddress(AlertsError, ValueError):
    """A webhook address that is neither http:// nor https://."""


class BadPage(AlertsError, ValueError):
    """A kept page that is damaged, or of a form nobody knows."""


class BadCondition(AlertsError, ValueError):
    """A rule's condition that cannot be read: `column` (from 1) where, `what` is wrong, what to `write`."""

    def __init__(self, column: int, what: str, write: str) -> None:
        super().__init__(f"column {column}: {what}: {write}")
        self.column, self.what, self.write = column, f"column {column}: {what}", write


class BadRule(AlertsError, ValueError):
    """A rule whose parts do not fit together."""
