"""An incident as the state API shows it, for tests of pages."""

from __future__ import annotations

from typing import Any

from alerts.notify import webhook
from alerts.notify.notice import Notice, notice_of

VIEW: dict[str, Any] = {
    "id": "0123456789ab",
    "element": "link:core-province",
    "name": "Trung tâm – TP. Hồ Chí Minh",
    "fault": "reach",
    "kind": "down",
    "severity": "critical",
    "state": "open",
    "opened_ms": 1_790_000_004_250,
    "resolved_ms": None,
    "first_miss_ms": 1_790_000_000_000,
    "owner": "VNPT",
    "carrier": "VNPT",
    "circuit_id": "TSL-1",
    "contact": {"name": "Trực kênh", "phone": "080 00002"},
    "symptoms": [f"commune:{code:05}" for code in range(98)],
    "symptom_count": 98,
    "suspects": ["link:core-province", "province:79"],
    "evidence": {"against": 98, "clear": 1, "also": ["on-battery ups-hcm"]},
    "conferences": [],
    "vi": "MẤT KẾT NỐI: đường truyền …",
    "en": "DOWN: link …",
    "do": {"vi": "Kiểm tra nguồn điện.", "en": "Check power."},
    "acked_by": "",
    "acked_ms": None,
    "ack_note": "",
    "superseded_by": "",
    "silenced": False,
}


def notice(status: str = "firing", **more: Any) -> Notice:
    """A page of that incident as channels read it."""
    view = {**VIEW, **more, "resolved_ms": 1_790_000_090_000 if status == "resolved" else None}
    raw = webhook.body(view, status, "on-call", "hub-79", "vi")  # type: ignore[arg-type]
    return notice_of(raw, webhook.page_id(view["id"], "on-call", status))  # type: ignore[arg-type]
