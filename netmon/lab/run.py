"""A lab from start to summary: builds the hosts, starts the processes, breaks, mends, watches and counts."""

from __future__ import annotations

import json
import secrets
import shlex
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from netmon.errors import HubUnreachable, MachineError
from netmon.hub_client import HubClient
from netmon.lab.plan import CONFERENCE, MEDIA_PORT, SIP_PORT, STAMP_PORT, LabPlan, agent_file, hub_file
from netmon.lab.processes import NETMON, Processes, answers, write_file
from netmon.lab.receiver import Inbox, PageReceiver, ReceivedPage, secret_key
from netmon.lab.relay import Relay
from netmon.lab.scenario import LOSS, Scenario, Timeline
from netmon.lab.space import Space
from netmon.lab.tally import Tally

Emit = Callable[[dict[str, Any]], None]
START_WITHIN_S = 60.0


class Lab:
    """One lab. `emit` gets each event as `{at,event,element,incident,detail}`."""

    def __init__(self, lab: LabPlan, space: Space, folder: Path, emit: Emit, *, webhook: str = "") -> None:
        self.lab = lab
        self.space = space
        self.folder = folder
        self.webhook = webhook
        self.socket = folder / "hub.sock"
        self.client = HubClient(str(self.socket), timeout_s=5.0)
        self.processes = Processes(folder)
        self.tally = Tally(emit)
        self._door: PageReceiver | Relay | None = None

    # --- start ---

    def start(self) -> None:
        """Everything up: returns when every agent has reported to the hub."""
        self.space.build()
        for note in self.space.notes:
            self.tally.event("note", detail=note)
        self._open_door()
        self._write_files()
        self._start_hub()
        self._start_far_sides()
        for name in self.lab.agents:
            self.processes.start_role(f"agent-{name}", "agent", name, self.space.inside(name))
        self.processes.wait_for(self._all_report, "every agent to report", START_WITHIN_S)
        self._open_rooms()
        self.tally.event(
            "started", detail=f"{len(self.lab.agents)} agents report, hosts by {self.space.mode} namespaces"
        )

    def _open_door(self) -> None:
        secret = "whsec_" + secrets.token_urlsafe(24).replace("-", "A").replace("_", "B")
        _private(self.folder / "webhook.secret", secret)
        path = self.folder / "page.sock"
        if self.webhook:
            self._door = Relay(path, _host_and_port(self.webhook), self.tally.answered, self._unreached)
        else:
            self._door = PageReceiver(path, Inbox(secret_key(secret), self._page, refuse=self._refused))
        self._door.start()

    def _unreached(self, fault: str) -> None:
        self.tally.event("page_failed", detail=f"{self.webhook}: {fault}")

    def _refused(self, fault: str) -> None:
        self.tally.event("page_refused", detail=fault)

    def _page(self, page: ReceivedPage) -> None:
        self.tally.page(page)

    def _write_files(self) -> None:
        hub = hub_file(
            self.lab,
            folder=str(self.folder / "hub"),
            socket=str(self.socket),
            webhook=self.webhook or "http://receiver.lab/pages",
            via=str(self.folder / "page.sock"),
            secret_file=str(self.folder / "webhook.secret"),
        )
        files, trust = {"inventory": self.lab.inventory, "hub": hub}, str(self.folder / "hub" / "trust")
        for name in self.lab.agents:
            files[name] = agent_file(self.lab, name, folder=str(self.folder / name), trust=trust)
        for name, content in files.items():
            write_file(self.folder / f"{name}.yaml", content)

    def _start_hub(self) -> None:
        self.processes.start_role("hub", "hub", "hub", self.space.inside("core"))
        self.processes.wait_for(lambda: answers(self.client), "the hub to answer", START_WITHIN_S)

    def _start_far_sides(self) -> None:
        for host, listen in self.lab.reflectors:
            self.processes.start(
                f"reflector-{host}", [*self.space.inside(host), *NETMON, "reflector", "--listen", listen]
            )
        self._start_mcu()

    def _start_mcu(self) -> None:
        command = [sys.executable, "-I", "-m", "probes.answer.standin.sip", "--listen", self.lab.mcu_listen]
        self.processes.start("mcu", [*self.space.inside("mcu"), *command])

    def _open_rooms(self) -> None:
        """Rooms that take calls, a media responder beside each; and how to try them."""
        for host, address in self.lab.rooms:
            inside = self.space.inside(host)
            room = [sys.executable, "-I", "-m", "probes.answer.standin.room", "--listen", f"{address}:{SIP_PORT}"]
            media = ["--listen", f"{address}:{STAMP_PORT}", "--media", f"{address}:{MEDIA_PORT}"]
            self.processes.start(f"room-{host}", [*inside, *room])
            self.processes.start(f"media-{host}", [*inside, *NETMON, "reflector", *media])
        if self.lab.rooms:
            words = [*self.space.inside("mcu"), "netmon", "conference", "check", CONFERENCE]
            inventory = shlex.quote(str(self.folder / "inventory.yaml"))
            self.tally.event("rooms", detail=f"to try them: {shlex.join(words)} --inventory {inventory}")

    def _all_report(self) -> bool:
        state = self.client.get("/api/v1/state")
        heard = {row["agent"] for row in state["agents"] if row.get("points")}
        return heard.issuperset(self.lab.agents)

    # --- run ---

    def run(self, scenario: Scenario | None, for_s: float | None, stopped: Callable[[], bool] = lambda: False) -> None:
        """Let it live: break and mend by the scenario, tell what the hub decides, until the time is up."""
        timeline = Timeline(scenario, partial(self._act, scenario)) if scenario else None

        def look(elapsed_s: float) -> None:
            if timeline:
                timeline.step(elapsed_s)
            self._look()

        self.processes.live("the lab's ", for_s, stopped, look)

    def _act(self, scenario: Scenario, what: str) -> None:
        """Break or mend."""
        self._change(scenario, what)
        detail = scenario.name
        if what == "break":
            self.tally.broken_at_s, detail = time.time(), f"{scenario.name}: {scenario.meaning}"
        self.tally.event(what, element=scenario.element, detail=detail)

    def _change(self, scenario: Scenario, what: str) -> None:
        if scenario.action == "kill-mcu":
            self.processes.kill("mcu") if what == "break" else self._start_mcu()
            return
        wire = self.lab.wire(scenario.wire)
        if what == "mend":
            self.space.mend(wire)
        elif scenario.action == "cut":
            self.space.cut(wire)
        else:
            self.space.lose(wire, LOSS)

    def _look(self) -> None:
        try:
            self.tally.incidents(self.client.get("/api/v1/state")["incidents"])
        except HubUnreachable as fault:
            self.tally.event("hub_silent", detail=str(fault))

    # --- end ---

    def stop(self) -> dict[str, Any]:
        """Agents first, so that what they measured is in; then the count; then the rest. The summary."""
        self.processes.stop([f"agent-{name}" for name in self.lab.agents])
        self._look()
        state = self.client.get("/api/v1/state")
        sent = sum(_points_sent(self.folder / name) for name in self.lab.agents)
        return self.tally.summary(points_sent=sent, points_stored=state["hub"]["points_stored"], pages=state["pages"])

    def close(self) -> None:
        """Leave nothing behind; safe to call twice and half-way."""
        self.processes.stop_all()
        self.space.close()
        if self._door is not None:
            self._door.shutdown()
            self._door.server_close()
            self._door = None


def _points_sent(folder: Path) -> int:
    """How many points an agent handed over, by its own account (written as it stops)."""
    path = folder / "account.json"
    return int(json.loads(path.read_text(encoding="utf-8"))["sent"]) if path.exists() else 0


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MachineError(f"{url}: not an http:// or https:// address")
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text + "\n", encoding="utf-8")
