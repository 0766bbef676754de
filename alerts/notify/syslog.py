"""A page as a syslog message. Pure. Sources: RFC 5424 §6 (its form), RFC 5612 (32473: the number of examples), RFC 6587 §3.4.1."""

from __future__ import annotations

import re

from alerts.notify.notice import CLIENT, Notice, cut
from alerts.notify.webhook import iso

SEVERITIES = {"critical": 2, "warning": 4, "info": 6}
OVER = 5  # notice: significant, and no fault
SD_ID = "netmon@32473"
MAX_DATAGRAM = 2048  # RFC 5426 §3.2: receivers should take so much
_BEYOND = re.compile(r"[^!-~]")


def line(notice: Notice, facility: int, lang: str, at_s: float, *, longest: int = 8192) -> bytes:
    """One message of at most so many bytes."""
    severity = OVER if notice.is_over else SEVERITIES.get(notice.severity, 4)
    host = _name(notice.labels.get("hub", ""), 255)
    head = f"<{8 * facility + severity}>1 {iso(int(at_s * 1000))} {host} {CLIENT} - {_name(notice.status, 32)} {_data(notice)} "
    raw = head.encode() + b"\xef\xbb\xbf" + " ".join(notice.text(lang).split()).encode("utf-8", "replace")
    return raw[:longest].decode("utf-8", "ignore").encode()


def _data(notice: Notice) -> str:
    values = {"id": notice.key, "status": notice.status}
    values |= {name: notice.labels.get(name, "") for name in ("element", "alertname", "severity", "owner")}
    words = " ".join(f'{name}="{_quoted(value)}"' for name, value in values.items() if value)
    return f"[{SD_ID} {words}]"


def _quoted(value: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", cut(" ".join(value.split()), 120))


def _name(text: str, longest: int) -> str:
    """Printable ASCII without blanks; - where there is none."""
    return _BEYOND.sub("_", text)[:longest] or "-"
