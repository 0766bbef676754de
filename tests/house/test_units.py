"""The systemd units: understood by systemd, hardened, and started again after a reboot."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "examples" / "systemd"
MOST_EXPOSED = 1.0  # systemd's own exposure score, 0 (none) to 10


@pytest.mark.parametrize("role", ["agent", "hub"])
def test_a_reboot_is_survived(role: str) -> None:
    text = (UNITS / f"netmon-{role}.service").read_text(encoding="utf-8")
    assert "WantedBy=multi-user.target" in text
    assert "Restart=always" in text
    assert "StartLimitIntervalSec=0" in text
    assert f"ExecStart=/opt/netmon/bin/netmon {role} --config /etc/netmon/{role}.yaml" in text


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("role", ["agent", "hub"])
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
    assert float(found[1]) <= MOST_EXPOSED
