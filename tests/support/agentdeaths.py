"""Every loop of an agent, an exception in each, and the signs that its work goes on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agenthub import FakeHub, check, config
from deaths import Death, Outcome, at_once, each, until

from netmon.agent.agent import RunningAgent
from netmon.config.agent import AgentConfig


def settings(folder: Path, url: str) -> AgentConfig:
    """An agent with a check of each sort that proves itself each second."""
    checks = (
        check("watched", "a"),
        check("single", "b", kind="single"),
        check("heavy", "c", kind="heavy", every_s=1.0),
    )
    return replace(config(folder, url, *checks), proof_every_s=1.0)


def places(agent: RunningAgent) -> list[Death]:
    """Where exceptions are put in."""
    sender = agent.senders[0]
    return [
        Death("sender: reading the spool", "sender", sender.cursor, "next_live"),
        Death("sender: posting", "sender", sender._uplink, "post"),
        Death("sender: moving its place", "sender", sender.cursor, "done"),
        Death("sender: keeping its place", "sender", sender.cursor, "save"),
        Death("flush: loop", "flush", agent, "flush"),
        Death("flush: frontier", "flush", agent.frontier, "at"),
        Death("flush: the disk's thread", "spool", agent.spool, "store"),
        Death("flush: trimming", "spool: trimming", agent.spool, "trim"),
        Death("flush: its own figures", "its own figures", agent, "_own_values"),
        Death("checks: one that runs", "check", agent.runner, "_run"),
        Death("checks: waiting for their turn", "check", agent.runner, "_await_turn"),
        Death("checks: one that watches", "checks of packet", agent.frontier, "interval_done"),
        Death("proof of itself", "proof of itself", agent.self_test, "_prove"),
        Death("proof of itself: loop", "proof of itself", agent.self_test, "once"),
        Death("status socket", "status socket", agent, "view"),
    ]


def ask(path: Path) -> bool:
    """Does the status socket answer with a document?"""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(2.0)
            sock.connect(str(path))
            parts = list[bytes]()
            while part := sock.recv(65_536):
                parts.append(part)
        return bool(json.loads(b"".join(parts))["agent"])
    except (OSError, ValueError):
        return False


def goes_on(agent: RunningAgent, hub: FakeHub, path: Path) -> bool:
    """Are points of every check measured and delivered, and does the status answer?"""
    since_ms = time.time_ns() // 1_000_000
    kinds = ("netmon_packet", "netmon_single", "netmon_agent")

    def fresh(kind: str) -> bool:
        return any(
            line.startswith(kind) and int(line.rsplit(" ", 1)[1]) > since_ms
            for line in list(hub.stored.values())[-400:]
        )

    return all(until(lambda kind=kind: fresh(kind)) for kind in kinds) and until(lambda: ask(path))  # type: ignore[misc]


def run(agent: RunningAgent, hub: FakeHub, path: Path, fault: Callable[[], BaseException]) -> list[Outcome]:
    """All of them, one after the other."""
    return each(places(agent), agent.troubles, lambda: ask(path), lambda: goes_on(agent, hub, path), fault)


def run_at_once(agent: RunningAgent, path: Path, fault: Callable[[], BaseException]) -> set[str]:
    """All of them together; parts that never told."""
    return at_once(places(agent), agent.troubles, lambda: ask(path), fault)
