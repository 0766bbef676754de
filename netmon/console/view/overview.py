"""The first screen: incidents on top, communes below. A view is a pure function of state, place, size and time."""

from __future__ import annotations

from itertools import accumulate

from rich.cells import cell_len
from rich.segment import Segment

from netmon.console.paint import ScreenLine, cell, fit, line, row
from netmon.console.state import ConsoleState, Row
from netmon.console.ui import Ui, choices
from netmon.console.words import STATES, clock, number, say, say_state, share, span
from probes.clean import clean

_WIDE = 64  # cells from which on every column of the communes has its whole width
_MARKS = {"ok": ("●", "good"), "bad": ("✗", "bad"), "degraded": ("▲", "warn"), "unknown": ("?", "dim")}


def render(state: ConsoleState, ui: Ui, width: int, height: int, now_s: float) -> list[ScreenLine]:
    """The body of the overview, at most `height` lines."""
    rows = choices(state, ui)
    cursor = min(ui.cursor, max(0, len(rows) - 1))
    incidents = _incidents(state, ui, width, now_s, cursor)
    room = max(3, height - 2)
    top = _window(incidents, cursor, max(2, room // 2))
    first_commune = sum(1 for kind, _ in rows if kind == "incident")
    below = _communes(state, ui, width, height - len(top) - 1, now_s, cursor - first_commune)
    return [*top, line("", width), *below][:height]


def _window(lines: list[ScreenLine], cursor: int, max_lines: int) -> list[ScreenLine]:
    """The title and as many incident lines as fit, the chosen one among them."""
    if len(lines) <= max_lines:
        return lines
    start = max(0, min(cursor, len(lines) - 2) - (max_lines - 2))
    return [lines[0], *lines[1 + start : max_lines + start]]


def _incidents(state: ConsoleState, ui: Ui, width: int, now_s: float, cursor: int) -> list[ScreenLine]:
    opened, closed = state.open_incidents(), state.closed_incidents()
    title = f"{say('incidents', ui.lang)} {len(opened)}"
    if closed:
        title += f"   {say('closed', ui.lang)}: {len(closed)}"
    lines = [line(title, width, "bad" if opened else "title")]
    if not opened:
        word, style = ("none_known", "dim") if state.is_stale(now_s) else ("none", "good")
        lines.append(line("  " + say(word, ui.lang), width, style))
    for at, incident in enumerate((*opened, *closed[:3])):
        lines.append(_incident(incident, ui, width, now_s, chosen=at == cursor))
    return lines


def _incident(incident: Row, ui: Ui, width: int, now_s: float, *, chosen: bool) -> ScreenLine:
    is_open = incident["state"] == "open"
    end_s = now_s if is_open else int(incident["resolved_ms"] or 0) / 1000
    style = "bad" if is_open and incident["severity"] == "critical" else "warn" if is_open else "dim"
    notes = (
        [f"+{incident['symptom_count']}"]
        + (["✓"] if incident["acked_by"] else [])
        + (["z"] if incident["silenced"] else [])
    )
    noted, element = (8, min(26, width // 5)) if width >= 60 else (0, 0)  # the telephone needs the room more
    left = max(0, width - 23 - noted - element)
    text, call = _headline(incident, ui.lang, left)
    cells = [
        cell("✗" if is_open else "✓", 2, style),
        cell(clock(incident["opened_ms"]), 9, style),
        cell(span(end_s - int(incident["opened_ms"]) / 1000), 8, style),
        cell(" ".join(notes), noted, style),
        cell(incident["element"], element, style),
        cell(" " + text, max(0, left - cell_len(call)), style),
        cell(call, cell_len(call), style),
    ]
    return row(cells, width, chosen=chosen)


def _headline(incident: Row, lang: str, width: int) -> tuple[str, str]:
    """What happened, and whom to call where the first does not fit whole: a cut line must not lose the telephone."""
    text, contact = clean(str(incident[lang] or incident["name"]), 400), incident.get("contact") or {}
    if incident["state"] != "open" or cell_len(text) < width:
        return text, ""
    name, phone = (clean(str(contact.get(key) or ""), 60) for key in ("name", "phone"))
    both, short = f"  {name} {phone}".rstrip(), f" {phone or name}".rstrip()
    if cell_len(both) <= width * 2 // 3:
        return text, both
    return text, short if cell_len(short) <= width else fit(short, width)


def _communes(state: ConsoleState, ui: Ui, width: int, height: int, now_s: float, cursor: int) -> list[ScreenLine]:
    rows = state.commune_rows(ui.filter)
    counts = "  ".join(
        f"{_MARKS[name][0]} {say(name, ui.lang)} {many}" for name, many in _counts(state).items() if many
    )
    shown = f"  [{say('filter', ui.lang)}: {ui.filter}{'▏' if ui.typing else ''}]" if ui.filter or ui.typing else ""
    lines = [line(f"{say('communes', ui.lang)} {len(rows)}   {counts}{shown}", width, "title"), _titles(ui, width)]
    if not rows:
        return [*lines, line("  " + say("no_data", ui.lang), width, "dim")]
    space = max(1, height - 3)
    start = max(0, min(cursor - space // 2, len(rows) - space))
    lines += [
        _commune(commune, ui, width, now_s, chosen=start + at == cursor)
        for at, commune in enumerate(rows[start : start + space])
    ]
    hidden = len(rows) - start - space
    return [*lines, line("  " + say("more", ui.lang, n=hidden), width, "dim")] if hidden > 0 else lines


def _counts(state: ConsoleState) -> dict[str, int]:
    counts = dict.fromkeys(STATES, 0)
    for commune in state.communes.values():
        counts[str(commune["state"])] = counts.get(str(commune["state"]), 0) + 1
    return counts


def _name_width(width: int) -> int:
    return max(12, min(40, width - (52 if width >= _WIDE else 46)))


def _figure(text: object, width: int, style: str = "") -> Segment:
    return cell(text, 9 if width >= _WIDE else 8, style, right=True)


def _whole(cells: list[Segment], width: int) -> list[Segment]:
    """The columns that fit whole: half a figure is another figure."""
    ends = accumulate(part.cell_length for part in cells)
    return [part for part, end in zip(cells, ends, strict=True) if end <= width - 2]


def _titles(ui: Ui, width: int) -> ScreenLine:
    cells = [
        cell("", 2),
        cell(say("code", ui.lang), 7, "dim"),
        cell(say("name", ui.lang), _name_width(width), "dim"),
        cell(say("state", ui.lang), 11, "dim"),
        *(_figure(say(name, ui.lang), width, "dim") for name in ("rtt", "loss", "age")),
    ]
    return row(_whole(cells, width), width)


def _commune(commune: Row, ui: Ui, width: int, now_s: float, *, chosen: bool) -> ScreenLine:
    mark, style = _MARKS.get(str(commune["state"]), _MARKS["unknown"])
    at_ms = commune.get("at_ms")
    cells = [
        cell(mark, 2, style),
        cell(commune["code"], 7, style),
        cell(cell(commune["name"], _name_width(width) - 1).text, _name_width(width), style),
        cell(say_state(commune["state"], ui.lang), 11, style),
        _figure(number(commune.get("rtt_ms"), 2), width, style),
        _figure(share(commune.get("loss")), width, style),
        _figure(span(now_s - at_ms / 1000) if at_ms else "–", width, style),
    ]
    return row(_whole(cells, width), width, chosen=chosen)
