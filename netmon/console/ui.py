"""Where the person is: which view, which row, what filter. A key press makes a new one. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netmon.console.state import ConsoleState


@dataclass(frozen=True, slots=True)
class Ui:
    """`opened`: ("incident"|"commune", id) or None for the overview; `cursor` counts selectable rows."""

    lang: str = "vi"
    cursor: int = 0
    opened: tuple[str, str] | None = None
    filter: str = ""
    typing: bool = False
    helping: bool = False
    quitting: bool = False


def choices(state: ConsoleState, ui: Ui) -> list[tuple[str, str]]:
    """What the cursor can stand on in the overview: incidents first, communes below."""
    rows = [("incident", str(row["id"])) for row in (*state.open_incidents(), *state.closed_incidents()[:3])]
    return rows + [("commune", str(row["id"])) for row in state.commune_rows(ui.filter)]


def press(ui: Ui, key: str, state: ConsoleState, page: int = 10) -> Ui:
    """The next place after `key` (a character or a name as `up`, `enter`, `esc`)."""
    if ui.typing:
        return _typed(ui, key)
    if key in ("q", "/"):
        return replace(ui, quitting=key == "q", typing=key == "/")
    if key == "l":
        return replace(ui, lang="en" if ui.lang == "vi" else "vi")
    if key == "?":
        return replace(ui, helping=not ui.helping)
    if key == "esc":
        return _back(ui)
    return _moved(ui, key, state, page)


def _typed(ui: Ui, key: str) -> Ui:
    if key == "enter":
        return replace(ui, typing=False)
    if key == "esc":
        return replace(ui, typing=False, filter="", cursor=0)
    if key == "backspace":
        return replace(ui, filter=ui.filter[:-1], cursor=0)
    if len(key) == 1 and key.isprintable() and len(ui.filter) < 60:
        return replace(ui, filter=ui.filter + key, cursor=0)
    return ui


def _back(ui: Ui) -> Ui:
    if ui.helping:
        return replace(ui, helping=False)
    if ui.opened:
        return replace(ui, opened=None)
    return replace(ui, filter="", cursor=0)


def _moved(ui: Ui, key: str, state: ConsoleState, page: int) -> Ui:
    if ui.opened or ui.helping:
        return ui
    rows = choices(state, ui)
    last = max(0, len(rows) - 1)
    here = min(ui.cursor, last)
    steps = {"up": -1, "down": 1, "pgup": -page, "pgdn": page, "home": -last, "end": last}
    if key == "enter" and rows:
        return replace(ui, opened=rows[here])
    return replace(ui, cursor=max(0, min(last, here + steps[key]))) if key in steps else ui
