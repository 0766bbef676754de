"""How verbs print: a table for people; JSON, JSON lines or CSV for programs. The one place that does."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from probes.clean import clean

_SPANS = ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def argument(parser: argparse.ArgumentParser, *forms: str) -> None:
    """The option `-o`: a table, or one of `forms` (json, jsonl, csv)."""
    parser.add_argument("-o", "--output", choices=("table", *forms), default="table")


def print_json(value: Any) -> None:
    """One JSON text on one line."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_rows(rows: Sequence[Mapping[str, Any]], form: str) -> bool:
    """Rows as one JSON list, or as JSON lines; False when people want a table."""
    if form == "json":
        print_json(rows)
    elif form == "jsonl":
        for row in rows:
            print_json(row)
    return form != "table"


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], newline: str = "\n") -> None:
    """A sheet; what a spreadsheet would take for a formula is quoted as text."""
    sheet = csv.writer(sys.stdout, lineterminator=newline)
    sheet.writerow(columns)
    for row in rows:
        sheet.writerow(["" if row[name] is None else _defuse_formula(row[name]) for name in columns])


def _defuse_formula(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple("=+-@\t\r")) else cell


def print_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], args: argparse.Namespace, none: Mapping[str, str]
) -> None:
    """A table: drawn on a terminal, else columns parted by tabs; `none` is said on stderr when there is no row."""
    if not rows:
        print(none[args.lang or "vi"], file=sys.stderr)
        return
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: never markup of somebody else
    Console(no_color=args.no_color or None).print(table)


def cells(values: Iterable[object], width: int = 300) -> tuple[str, ...]:
    """Values as a table's cells: text, cleaned, at most `width` characters each."""
    return tuple(clean(str(value), width) for value in values)


def span(seconds: float) -> str:
    """`2h 5m`: the two largest units."""
    left, parts = int(max(0.0, seconds)), list[str]()
    for size, unit in _SPANS:
        many, left = divmod(left, size)
        if many:
            parts.append(f"{many}{unit}")
    return " ".join(parts[:2]) or "0s"
