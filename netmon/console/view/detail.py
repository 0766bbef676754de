"""One incident, or one commune with its checks."""

from __future__ import annotations

from netmon.console.paint import ScreenLine, cell, line, row
from netmon.console.state import ConsoleState, Row
from netmon.console.ui import Ui
from netmon.console.words import OUTCOMES, clock, number, say, say_state, share, span

_LABEL = 18


def render(state: ConsoleState, ui: Ui, width: int, height: int, now_s: float) -> list[ScreenLine]:
    """The body of the opened thing."""
    kind, name = ui.opened or ("", "")
    if kind == "incident":
        incident = next((incident for incident in state.incidents if incident["id"] == name), None)
        body = _incident(state, incident, ui, width, now_s) if incident else []
    else:
        commune = state.communes.get(name)
        body = _commune(state, commune, ui, width, now_s) if commune else []
    return (body or [line(say("no_data", ui.lang), width, "dim")])[:height]


def _pair(label: str, text: object, width: int, style: str = "") -> ScreenLine:
    return [cell("  " + label, _LABEL, "dim"), cell(text, max(0, width - _LABEL), style)]


def _incident(state: ConsoleState, incident: Row, ui: Ui, width: int, now_s: float) -> list[ScreenLine]:
    lang, contact = ui.lang, incident.get("contact") or {}
    is_open = incident["state"] == "open"
    end_ms = int(now_s * 1000) if is_open else int(incident["resolved_ms"] or 0)
    evidence = incident.get("evidence") or {}
    opened_ms = incident["opened_ms"]
    proof = say("evidence_text", lang, against=evidence.get("against", 0), clear=evidence.get("clear", 0))
    lines = [
        line(incident[lang] or incident["name"], width, "bad" if is_open else "good"),
        line("", width),
        _pair(say("since", lang), f"{clock(opened_ms)}   {span((end_ms - opened_ms) / 1000)}", width),
        _pair(say("name", lang), f"{incident['name']}   {incident['element']}", width),
        _pair(say("owner", lang), incident["owner"] or "–", width),
        _pair(say("carrier", lang), incident["carrier"] or "–", width),
        _pair(say("circuit", lang), incident["circuit_id"] or "–", width),
        _pair(say("contact", lang), f"{contact.get('name') or '–'}  {contact.get('phone') or ''}", width, "title"),
        _pair(say("evidence", lang), proof, width),
    ]
    lines += _hands(incident, lang, width)
    lines += [line("", width), line(f"  {say('symptoms', lang)} {incident['symptom_count']}", width, "title")]
    names = {key: value["name"] for key, value in state.communes.items()}
    return lines + [line(f"    {element}  {names.get(element, '')}", width) for element in incident["symptoms"]]


def _hands(incident: Row, lang: str, width: int) -> list[ScreenLine]:
    """Who works on it until when, and with which task; a hub of before does not tell of tasks."""
    lines, until_ms, task = list[ScreenLine](), incident.get("acked_until_ms"), incident.get("assigned")
    if incident["acked_by"]:
        until = f" → {clock(until_ms)}" if until_ms else ""
        text = f"{incident['acked_by']}  {clock(incident['acked_ms'])}{until}"
        lines.append(_pair(say("acked", lang), text, width))
    if task:
        lines.append(_pair(say("assigned", lang), f"{task['to']}  {task['task']} → {clock(task['by_ms'])}", width))
    return lines


def _commune(state: ConsoleState, commune: Row, ui: Ui, width: int, now_s: float) -> list[ScreenLine]:
    lang = ui.lang
    at_ms = commune.get("at_ms")
    age = span(now_s - at_ms / 1000) if at_ms else "–"
    lines = [
        line(f"{commune['name']}  {commune['code']}", width, "title"),
        line("", width),
        _pair(say("state", lang), say_state(commune["state"], lang), width),
        _pair(say("rtt", lang), number(commune.get("rtt_ms"), 2), width),
        _pair(say("loss", lang), share(commune.get("loss")), width),
        _pair(say("age", lang), age, width),
        line("", width),
        line("  " + say("checks", lang), width, "title"),
    ]
    return lines + [_check(check, width) for check in state.checks_of(str(commune["site"]))]


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
