"""What an import says to people of rows and columns, in Vietnamese and English; the texts stand in messages.txt."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from netmon.texts import read_texts
from probes.clean import clean

_TEXTS = read_texts(Path(__file__).with_name("messages.txt"))
_PLACE = {"vi": ("dòng {row}", "cột '{column}'"), "en": ("row {row}", "column '{column}'")}


class Remark(NamedTuple):
    """Something about one row (0: the whole file) and one column ("": the whole row). `left_out`: no room came of it."""

    row: int
    column: str
    code: str
    with_: dict[str, str]
    left_out: bool

    def what(self, lang: str) -> str:
        """What is the matter, harmless on a terminal."""
        return self._filled(_TEXTS[lang][self.code].partition(" → ")[0])

    def write(self, lang: str) -> str:
        """What to write instead."""
        return self._filled(_TEXTS[lang][self.code].partition(" → ")[2])

    def where(self, lang: str) -> str:
        """`row 12, column 'Mã xã'`."""
        row, column = _PLACE[lang]
        parts = [row.format(row=self.row)] if self.row else []
        return ", ".join([*parts, *([column.format(column=clean(self.column, 60))] if self.column else [])])

    def line(self, lang: str) -> str:
        """All of it in one line."""
        write = self.write(lang)
        text = f"{self.what(lang)} ({write})" if write else self.what(lang)
        return f"{self.where(lang)}: {text}" if self.row or self.column else text

    def _filled(self, text: str) -> str:
        return text.format(**{name: clean(value, 200) for name, value in self.with_.items()})
