"""What a page says in one line, in Vietnamese and in English. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from alerts.base import Info

HANOI = timezone(timedelta(hours=7))  # no daylight saving since 1975
Words = Mapping[str, str]

_VI: Words = {
    "down": "MẤT KẾT NỐI",
    "loss": "MẤT GÓI",
    "delay": "TRỄ CAO",
    "jitter": "TRỄ KHÔNG ĐỀU",
    "throughput": "BĂNG THÔNG THẤP",
    "certificate": "CHỨNG THƯ SỐ SẮP HẾT HẠN",
    "battery": "CHẠY BẰNG ẮC QUY",
    "interface": "CỔNG MẠNG MẤT TÍN HIỆU",
    "unready": "CHƯA SẴN SÀNG",
    "software": "PHẦN MỀM ĐÃ ĐỔI",
    "media": "HÌNH VÀ TIẾNG KÉM",
    "silent": "KHÔNG BÁO CÁO",
    "unfit": "MÁY ĐO KHÔNG ĐẠT",
    "trouble": "TỰ BÁO CÓ LỖI",
    "other": "BẤT THƯỜNG",
    "unheard": "CHƯA TỪNG BÁO CÁO",
    "resolved": "ĐÃ KHÔI PHỤC",
    "unmeasured": "KHÔNG CÒN ĐƯỢC ĐO",
    "link": "đường truyền",
    "mcu": "MCU",
    "agent": "máy đo",
    "hub": "trung tâm",
    "service": "dịch vụ",
    "room": "phòng họp",
    "commune": "xã",
    "province": "tỉnh",
    "site": "điểm",
    "circuit": "kênh {circuit}",
    "suffer": "ảnh hưởng {n} xã",
    "suffer.other": "ảnh hưởng {n} nơi",
    "since": "từ {at}",
    "until": "từ {at} đến {end}",
    "call": "gọi {contact}",
}
_EN: Words = {
    "down": "DOWN",
    "loss": "LOSING PACKETS",
    "delay": "SLOW",
    "jitter": "UNEVEN DELAY",
    "throughput": "LOW THROUGHPUT",
    "certificate": "CERTIFICATE RUNS OUT",
    "battery": "ON BATTERY",
    "interface": "INTERFACE DOWN",
    "unready": "NOT READY",
    "software": "OTHER SOFTWARE",
    "media": "POOR PICTURE AND SOUND",
    "silent": "SILENT",
    "unfit": "UNFIT TO MEASURE",
    "trouble": "IN TROUBLE",
    "other": "UNUSUAL",
    "unheard": "NEVER REPORTED",
    "resolved": "RECOVERED",
    "unmeasured": "NO LONGER MEASURED",
    "link": "link",
    "mcu": "MCU",
    "agent": "agent",
    "hub": "hub",
    "service": "service",
    "room": "room",
    "commune": "commune",
    "province": "province",
    "site": "site",
    "circuit": "circuit {circuit}",
    "suffer": "{n} communes suffer",
    "suffer.other": "{n} places suffer",
    "since": "since {at}",
    "until": "from {at} to {end}",
    "call": "call {contact}",
}
LANGUAGES: Mapping[str, Words] = {"vi": _VI, "en": _EN}


def summary(
    lang: str,
    kind: str,
    info: Info,
    symptoms: tuple[str, ...],
    first_miss_ms: int,
    resolved_ms: int | None,
    ended: str = "",
) -> str:
    """One line: what, which, whose circuit, who suffers, since when, whom to call. Times in Việt Nam's zone. `ended`:
    `unmeasured` when it is over because nobody measures it any more; else it is well again."""
    words = LANGUAGES[lang]
    what = words.get(kind, words["other"])
    if resolved_ms is not None:
        what = f"{words[ended or 'resolved']} ({what.lower()})"
    prefix = info.id.partition(":")[0]
    parts = [f"{what}: {words.get(prefix, words['site'])} {info.name or info.id}", *_whose(words, info)]
    others = tuple(element for element in symptoms if element != info.id)
    if others:
        key = "suffer" if all(element.startswith("commune:") for element in others) else "suffer.other"
        parts.append(words[key].format(n=len(others)))
    if resolved_ms is None:
        parts.append(words["since"].format(at=clock(first_miss_ms)))
    else:
        parts.append(words["until"].format(at=clock(first_miss_ms), end=clock(resolved_ms)))
    contact = " ".join(filter(None, (info.contact_name, info.contact_phone)))
    if contact and resolved_ms is None:
        parts.append(words["call"].format(contact=contact))
    return ", ".join(parts)


def _whose(words: Words, info: Info) -> list[str]:
    circuit = words["circuit"].format(circuit=info.circuit_id) if info.circuit_id else ""
    return [text for text in (info.carrier, circuit) if text]


def clock(at_ms: int) -> str:
    """`14:03:59` in Việt Nam."""
    return datetime.fromtimestamp(at_ms / 1000, HANOI).strftime("%H:%M:%S")
