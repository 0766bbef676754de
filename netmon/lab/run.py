"""A lab from start to summary: builds the hosts, starts the processes, breaks, mends, watches and counts."""

from __future__ import annotations

import json
import secrets
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from netmon.errors import HubUnreachable, MachineError
from netmon.hub_client import HubClient
from netmon.lab.plan import CONFERENCE, MEDIA_PORT, SIP_PORT, STAMP_PORT, LabPlan, agent_file, hub_file
from netmon.lab.processes import NETMON, Processes
from netmon.lab.receiver import Inbox, PageReceiver, ReceivedPage, secret_key
from netmon.lab.relay import Relay
from netmon.lab.scenario import Faults, Scenario, Timeline
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
            self.processes.start(
                f"agent-{name}",
                [*self.space.inside(name), *NETMON, "agent", "--config", str(self.folder / f"{name}.yaml")],
            )
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
        self._write("inventory", self.lab.inventory)
        self._write("hub", hub)
        for name in self.lab.agents:
            self._write(
                name,
                agent_file(self.lab, name, folder=str(self.folder / name), trust=str(self.folder / "hub" / "trust")),
            )

    def _write(self, name: str, content: dict[str, Any]) -> None:
        # JSON is YAML: the same loader reads it, and a person can too.
        text = json.dumps(content, ensure_ascii=False, indent=2)
        (self.folder / f"{name}.yaml").write_text(text + "\n", encoding="utf-8")

    def _start_hub(self) -> None:
        self.processes.start(
            "hub", [*self.space.inside("core"), *NETMON, "hub", "--config", str(self.folder / "hub.yaml")]
        )
        self.processes.wait_for(self._hub_answers, "the hub to answer", START_WITHIN_S)

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

    def _hub_answers(self) -> bool:
        try:
            self.client.get("/api/v1/state")
        except HubUnreachable:
            return False
        return True

    def _all_report(self) -> bool:
        state = self.client.get("/api/v1/state")
        heard = {row["agent"] for row in state["agents"] if row.get("points")}
        return heard.issuperset(self.lab.agents)

    # --- run ---

    def run(self, scenario: Scenario | None, for_s: float | None, stopped: Callable[[], bool] = lambda: False) -> None:
        """Let it live: break and mend by the scenario, tell what the hub decides, until the time is up."""
        began = time.monotonic()
        timeline = Timeline(scenario, self._act(scenario)) if scenario else None
        while not stopped() and (for_s is None or time.monotonic() - began < for_s):
            if timeline:
                timeline.step(time.monotonic() - began)
            if name := self.processes.dead():
                raise MachineError(f"the lab's {name} ended by itself (its log: {self.folder / name}.log)")
            self._look()
            time.sleep(0.2)

    def _act(self, scenario: Scenario) -> Callable[[str], None]:
        space = self.space
        faults = Faults(
            space.cut, space.lose, space.mend, lambda: self.processes.kill("mcu"), self._start_mcu, self.lab.wire
        )

        def act(what: str) -> None:
            faults.apply(scenario, what)
            if what == "break":
                self.tally.broken_at_s = time.time()
            self.tally.event(
                what,
                element=scenario.element,
                detail=f"{scenario.name}: {scenario.meaning}" if what == "break" else scenario.name,
            )

        return act

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
