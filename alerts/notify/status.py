"""Words for what a page says of its incident: `firing`, `resolved`, `superseded`, `reopened-1`. Pure."""

from __future__ import annotations


def word_of(status: str) -> str:
    """Without its number."""
    return status.partition("-")[0]


def is_over(status: str) -> bool:
    """Does such a page end what its receiver was told of?"""
    return word_of(status) in ("resolved", "superseded")
