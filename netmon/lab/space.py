"""Namespaces of the lab: each host is one, held by a sleeping process; cuts and loss are silent nft drops.

A cut link stays up on both ends, as a cut fibre behind two modems does: packets leave and nothing comes back.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from netmon.errors import MachineError
from netmon.lab.plan import Host, LabPlan, Wire

ENV = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
MODES = ("auto", "root", "user", "loopback")
_TRIALS = {
    "root": ["unshare", "--net", "--mount", "true"],
    "user": ["unshare", "--user", "--map-root-user", "--net", "--mount", "true"],
}


def choose(mode: str) -> str:
    """The kind of namespaces to be had here: `root`, `user` or, where there are none, `loopback`."""
    if mode != "auto":
        return mode
    usable = [name for name in ("root", "user") if _works(_TRIALS[name])]
    return usable[0] if usable else "loopback"


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, env=ENV, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class Space:
    """The hosts of a plan as namespaces. `mode`: root, user or loopback."""

    def __init__(self, lab: LabPlan, mode: str, *, ping_sockets: bool = True) -> None:
        self.lab = lab
        self.mode = mode
        self.ping_sockets = ping_sockets
        self.notes: list[str] = []
        self.delays = True
        self._holders: dict[str, subprocess.Popen[bytes]] = {}

    def build(self) -> None:
        """Make hosts and links; raises MachineError with what the system said."""
        if self.mode == "loopback":
            self.notes.append("no namespaces here: every host is an address of this machine, links cannot be cut")
            return
        for host in self.lab.hosts:
            self._hold(host.name)
        for wire in self.lab.wires:
            self._lay(wire)
        for host in self.lab.hosts:
            self._settle(host)

    def inside(self, host: str) -> list[str]:
        """The words that run a command on a host."""
        if self.mode == "loopback":
            return []
        # Whoever dies first, nothing stays behind: the child gets SIGKILL with its parent.
        return [*self._enter(host), "setpriv", "--pdeathsig", "KILL"]

    def cut(self, wire: Wire) -> None:
        """Drop everything that arrives at either end, without a word to the sender."""
        self._drop(wire, "drop")

    def lose(self, wire: Wire, share: float) -> None:
        """Drop this share (0..1) of the packets arriving at the end away from the core."""
        self._nft(wire.far, wire.id, f"numgen random mod 1000 < {round(share * 1000)} drop")

    def mend(self, wire: Wire) -> None:
        """Take every fault of a wire away."""
        for host in (wire.near, wire.far):
            self._run(host, ["nft", "delete", "table", "inet", _table(wire.id)], check=False)

    def close(self) -> None:
        """Let the namespaces go: the kernel takes devices and rules with them."""
        for holder in self._holders.values():
            holder.kill()
            holder.wait()
        self._holders.clear()

    # --- building ---

    def _hold(self, name: str) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", "sleep", "infinity"]
        first = next(iter(self._holders.values()), None)
        if self.mode == "root":
            words = ["unshare", "--net", *command]
        elif first is None:
            words = ["unshare", "--user", "--map-root-user", "--net", *command]
        else:
            words = ["nsenter", "-t", str(first.pid), "--user", "--preserve-credentials", "unshare", "--net", *command]
        holder = subprocess.Popen(words, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self._holders[name] = holder
        _wait_for_own_net(holder)

    def _enter(self, host: str) -> list[str]:
        words = ["nsenter", "-t", str(self._holders[host].pid), "--net"]
        return [*words, "--user", "--preserve-credentials"] if self.mode == "user" else words

    def _lay(self, wire: Wire) -> None:
        near, far = (str(self._holders[name].pid) for name in (wire.near, wire.far))
        device = _device(wire.id)
        self._run(wire.near, ["ip", "link", "add", device, "type", "veth", "peer", "name", device, "netns", far])
        for host, own in ((wire.near, wire.near_ip), (wire.far, wire.far_ip)):
            self._run(host, ["ip", "address", "add", f"{own}/30", "dev", device])
            self._run(host, ["ip", "link", "set", device, "up"])
            self._shape(host, device, wire)

    def _shape(self, host: str, device: str, wire: Wire) -> None:
        tbf = ["root", "handle", "1:", "tbf", "rate", wire.rate, "burst", "64kb", "latency", "100ms"]
        self._run(host, ["tc", "qdisc", "add", "dev", device, *tbf])
        if self.delays:
            netem = ["parent", "1:", "netem", "delay", f"{wire.delay_ms}ms", "limit", "10000"]
            self.delays = self._run(host, ["tc", "qdisc", "add", "dev", device, *netem], check=False)
            if not self.delays:
                self.notes.append("this kernel has no netem: the lab's links add no delay")

    def _settle(self, host: Host) -> None:
        self._run(host.name, ["ip", "link", "set", "lo", "up"])
        if host.forwards:
            self._sysctl(host.name, "net/ipv4/ip_forward", "1")
        # `0 0` is the widest range a user namespace maps: only root's group exists there.
        wanted = "0 0" if self.mode == "user" else "0 2147483647"
        self._sysctl(host.name, "net/ipv4/ping_group_range", wanted if self.ping_sockets else "1 0")
        for network, gateway in host.routes:
            self._run(host.name, ["ip", "route", "add", network, "via", gateway])

    def _sysctl(self, host: str, name: str, value: str) -> None:
        self._run(host, ["sh", "-c", f"echo '{value}' > /proc/sys/{name}"])

    # --- faults ---

    def _drop(self, wire: Wire, verdict: str) -> None:
        for host in (wire.near, wire.far):
            self._nft(host, wire.id, verdict)

    def _nft(self, host: str, wire_id: str, verdict: str) -> None:
        table = _table(wire_id)
        rules = (
            f"table inet {table} {{ chain arriving {{ type filter hook prerouting priority -300; "
            f'iifname "{_device(wire_id)}" {verdict}; }}; }}'
        )
        self._run(host, ["nft", rules])

    def _run(self, host: str, command: list[str], *, check: bool = True) -> bool:
        done = subprocess.run([*self._enter(host), *command], capture_output=True, text=True, env=ENV, check=False)
        if check and done.returncode:
            said = done.stderr.strip() or done.stdout.strip()
            raise MachineError(f"lab host {host}: {' '.join(command[:6])}: {said} (try --namespaces loopback)")
        return done.returncode == 0


def _device(wire_id: str) -> str:
    return wire_id.replace("province", "p")[:15]


def _table(wire_id: str) -> str:
    return "lab_" + wire_id.replace("-", "_")


def _wait_for_own_net(holder: subprocess.Popen[bytes]) -> None:
    mine = os.readlink("/proc/self/ns/net")
    for _ in range(500):
        if holder.poll() is not None:
            raise MachineError("the lab could not make a namespace (try --namespaces loopback)")
        # `sleep` runs only once unshare has done its work and executed it.
        running = Path(f"/proc/{holder.pid}/comm").read_text(encoding="ascii").strip()
        if running == "sleep" and os.readlink(f"/proc/{holder.pid}/ns/net") != mine:
            return
        time.sleep(0.01)
    raise MachineError("a lab namespace did not come up in 5 s")
