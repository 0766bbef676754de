"""What the console says, in Vietnamese and English, and how it writes times and numbers."""

from __future__ import annotations

from netmon import zone

_WORDS: dict[str, tuple[str, str]] = {
    "incidents": ("SỰ CỐ", "INCIDENTS"),
    "closed": ("đã xong 24 giờ qua", "closed in 24 h"),
    "none": ("Không có sự cố", "No incident"),
    "none_known": ("Không có sự cố theo dữ liệu cũ; hiện nay chưa rõ", "No incident by old data; not known now"),
    "communes": ("XÃ, PHƯỜNG", "COMMUNES"),
    "age": ("dữ liệu", "data"),
    "ago": ("trước", "ago"),
    "stale": ("DỮ LIỆU CŨ", "STALE DATA"),
    "no_hub": ("KHÔNG THẤY TRUNG TÂM", "NO ANSWER FROM THE HUB"),
    "pages_waiting": ("tin chờ gửi", "pages waiting"),
    "agents": ("tác tử", "agents"),
    "troubles": ("TRUNG TÂM CÓ LỖI", "THE HUB IS IN TROUBLE"),
    "ok": ("tốt", "ok"),
    "bad": ("MẤT", "DOWN"),
    "degraded": ("KÉM", "POOR"),
    "unknown": ("chưa rõ", "unknown"),
    "code": ("mã", "code"),
    "name": ("tên", "name"),
    "state": ("trạng thái", "state"),
    "rtt": ("trễ ms", "RTT ms"),
    "loss": ("mất gói", "loss"),
    "last": ("lúc", "at"),
    "since": ("từ", "since"),
    "until": ("đến", "until"),
    "owner": ("Chủ quản", "Owner"),
    "carrier": ("Nhà mạng", "Carrier"),
    "circuit": ("Mã kênh", "Circuit"),
    "contact": ("Gọi", "Call"),
    "symptoms": ("Bị ảnh hưởng", "Affected"),
    "evidence": ("Bằng chứng", "Evidence"),
    "evidence_text": ("{against} phép đo hỏng, {clear} tốt", "{against} checks fail, {clear} pass"),
    "acked": ("Đã nhận", "Acknowledged by"),
    "assigned": ("Đã giao", "Assigned to"),
    "silenced": ("im lặng", "silenced"),
    "checks": ("PHÉP ĐO", "CHECKS"),
    "filter": ("Lọc", "Filter"),
    "keys": (
        "q thoát  ? trợ giúp  ↑↓ chọn  Enter xem  Esc lại  / lọc  l English",
        "q quit  ? help  ↑↓ move  Enter open  Esc back  / filter  l tiếng Việt",
    ),
    "help": ("TRỢ GIÚP", "HELP"),
    "more": ("còn {n} dòng", "{n} more"),
    "no_data": ("Chưa có dữ liệu", "No data yet"),
}
_HELP: tuple[tuple[str, str, str], ...] = (
    ("↑ ↓ PgUp PgDn Home End", "chọn dòng", "choose a row"),
    ("Enter", "xem sự cố hoặc xã", "open an incident or a commune"),
    ("Esc", "trở lại, bỏ lọc", "back, clear the filter"),
    ("/", "lọc xã theo mã, tên, trạng thái", "filter communes by code, name, state"),
    ("l", "đổi tiếng Việt / English", "switch language"),
    ("?", "trang này", "this page"),
    ("q", "thoát", "quit"),
)
STATES = ("bad", "degraded", "unknown", "ok")  # of a commune, the sick first
OUTCOMES = ("OK", "LOST", "REFUSED", "UNRESOLVED", "PROTOCOL", "LOCAL")


def say(key: str, lang: str, **values: object) -> str:
    """The words of `key` in `vi` or `en`."""
    text = _WORDS[key][lang == "en"]
    return text.format(**values) if values else text


def say_state(state: object, lang: str) -> str:
    """The words of a commune's state; of one that is not known here the hub's own."""
    return say(str(state), lang) if state in STATES else str(state)


def help_rows(lang: str) -> list[tuple[str, str]]:
    """Keys and what they do."""
    return [(keys, english if lang == "en" else viet) for keys, viet, english in _HELP]


def clock(at_ms: int | None, lang: str = "vi") -> str:
    """Time of day in Viet Nam, "–" for none."""
    if not at_ms:
        return "–"
    return zone.moment(at_ms / 1000, "%H:%M:%S", named=False)


def span(seconds: float) -> str:
    """A length of time in its two largest units: `8s`, `3m20s`, `2h05m`, `4d02h`."""
    total = max(0, int(seconds))
    if total < 60:
        return f"{total}s"
    if total < 3600:
        return f"{total // 60}m{total % 60:02}s"
    if total < 86400:
        return f"{total // 3600}h{total % 3600 // 60:02}m"
    return f"{total // 86400}d{total % 86400 // 3600:02}h"


def number(value: object, digits: int = 1) -> str:
    """A measured number, "–" where nothing was measured."""
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "–"


def share(value: object) -> str:
    """0..1 as per cent, "–" where nothing was measured."""
    return f"{value * 100:.0f} %" if isinstance(value, int | float) else "–"
