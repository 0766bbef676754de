"""A hub's state as the console gets it, for screens in tests: one uplink cut, one hostile name."""

from __future__ import annotations

from typing import Any

AT_MS = 1_790_000_000_000


def incident(**changes: Any) -> dict[str, Any]:
    """An open incident on the uplink."""
    row = {
        "id": "i-1",
        "element": "link:core-province",
        "name": "Trung tâm – Hà Nội",
        "kind": "down",
        "severity": "critical",
        "state": "open",
        "opened_ms": AT_MS - 95_000,
        "resolved_ms": None,
        "first_miss_ms": AT_MS - 100_000,
        "owner": "CBĐTW",
        "carrier": "VNPT",
        "circuit_id": "TSL-HNI-0001",
        "contact": {"name": "VNPT trực kênh", "phone": "080 00002"},
        "symptoms": ["commune:00004", "commune:00008"],
        "symptom_count": 2,
        "suspects": ["link:core-province"],
        "evidence": {"against": 5, "clear": 1},
        "vi": "Mất kênh Trung tâm – Hà Nội, 2 xã bị ảnh hưởng",
        "en": "Link Trung tâm – Hà Nội is down, 2 communes affected",
        "acked_by": "",
        "acked_ms": None,
        "silenced": False,
    }
    return row | changes


def commune(number: int, state: str = "ok", **changes: Any) -> dict[str, Any]:
    """A commune's row."""
    row = {
        "id": f"commune:{number:05}",
        "code": f"{number:05}",
        "site": f"c{number}",
        "name": f"Phường {number}",
        "province": "01",
        "state": state,
        "at_ms": AT_MS - 2000,
        "rtt_ms": 1.25,
        "loss": 0.0,
        "incident": None,
    }
    return row | changes


def state(communes: int = 6, incidents: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A whole snapshot."""
    return {
        "at_ms": AT_MS,
        "hub": {"name": "hub-lab", "points_stored": 10},
        "agents": [{"agent": "c1", "site": "c1", "points": 3}],
        "checks": [
            {
                "check": "c1-uplink",
                "agent": "c1",
                "site": "c1",
                "commune": "00001",
                "province": "01",
                "kind": "stamp",
                "at_ms": AT_MS,
                "outcome": 1,
                "values": {"sent": 1},
            }
        ],
        "communes": [commune(number) for number in range(1, communes + 1)],
        "incidents": list(incidents),
        "silences": [],
        "pages": {"waiting": 0, "accepted": 0, "failed": 0},
    }
