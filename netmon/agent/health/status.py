"""The document behind `netmon status`, part by part: plain data for JSON. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from netmon.agent.health.verdict import LinkVerdict
from netmon.agent.measure.check_state import CheckState
from netmon.agent.uplink.sender import Sender
from netmon.config.agent import AgentConfig


def of_place(config: AgentConfig, started_ms: int, now_ms: int) -> dict[str, Any]:
    """Which agent this is, and whom its people call."""
    return {
        "agent": config.agent,
        "site": config.site,
        "commune": config.commune,
        "lang": config.lang,
        "at_ms": now_ms,
        "started_ms": started_ms,
        "contacts": [
            {"about": contact.about, "who": contact.who, "phone": contact.phone, "circuit": contact.circuit}
            for contact in config.contacts
        ],
    }


def of_checks(states: Collection[CheckState], verdict: LinkVerdict) -> dict[str, Any]:
    """The verdict and what it rests on."""
    return {
        "verdict": {
            "state": verdict.state,
            "part": verdict.part,
            "since_ms": verdict.since_ms,
            "checks": verdict.checks,
            "why": verdict.why,
            "cause": verdict.cause,
            "target": verdict.target,
        },
        "checks": [
            {
                "check": state.check,
                "about": state.about,
                "target": state.target,
                "outcome": None if state.outcome is None else state.outcome.name,
                "at_ms": state.at_ms,
                "misses": state.misses,
                "loss": state.loss,
                "why": state.why,
            }
            for state in states
        ],
    }


def of_sender(sender: Sender) -> dict[str, Any]:
    """How a destination fares."""
    condition = sender.condition
    return {
        "name": sender.destination,
        "good": condition.good,
        "trouble": condition.trouble,
        "since_ms": condition.since_ms,
        "waiting": sender.cursor.waiting,
        "delivered": condition.delivered,
        "rejected": condition.rejected,
        "set_aside": sender.aside.count,
    }
