"""What this machine's network interfaces say: whether any of them can carry anything. Read when a person asks."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

CarrierState = Literal["up", "no_carrier", "down"]
_CLASS = Path("/sys/class/net")
_UP, _LOOPBACK, _RUNNING = 0x1, 0x8, 0x40  # <linux/if.h> IFF_UP, IFF_LOOPBACK, IFF_RUNNING


def best(folder: Path = _CLASS) -> CarrierState:
    """The best of all but the loopback: `up`, `no_carrier` (switched on, no cable or nobody at its other end), `down`.

    `up` where the machine does not say: an unread folder accuses nobody.
    """
    paths = sorted(folder.glob("*"))
    cards = [path for path in paths if (path / "device").exists()] or paths  # bridges and tunnels are always up
    states = [state for path in cards if (state := _state(path))]
    return min(states, key=("up", "no_carrier", "down").index) if states else "up"


def _state(path: Path) -> CarrierState | Literal[""]:
    try:
        flags = int((path / "flags").read_text(encoding="ascii"), 16)
        if flags & _LOOPBACK:
            return ""
        if not flags & _UP:
            return "down"
        return "up" if (path / "carrier").read_text(encoding="ascii").strip() == "1" else "no_carrier"
    except (OSError, ValueError):  # gone meanwhile, or a device without these files
        return ""
