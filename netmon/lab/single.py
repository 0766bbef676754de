"""`netmon up` without a lab: one hub and one agent on this machine, measuring it and the way out of it."""

from __future__ import annotations

import os
import platform
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netmon.config.files import load_agent
from netmon.hub_client import HubClient
from netmon.lab.processes import Processes, answers, write_file

PORT = 8443
START_WITHIN_S = 30.0


class Single:
    """Hub and agent of one machine; their files, written once, are the user's to edit afterwards."""

    def __init__(self, folder: Path, *, webhook: str = "") -> None:
        self.folder = folder
        self.webhook = webhook
        self.socket = folder / "hub.sock"
        self.processes = Processes(folder)

    def start(self) -> None:
        """Both up: returns when the hub answers."""
        for name, content in self._files().items():
            path = self.folder / f"{name}.yaml"
            if not path.exists():
                write_file(path, content)
        self.processes.start_role("hub", "hub", "hub")
        client = HubClient(str(self.socket), timeout_s=3.0)
        self.processes.wait_for(lambda: answers(client), "the hub to answer", START_WITHIN_S)
        self.processes.start_role("agent", "agent", "agent")

    def checks(self) -> list[tuple[str, str, str]]:
        """What its agent measures: check, kind, target ("" for this machine); the user may have edited the file."""
        config = load_agent(self.folder / "agent.yaml")
        return [(check.check, check.kind, check.target) for check in config.checks]

    def run(self, for_s: float | None, stopped: Callable[[], bool] = lambda: False) -> None:
        """Until the time is up."""
        self.processes.live("the ", for_s, stopped, lambda _: None)

    def close(self) -> None:
        """End both, the agent first."""
        self.processes.stop(["agent"])
        self.processes.stop_all()

    def _files(self) -> dict[str, dict[str, Any]]:
        name = "".join(char for char in platform.node() if char.isalnum() or char in "-_.") or "here"
        gateway = default_gateway(Path("/proc/net/route").read_text(encoding="ascii"))
        checks = [{"check": "host", "kind": "host", "every": "10s", "about": "self"}]
        crossings = []
        if gateway:
            checks.append({"check": "gateway", "kind": "ping", "target": gateway, "every": "1s", "about": "link"})
            crossings.append({"check": "gateway", "agent": name, "to": "gateway"})
        trust = self.folder / "hub" / "trust"
        agent = {
            "agent": name,
            "site": "here",
            "state_dir": str(self.folder / "agent"),
            "flush_every": "1s",
            "destinations": [
                {"name": "hub", "url": f"http://127.0.0.1:{PORT}", "token_file": str(trust / "tokens" / "here.token")}
            ],
            "checks": checks,
        }
        return {"agent": agent, "hub": self._hub_file(), "inventory": _inventory(name, crossings)}

    def _hub_file(self) -> dict[str, Any]:
        hub: dict[str, Any] = {
            "listen": f"127.0.0.1:{PORT}",
            "state_dir": str(self.folder / "hub"),
            "socket": str(self.socket),
            "inventory": "inventory.yaml",
        }
        if self.webhook:
            secret = self.folder / "webhook.secret"
            if not secret.exists():
                secret.touch(mode=0o600)
                secret.write_text(os.urandom(24).hex() + "\n", encoding="utf-8")
            hub["receivers"] = [{"name": "webhook", "url": self.webhook, "secret_file": str(secret)}]
        return hub


def _inventory(agent: str, crossings: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "hub_site": "here",
        "sites": [
            {"id": "here", "kind": "core", "name": "This machine"},
            {"id": "gateway", "kind": "datacentre", "name": "Default gateway"},
        ],
        "links": [{"id": "way-out", "from": "here", "to": "gateway"}],
        "agents": [{"agent": agent, "site": "here"}],
        "checks": crossings,
    }


def default_gateway(table: str) -> str:
    """The IPv4 default gateway in the text of /proc/net/route, "" without one."""
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 7 and words[1] == "00000000" and words[7] == "00000000":
            return socket.inet_ntoa(struct.pack("<L", int(words[2], 16)))
    return ""
