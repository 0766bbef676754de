"""The systemd units: understood by systemd, hardened, and started again after a reboot."""

from __future__ import annotations

import ipaddress
import re
import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
UNITS = EXAMPLES / "systemd"
ARGUMENTS = {
    "agent": "--config /etc/netmon/agent.yaml",
    "hub": "--config /etc/netmon/hub.yaml",
    "reflector": "--listen 0.0.0.0:862",
}
# systemd's own exposure score, 0 (none) to 10; STAMP's port is a privileged one, for which the reflector has a capability
MOST_EXPOSED = {"agent": 1.0, "hub": 1.0, "reflector": 1.5}


@pytest.mark.parametrize("role", ["agent", "hub", "reflector"])
def test_a_reboot_is_survived(role: str) -> None:
    text = (UNITS / f"netmon-{role}.service").read_text(encoding="utf-8")
    assert "WantedBy=multi-user.target" in text
    assert "Restart=always" in text
    assert "StartLimitIntervalSec=0" in text
    assert f"ExecStart=/opt/netmon/bin/netmon {role} {ARGUMENTS[role]}\n" in text


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("role", ["agent", "hub", "reflector"])
def test_a_unit_is_hardened(role: str) -> None:
    unit = UNITS / f"netmon-{role}.service"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
    assert found, done.stderr
    assert float(found[1]) <= MOST_EXPOSED[role]


@pytest.mark.parametrize("role", ["agent", "hub", "reflector"])
def test_a_unit_lets_the_examples_reach_their_targets(role: str) -> None:
    unit = (UNITS / f"netmon-{role}.service").read_text(encoding="utf-8")
    words = re.search(r"^IPAddressAllow=(.*)$", unit, re.MULTILINE)
    assert words
    allowed = [ipaddress.ip_network(word) for word in words[1].split() if word[0].isdigit()]
    text = "\n".join(path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.yaml"))
    addresses = set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text)) - {"0.0.0.0", "127.0.0.1"}
    assert len(addresses) >= 3
    assert [one for one in addresses if not any(ipaddress.ip_address(one) in net for net in allowed)] == []


def test_readme_copies_only_what_comes_with_the_package() -> None:
    text = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    copied = re.findall(r"(?:\$E|/opt/netmon/share/netmon/examples)/([\w./-]+)", text)
    assert len(copied) >= 8 and [one for one in copied if not (EXAMPLES / one).is_file()] == []
    assert {path.name for path in UNITS.glob("*.service")} <= {Path(one).name for one in copied}
