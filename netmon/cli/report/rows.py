"""The rows of `netmon report`, as programs read them; what is not known is left out."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from netmon.report.utilisation import Window


def told_as_data(
    rows: Sequence[DataclassInstance], kind: type[DataclassInstance], over: Window, output: str, **more: Any
) -> bool:
    """Prints rows of one kind as json (`more` beside them), jsonl or csv; False when people want a table."""
    window = {"from_s": over.start_s, "until_s": over.end_s}
    known = [{key: value for key, value in asdict(one).items() if value is not None} for one in rows]
    if output == "json":
        print(json.dumps({**window, **more, "rows": known}, ensure_ascii=False))
    elif output == "jsonl":
        for one in known:
            print(json.dumps({**one, **window}, ensure_ascii=False))
    elif output == "csv":
        names = [field.name for field in fields(kind)]
        sheet = csv.DictWriter(sys.stdout, [*names, *window], lineterminator="\n")
        sheet.writeheader()
        sheet.writerows({**one, **window} for one in known)
    else:
        return False
    return True
