"""A page in words, for channels that people read: a headline, and facts below it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.notify.notice import Notice

_TITLES = {  # of a fact: in Vietnamese, in English
    "update": ("Cập nhật", "Update"),
    "repeat": ("Nhắc lại lần {n}, chưa ai nhận", "Reminder {n}, nobody acknowledged"),
    "element": ("Phần tử", "Element"),
    "owner": ("Chủ quản", "Owner"),
    "carrier": ("Nhà mạng", "Carrier"),
    "circuit_id": ("Kênh", "Circuit"),
    "contact": ("Liên hệ", "Contact"),
    "do": ("Việc cần làm trước", "Do first"),
    "id": ("Mã sự cố", "Incident"),
}
DIGEST_LINES = 20
_ICONS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}


def headline(notice: Notice, lang: str) -> str:
    """One line: how bad it is, and the summary. An update says that it is one."""
    icon = "🟢" if notice.is_over else _ICONS.get(notice.severity, "⚪")
    mark = "" if notice.is_over or notice.status == "firing" else f"{_title('update', lang)}: "
    mark = f"{_title('repeat', lang).format(n=notice.repeat)}: " if notice.repeat else mark
    return f"{icon} {mark}{notice.text(lang)}"


def facts(notice: Notice, lang: str) -> list[tuple[str, str]]:
    """What is known beside it: title and value."""
    about = notice.about
    values: dict[str, str] = {"element": notice.labels.get("element", "")}
    values |= {key: str(about.get(key) or "") for key in ("owner", "carrier", "circuit_id")}
    values |= {"contact": _contact(about), "do": "" if notice.is_over else _first_step(about, lang), "id": notice.key}
    return [(_title(key, lang), value) for key, value in values.items() if value]


def details(notice: Notice, lang: str) -> list[str]:
    """The facts as lines; of a digest what it tells of, as many as a person reads."""
    lines = [f"{title}: {value}" for title, value in facts(notice, lang)]
    return [*lines, *_rows(notice.about.get("rows"), lang)] if notice.is_digest else lines


def _rows(rows: object, lang: str) -> list[str]:
    texts = (
        [(row, str(row.get(lang, ""))) for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    )
    return [f"{'🟢' if row.get('status') == 'resolved' else '🔴'} {text}" for row, text in texts[:DIGEST_LINES]]


def message(notice: Notice, lang: str, max_units: int) -> str:
    """All of it as plain text of at most so many UTF-16 units: details go before the headline is cut."""
    text = "\n".join([headline(notice, lang), *details(notice, lang)])
    return cut_units(text, max_units)


def cut_units(text: str, max_units: int) -> str:
    """At most so many UTF-16 units (what chats count), whole characters only."""
    raw = text.encode("utf-16-le", "replace")
    if len(raw) <= 2 * max_units:
        return text
    return raw[: 2 * (max_units - 1)].decode("utf-16-le", "ignore").rstrip() + "…"


def _title(key: str, lang: str) -> str:
    return _TITLES[key][0 if lang == "vi" else 1]


def _contact(about: Mapping[str, Any]) -> str:
    contact = about.get("contact")
    return " ".join(filter(None, map(str, contact.values()))) if isinstance(contact, Mapping) else ""


def _first_step(about: Mapping[str, Any], lang: str) -> str:
    step = about.get("do")
    return str(step.get(lang, "")) if isinstance(step, Mapping) else ""
