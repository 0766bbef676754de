"""What can go wrong in this room."""

from __future__ import annotations


class AlertsError(Exception):
    """Root of this room's errors."""


class BadSecret(AlertsError, ValueError):
    """A signing secret that cannot be used; the message never holds the secret."""


class BadAddress(AlertsError, ValueError):
    """A webhook address that is neither http:// nor https://."""
