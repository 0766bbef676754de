"""One incident, or one commune with its checks."""

from __future__ import annotations

from netmon.console.paint import ScreenLine, cell, line, row
from netmon.console.state import ConsoleState, Row
from netmon.console.ui import Ui
from netmon.console.words import OUTCOMES, clock, number, say, share, span

_LABEL = 18


def render(state: ConsoleState, ui: Ui, width: int, height: int, now_s: float) -> list[ScreenLine]:
    """The body of the opened thing."""
    kind, name = ui.opened or ("", "")
    if kind == "incident":
        found = next((one for one in state.incidents if one["id"] == name), None)
        body = _incident(state, found, ui, width, now_s) if found else []
    else:
        one = state.communes.get(name)
        body = _commune(state, one, ui, width, now_s) if one else []
    return (body or [line(say("no_data", ui.lang), width, "dim")])[:height]


def _pair(label: str, text: object, width: int, style: str = "") -> ScreenLine:
    return [cell("  " + label, _LABEL, "dim"), cell(text, max(0, width - _LABEL), style)]


def _incident(state: ConsoleState, one: Row, ui: Ui, width: int, now_s: float) -> list[ScreenLine]:
    lang, contact = ui.lang, one.get("contact") or {}
    is_open = one["state"] == "open"
    end_ms = int(now_s * 1000) if is_open else int(one["resolved_ms"] or 0)
    evidence = one.get("evidence") or {}
    proof = say("evidence_text", lang, against=evidence.get("against", 0), clear=evidence.get("clear", 0))
    lines = [
        line(one[lang] or one["name"], width, "bad" if is_open else "good"),
        line("", width),
        _pair(say("since", lang), f"{clock(one['opened_ms'])}   {span((end_ms - one['opened_ms']) / 1000)}", width),
        _pair(say("name", lang), f"{one['name']}   {one['element']}", width),
        _pair(say("owner", lang), one["owner"] or "–", width),
        _pair(say("carrier", lang), one["carrier"] or "–", width),
        _pair(say("circuit", lang), one["circuit_id"] or "–", width),
        _pair(say("contact", lang), f"{contact.get('name') or '–'}  {contact.get('phone') or ''}", width, "title"),
        _pair(say("evidence", lang), proof, width),
    ]
    if one["acked_by"]:
        lines.append(_pair(say("acked", lang), f"{one['acked_by']}  {clock(one['acked_ms'])}", width))
    lines += [line("", width), line(f"  {say('symptoms', lang)} {one['symptom_count']}", width, "title")]
    names = {key: value["name"] for key, value in state.communes.items()}
    return lines + [line(f"    {element}  {names.get(element, '')}", width) for element in one["symptoms"]]


def _commune(state: ConsoleState, one: Row, ui: Ui, width: int, now_s: float) -> list[ScreenLine]:
    lang = ui.lang
    at_ms = one.get("at_ms")
    age = span(now_s - at_ms / 1000) if at_ms else "–"
    lines = [
        line(f"{one['name']}  {one['code']}", width, "title"),
        line("", width),
        _pair(
            say("state", lang),
            say(one["state"], lang) if one["state"] in ("ok", "bad", "degraded", "unknown") else one["state"],
            width,
        ),
        _pair(say("rtt", lang), number(one.get("rtt_ms"), 2), width),
        _pair(say("loss", lang), share(one.get("loss")), width),
        _pair(say("age", lang), age, width),
        line("", width),
        line("  " + say("checks", lang), width, "title"),
    ]
    return lines + [_check(check, width) for check in state.checks_of(str(one["site"]))]


def _check(check: Row, width: int) -> ScreenLine:
    at = check.get("outcome")
    outcome = OUTCOMES[at] if isinstance(at, int) and 0 <= at < len(OUTCOMES) else "–"
    values = "  ".join(f"{name} {_short(value)}" for name, value in check["values"].items() if name != "outcome")
    style = "good" if at == 0 else "bad"
    cells = [
        cell(check["check"], 18),
        cell(check["kind"], 11, "dim"),
        cell(outcome, 11, style),
        cell(clock(check["at_ms"]), 9, "dim"),
        cell(values, max(0, width - 51)),
    ]
    return row(cells, width)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
