"""The frame around every view: hub, time and age of the data above; the keys below."""

from __future__ import annotations

from netmon import zone
from netmon.console.paint import ScreenLine, cell, line
from netmon.console.state import ConsoleState
from netmon.console.ui import Ui
from netmon.console.view import detail, overview
from netmon.console.words import clock, help_rows, say, span


def render(state: ConsoleState, ui: Ui, width: int, height: int, now_s: float) -> list[ScreenLine]:
    """A whole screen: exactly `height` lines, each exactly `width` cells."""
    body_height = max(1, height - 2)
    body = _body(state, ui, width, body_height, now_s)
    body += [line("", width)] * (body_height - len(body))
    return [_header(state, ui, width, now_s), *body, line(say("keys", ui.lang), width, "dim")][:height]


def once(state: ConsoleState, ui: Ui, width: int, now_s: float) -> list[ScreenLine]:
    """Header and overview with every row, for printing."""
    rows = len(state.incidents) + len(state.communes) + 12
    return [_header(state, ui, width, now_s), *overview.render(state, ui, width, 2 * rows, now_s)]


def _body(state: ConsoleState, ui: Ui, width: int, height: int, now_s: float) -> list[ScreenLine]:
    if ui.helping:
        return _help(ui, width)[:height]
    view = detail.render if ui.opened else overview.render
    return view(state, ui, width, height, now_s)


def _header(state: ConsoleState, ui: Ui, width: int, now_s: float) -> ScreenLine:
    age_s = now_s - state.at_ms / 1000 if state.at_ms else None
    stale = state.is_stale(now_s)
    right = _age(state, ui, age_s, stale) + "  " + clock(int(now_s * 1000)) + f" {zone.NAME} "
    left = f" netmon  {state.hub.get('name', '')}  {say('agents', ui.lang)} {len(state.agents)}"
    waiting = state.pages.get("waiting")
    if waiting:
        left += f"  {say('pages_waiting', ui.lang)} {waiting}"
    troubles = state.hub.get("troubles") or []
    for trouble in troubles[:1]:
        left += f"  {say('troubles', ui.lang)}: {trouble['part']}: {trouble['why']}" + f" (+{len(troubles) - 1})" * (
            len(troubles) > 1
        )
    style = "stale" if stale or troubles else "bar"
    return [cell(left, max(0, width - len(right)), style), cell(right, min(width, len(right)), style)]


def _age(state: ConsoleState, ui: Ui, age_s: float | None, stale: bool) -> str:
    if state.fault:
        return say("no_hub", ui.lang)
    if age_s is None:
        return say("no_data", ui.lang)
    return f"{say('stale' if stale else 'age', ui.lang)} {span(age_s)} {say('ago', ui.lang)}"


def _help(ui: Ui, width: int) -> list[ScreenLine]:
    rows = [[cell("  " + keys, 28, "title"), cell(what, max(0, width - 28))] for keys, what in help_rows(ui.lang)]
    return [line(say("help", ui.lang), width, "title"), line("", width), *rows]
