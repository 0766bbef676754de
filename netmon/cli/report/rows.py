"""The rows of `netmon report`, as programs read them; what is not known is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from netmon.cli import output

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from netmon.report.utilisation import SlotWindow


def print_figures(
    rows: Sequence[DataclassInstance], kind: type[DataclassInstance], over: SlotWindow, form: str, **more: Any
) -> bool:
    """Prints rows of one kind as json (`more` beside them), jsonl or csv; False when people want a table."""
    window = {"from_s": over.start_s, "until_s": over.end_s}
    known = [{key: value for key, value in asdict(row).items() if value is not None} for row in rows]
    if form == "json":
        output.print_json({**window, **more, "rows": known})
        return True
    if form == "csv":
        names = [field.name for field in fields(kind)]
        output.print_csv([*names, *window], ({**asdict(row), **window} for row in rows))
        return True
    return output.print_rows([{**row, **window} for row in known], form)
