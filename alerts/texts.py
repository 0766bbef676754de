"""What a page says in one line, in Vietnamese and in English. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from alerts.base import Info
from alerts.incident import Incident

CONFERENCES_TOLD = 3  # in one line
NAMES_TOLD = 5
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
    "flows": ("MẤT MỘT PHẦN LUỒNG", "A SHARE OF FLOWS IS LOST"),
    "odd": ("MÁY ĐO KHÁC MỌI MÁY", "ODD WITNESS"),
    "unexplained": ("LỖI CHƯA RÕ NGUYÊN NHÂN", "UNEXPLAINED FAILURES"),
    "silent": ("KHÔNG BÁO CÁO", "SILENT"),
    "unfit": ("MÁY ĐO KHÔNG ĐẠT", "UNFIT TO MEASURE"),
    "trouble": ("TỰ BÁO CÓ LỖI", "IN TROUBLE"),
    "other": ("BẤT THƯỜNG", "UNUSUAL"),
    "unheard": ("CHƯA TỪNG BÁO CÁO", "NEVER REPORTED"),
    "resolved": ("ĐÃ KHÔI PHỤC", "RECOVERED"),
    "superseded": ("NAY THUỘC SỰ CỐ {id}", "NOW PART OF INCIDENT {id}"),
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
    "named": ("{all} ({names})", "{all} ({names})"),
    "magnitude.loss": ("mất {share:.0%} gói", "{share:.0%} of packets lost"),
    "magnitude.delay": ("trễ {ms:.0f} ms", "{ms:.0f} ms round trip"),
    "magnitude.checks": ("{n}/{all} phép đo bị", "{n} of {all} checks hit"),
    "since": ("từ {at}", "since {at}"),
    "until": ("từ {at} đến {end}", "from {at} to {end}"),
    "call": ("gọi {contact}", "call {contact}"),
    "conference": ("HỘI NGHỊ {name}", "CONFERENCE {name}"),
    "rooms.lost": ("mất {n}/{all} phòng", "{n} of {all} rooms lost"),
    "rooms.hit": ("ảnh hưởng {n}/{all} phòng", "{n} of {all} rooms affected"),
    "rooms.spare": ("còn đường dự phòng cho {all} phòng", "a backup is left for its {all} rooms"),
    "starts.in": ("còn {n} phút nữa bắt đầu", "starts in {n} min"),
    "starts.ago": ("đã họp {n} phút", "began {n} min ago"),
    "more": ("và {n} hội nghị khác", "and {n} more conferences"),
}
LANGUAGES: Mapping[str, Words] = {
    lang: {key: said[number] for key, said in _WORDS.items()} for number, lang in enumerate(("vi", "en"))
}


class EndangeredConference(NamedTuple):
    """A conference that goes on or starts soon, and an element it needs. `lost`: rooms without any other way, of `rooms`;
    `starts_ms`: Unix time."""

    id: str
    name: str
    lost: int
    rooms: int
    starts_ms: int


def conferences(lang: str, incident: Incident, endangered: Sequence[EndangeredConference], now_ms: int) -> str:
    """Which conferences an open incident endangers, as the line begins with them; "" when there are none or it is over."""
    if not endangered or not incident.is_open:
        return ""
    words = LANGUAGES[lang]
    parts = [_conference(words, incident, conference, now_ms) for conference in endangered[:CONFERENCES_TOLD]]
    if len(endangered) > CONFERENCES_TOLD:
        parts.append(words["more"].format(n=len(endangered) - CONFERENCES_TOLD))
    return "; ".join(parts) + " – "


def _conference(words: Words, incident: Incident, conference: EndangeredConference, now_ms: int) -> str:
    """Its name, rooms lost of rooms, and minutes until it starts (begun ones count) or since."""
    fate = "rooms.lost" if incident.kind == "down" else "rooms.hit"
    rooms = words[fate if conference.lost else "rooms.spare"].format(n=conference.lost, all=conference.rooms)
    left_ms = conference.starts_ms - now_ms
    when = words["starts.in"].format(n=-(-left_ms // 60_000)) if left_ms > 0 else ""
    when = when or words["starts.ago"].format(n=-left_ms // 60_000)
    return ", ".join([words["conference"].format(name=conference.name), rooms, when])


class PageFacts(NamedTuple):
    """What a page says beside: the moment it is made (Unix ms), names of who suffers, and the median figure of the rules that
    fire (a share of packets, or seconds of a round trip)."""

    now_ms: int
    names: tuple[str, ...] = ()
    figure: float | None = None


def summary(
    lang: str, incident: Incident, info: Info, symptoms: tuple[str, ...], facts: PageFacts | None = None
) -> str:
    """One line: what, which, whose circuit, who suffers, since when, whom to call. Times in Việt Nam's zone. With `facts` as a
    page says it: how bad, names, dates that are not today's."""
    words = LANGUAGES[lang]
    what, resolved_ms = words.get(incident.kind, words["other"]), incident.resolved_ms
    if resolved_ms is not None:
        ended = words["superseded"].format(id=incident.superseded_by) if incident.superseded_by else ""
        what = f"{ended or words[incident.ended or 'resolved']} ({what.lower()})"
    prefix = info.id.partition(":")[0]
    parts = [f"{what}: {words.get(prefix, words['site'])} {info.name or info.id}", *_circuit_words(words, info)]
    others = tuple(element for element in symptoms if element != info.id)
    if others:
        key = "suffer" if all(element.startswith("commune:") for element in others) else "suffer.other"
        suffering = words[key].format(n=len(others))
        parts.append(_named(words, suffering, len(others), facts.names) if facts else suffering)
    at = _moment(incident.first_miss_ms, facts)
    if resolved_ms is not None:
        return ", ".join([*parts, words["until"].format(at=at, end=_moment(resolved_ms, facts))])
    parts += _magnitude(words, incident, facts) if facts else []
    parts.append(words["since"].format(at=at))
    contact = " ".join(filter(None, (info.contact_name, info.contact_phone)))
    return ", ".join([*parts, words["call"].format(contact=contact)] if contact else parts)


def _named(words: Words, suffering: str, count: int, names: tuple[str, ...]) -> str:
    if not names:
        return suffering
    shown = ", ".join(names[:NAMES_TOLD]) + (", …" if count > min(len(names), NAMES_TOLD) else "")
    return words["named"].format(all=suffering, names=shown)


def _magnitude(words: Words, incident: Incident, facts: PageFacts) -> list[str]:
    """How bad it is: packets lost or milliseconds, and how many of the checks across it say so."""
    parts, figure = list[str](), facts.figure
    if figure is not None and incident.kind == "loss":
        parts.append(words["magnitude.loss"].format(share=figure))
    elif figure is not None and incident.kind == "delay":
        parts.append(words["magnitude.delay"].format(ms=1000 * figure))
    checks = incident.against + incident.clear
    return [*parts, words["magnitude.checks"].format(n=incident.against, all=checks)] if checks > 1 else parts


def _moment(at_ms: int, facts: PageFacts | None) -> str:
    """The time of day; in a page with its zone, and with the date when it is not today."""
    if facts is None:
        return clock(at_ms)
    at, now = (datetime.fromtimestamp(ms / 1000, HANOI) for ms in (at_ms, facts.now_ms))
    date = "" if at.date() == now.date() else at.strftime(" %d/%m" if at.year == now.year else " %d/%m/%Y")
    return f"{clock(at_ms)}{date} +07"


def _circuit_words(words: Words, info: Info) -> list[str]:
    circuit = words["circuit"].format(circuit=info.circuit_id) if info.circuit_id else ""
    return [text for text in (info.carrier, circuit) if text]


def clock(at_ms: int) -> str:
    """`14:03:59` in Việt Nam."""
    return datetime.fromtimestamp(at_ms / 1000, HANOI).strftime("%H:%M:%S")
