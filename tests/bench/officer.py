"""The five lines a commune's officer reads, for six faults made for real: a real agent, reflector and hub in namespaces.

Prints each fault, whose it is said to be, and the lines. Needs root, iproute2, nft and faketime.

    python tests/bench/officer.py [-v]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from chains import Chain, chain
from nets import ENV, inside

NETMON = [sys.executable, "-m", "netmon"]
PROVINCE, CORE, NOBODY = "10.98.5.2", "10.98.6.2", "10.98.5.77"
CONTACTS = [
    {"about": "link", "who": "VNPT trực kênh", "phone": "080 00002"},
    {"about": "upstream", "who": "Sở KHCN Hà Nội", "phone": "080 00004"},
    {"about": "service", "who": "Trực CBĐTW", "phone": "080 00001"},
    {"about": "self", "who": "Tổ tin học phường", "phone": "080 00005"},
]


class Office:
    """One commune's machine (`s`), its province (`r3`) and the centre (`t`)."""

    def __init__(self, net: Chain, folder: Path) -> None:
        self.net, self.folder = net, folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, node: str, words: list[str]) -> None:
        """A program on a node."""
        log = (self.folder / f"{name}.log").open("ab")
        command = [*inside(self.net.name(node)), *words]
        self.running[name] = subprocess.Popen(command, stdout=log, stderr=log, env=ENV)

    def stop(self, name: str) -> None:
        """End one."""
        running = self.running.pop(name)
        running.terminate()
        running.wait(20)

    def agent(self, uplink: str = PROVINCE, before: tuple[str, ...] = ()) -> None:
        """The agent, with a fresh spool."""
        shutil.rmtree(self.folder / "agent", ignore_errors=True)
        checks = [
            {"check": "uplink", "kind": "stamp", "target": f"{uplink}:8862", "every": "1s", "about": "link"},
            {"check": "core", "kind": "ping", "target": CORE, "every": "1s", "about": "upstream"},
            {"check": "mcu", "kind": "tcp", "target": f"{CORE}:5060", "every": "2s", "about": "service"},
            {"check": "documents", "kind": "tcp", "target": f"{CORE}:8080", "every": "2s", "about": "service"},
        ]
        trust = self.folder / "hub" / "trust"
        hub = {"name": "hub", "url": f"https://{CORE}:8443", "token_file": str(trust / "tokens" / "c.token"), "ca_file": str(trust / "ca.pem")}  # fmt: skip
        config = {
            "agent": "c", "site": "c", "commune": "00004", "province": "01", "flush_every": "1s",
            "state_dir": str(self.folder / "agent"), "contacts": CONTACTS, "destinations": [hub], "checks": checks,
        }  # fmt: skip
        (self.folder / "agent.yaml").write_text(json.dumps(config, ensure_ascii=False))
        words = [*before, *NETMON, "agent", "--config", str(self.folder / "agent.yaml")]
        self.start("agent", "s", words)

    def hub(self) -> None:
        """The hub at the centre."""
        inventory = {
            "hub_site": "core",
            "sites": [
                {"id": "core", "kind": "core"},
                {"id": "p", "kind": "province", "code": "01"},
                {"id": "c", "kind": "commune", "code": "00004", "province": "01"},
            ],
            "links": [{"id": "cp", "from": "core", "to": "p"}, {"id": "pc", "from": "p", "to": "c"}],
            "agents": [{"agent": "c", "site": "c"}],
        }
        config = {
            "name": "hub", "listen": f"{CORE}:8443", "server_names": [CORE], "state_dir": str(self.folder / "hub"),
            "inventory": "inventory.yaml",
        }  # fmt: skip
        (self.folder / "inventory.yaml").write_text(json.dumps(inventory))
        (self.folder / "hub.yaml").write_text(json.dumps(config))
        self.start("hub", "t", [*NETMON, "hub", "--config", str(self.folder / "hub.yaml")])

    def service(self, port: int) -> None:
        """Something that listens."""
        self.start(f"port {port}", "t", [sys.executable, "-m", "http.server", str(port)])

    def reflector(self) -> None:
        """The province's."""
        self.start("reflector", "r4", [*NETMON, "reflector", "--listen", "0.0.0.0:8862"])

    def lines(self) -> list[str]:
        """What `netmon status` prints."""
        words = [
            *inside(self.net.name("s")),
            *NETMON,
            "status",
            "--lang",
            "vi",
            "--config",
            str(self.folder / "agent.yaml"),
        ]
        return subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV, check=False
        ).stdout.splitlines()


@contextmanager
def office() -> Iterator[Office]:
    """All of it, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, chain() as net:
        one = Office(net, Path(folder))
        try:
            one.hub()
            one.reflector()
            for port in (5060, 8080):
                one.service(port)
            time.sleep(4)
            yield one
        finally:
            for name in list(one.running):
                one.stop(name)


def _cable(one: Office) -> None:
    one.net.ip("r1", "link set tos down")


def _cut(one: Office) -> None:
    one.net.nft("r1", "table inet cut {\n chain f {\n type filter hook forward priority 0; policy drop;\n }\n}\n")


def _reflector(one: Office) -> None:
    one.stop("reflector")


def _port(one: Office) -> None:
    one.stop("port 5060")


def _address(one: Office) -> None:
    one.stop("agent")
    one.agent(uplink=NOBODY)


def _interface(one: Office) -> None:
    one.net.ip("s", "link set tor1 down")


def _clock(one: Office) -> None:
    one.stop("agent")
    one.agent(before=("env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", "+3600s"))


FAULTS: tuple[tuple[str, Callable[[Office], None], tuple[str, ...], tuple[str, ...]], ...] = (
    # fault, how it is made, what the third line must name, what no line may say
    ("none", lambda one: None, ("không có lỗi",), ("VNPT",)),
    ("cable out of the machine", _cable, ("đường truyền tại chỗ",), ("dịch vụ",)),
    ("line cut behind the router", _cut, ("đường truyền tại chỗ",), ("dịch vụ",)),
    ("reflector stopped", _reflector, (PROVINCE,), ("VNPT", "MẤT KẾT NỐI")),
    ("MCU port closed", _port, (f"{CORE}:5060",), ("VNPT", "MẤT KẾT NỐI")),
    ("wrong address in the file", _address, ("cấu hình của máy này",), ("VNPT", "MẤT KẾT NỐI")),
    ("own interface down", _interface, ("máy này",), ("VNPT", "MẤT KẾT NỐI")),
    ("clock an hour ahead", _clock, ("máy này",), ("VNPT", "MẤT KẾT NỐI")),
)


def main() -> int:
    """One office a fault; 1 when an owner is wrong."""
    wrong = 0
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")]
    for name, make, owners, never in [row for row in FAULTS if not wanted or row[0] in wanted]:
        with office() as one:
            one.agent()
            time.sleep(15)
            make(one)
            time.sleep(35 if make in (_address, _clock) else 25)
            lines = one.lines()
            text = "\n".join(lines)
            good = (
                len(lines) == 5 and all(word in lines[2] for word in owners) and not any(word in text for word in never)
            )
            wrong += not good
            print(f"{'right' if good else 'WRONG'}  {name}")
            print("\n".join(f"    {line}" for line in lines), flush=True)
            if "-v" in sys.argv:
                print("".join((one.folder / f"{log}.log").read_text()[-1500:] for log in ("hub", "agent")))
    print(f"{wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    if os.geteuid() or not shutil.which("faketime"):
        print("skipped: needs root, iproute2, nft and faketime")
        sys.exit(0)
    sys.exit(main())
