"""What a page says in one line, in Vietnamese and in English. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from alerts.base import Info
from alerts.incident import Incident

HANOI = timezone(timedelta(hours=7))  # no daylight saving since 1975
Words = Mapping[str, str]

_WORDS = {  # by what is said: in Vietnamese, in English
    "down": ("MẤT KẾT NỐI", "DOWN"),
    "loss": ("MẤT GÓI", "LOSING PACKETS"),
    "delay": ("TRỄ CAO", "SLOW"),
    "jitter": ("TRỄ KHÔNG ĐỀU", "UNEVEN DELAY"),
    "throughput": ("BĂNG THÔNG THẤP", "LOW THROUGHPUT"),
    "certificate": ("CHỨNG THƯ SỐ SẮP HẾT HẠN", "CERTIFICATE RUNS OUT"),
    "battery": ("CHẠY BẰNG ẮC QUY", "ON BATTERY"),
    "interface": ("CỔNG MẠNG MẤT TÍN HIỆU", "INTERFACE DOWN"),
    "unready": ("CHƯA SẴN SÀNG", "NOT READY"),
    "software": ("PHẦN MỀM ĐÃ ĐỔI", "OTHER SOFTWARE"),
    "media": ("HÌNH VÀ TIẾNG KÉM", "POOR PICTURE AND SOUND"),
    "silent": ("KHÔNG BÁO CÁO", "SILENT"),
    "unfit": ("MÁY ĐO KHÔNG ĐẠT", "UNFIT TO MEASURE"),
    "trouble": ("TỰ BÁO CÓ LỖI", "IN TROUBLE"),
    "other": ("BẤT THƯỜNG", "UNUSUAL"),
    "unheard": ("CHƯA TỪNG BÁO CÁO", "NEVER REPORTED"),
    "resolved": ("ĐÃ KHÔI PHỤC", "RECOVERED"),
    "unmeasured": ("KHÔNG CÒN ĐƯỢC ĐO", "NO LONGER MEASURED"),
    "link": ("đường truyền", "link"),
    "mcu": ("MCU", "MCU"),
    "agent": ("máy đo", "agent"),
    "hub": ("trung tâm", "hub"),
    "service": ("dịch vụ", "service"),
    "room": ("phòng họp", "room"),
    "commune": ("xã", "commune"),
    "province": ("tỉnh", "province"),
    "site": ("điểm", "site"),
    "circuit": ("kênh {circuit}", "circuit {circuit}"),
    "suffer": ("ảnh hưởng {n} xã", "{n} communes suffer"),
    "suffer.other": ("ảnh hưởng {n} nơi", "{n} places suffer"),
    "since": ("từ {at}", "since {at}"),
    "until": ("từ {at} đến {end}", "from {at} to {end}"),
    "call": ("gọi {contact}", "call {contact}"),
}
LANGUAGES: Mapping[str, Words] = {
    lang: {key: said[number] for key, said in _WORDS.items()} for number, lang in enumerate(("vi", "en"))
}


def summary(lang: str, incident: Incident, info: Info, symptoms: tuple[str, ...]) -> str:
    """One line: what, which, whose circuit, who suffers, since when, whom to call. Times in Việt Nam's zone."""
    words = LANGUAGES[lang]
    what, resolved_ms = words.get(incident.kind, words["other"]), incident.resolved_ms
    if resolved_ms is not None:
        what = f"{words[incident.ended or 'resolved']} ({what.lower()})"
    prefix = info.id.partition(":")[0]
    parts = [f"{what}: {words.get(prefix, words['site'])} {info.name or info.id}", *_circuit_words(words, info)]
    others = tuple(element for element in symptoms if element != info.id)
    if others:
        key = "suffer" if all(element.startswith("commune:") for element in others) else "suffer.other"
        parts.append(words[key].format(n=len(others)))
    if resolved_ms is not None:
        return ", ".join([*parts, words["until"].format(at=clock(incident.first_miss_ms), end=clock(resolved_ms))])
    parts.append(words["since"].format(at=clock(incident.first_miss_ms)))
    contact = " ".join(filter(None, (info.contact_name, info.contact_phone)))
    return ", ".join([*parts, words["call"].format(contact=contact)] if contact else parts)


def _circuit_words(words: Words, info: Info) -> list[str]:
    circuit = words["circuit"].format(circuit=info.circuit_id) if info.circuit_id else ""
    return [text for text in (info.carrier, circuit) if text]


def clock(at_ms: int) -> str:
    """`14:03:59` in Việt Nam."""
    return datetime.fromtimestamp(at_ms / 1000, HANOI).strftime("%H:%M:%S")
