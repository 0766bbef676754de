"""What an incident is called: the word for its kind, and how grave it is. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.base import Firing

SEVERITIES = ("info", "warning", "critical")


def kind_of(firing: Firing) -> str:
    """The word for an incident of this rule."""
    if firing.fault == "reach":
        return "down"
    if firing.fault == "silence":
        return "silent"
    for word, parts in _QUALITY:
        if any(part in firing.rule for part in parts):
            return word
    return firing.rule


_QUALITY = (
    ("loss", ("loss", "lossy")),
    ("delay", ("delay", "latency", "slow", "rtt")),
    ("jitter", ("jitter",)),
    ("throughput", ("throughput", "capacity")),
    ("certificate", ("certificate",)),
    ("battery", ("battery",)),
    ("interface", ("interface",)),
    ("unready", ("not-ready", "unready")),
    ("software", ("software",)),
    ("media", ("media",)),
    ("trouble", ("trouble",)),
)


def worst(severities: Iterable[str]) -> str:
    """The gravest of some severities; an unknown word counts as a warning."""
    return max(severities, key=lambda word: SEVERITIES.index(word) if word in SEVERITIES else 1)
