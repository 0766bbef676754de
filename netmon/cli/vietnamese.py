"""What `--help` and faults say in Vietnamese; the texts stand in vietnamese.txt. Loaded where the language asks for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from netmon.errors import Problem

Pairs = tuple[tuple[str, str], ...]
_TEXTS = Path(__file__).with_name("vietnamese.txt")
_QUOTED = r"('(?:[^']|'(?=\w))*'|\S+)"  # {Q} there: a quoted word


@cache
def _sections() -> dict[str, Pairs]:
    """Every section's pairs, English and Vietnamese, in the file's order."""
    sections = dict[str, list[str]]()
    for line in _TEXTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            texts = sections[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            texts.append(line)
    return {name: tuple(_pairs(texts)) for name, texts in sections.items()}


def _pairs(texts: list[str]) -> Iterator[tuple[str, str]]:
    for english, vietnamese in zip(texts[::2], texts[1::2], strict=True):
        yield english.replace("{Q}", _QUOTED), vietnamese.removeprefix("    ")


def help_text(text: str) -> str:
    """One text of `--help`; one that nobody has turned stays English."""
    if text == "usage: ":
        return "cách dùng: "
    return dict(_sections()["help"]).get(text) or _turned(text, "help patterns")


def usage(message: str) -> str:
    """What argparse says of a command line it does not understand."""
    return _turned(message, "usage")


def what(text: str) -> str:
    """What is wrong; the system's and YAML's own words behind the last colon, too."""
    head, colon, tail = text.rpartition(": ")
    return _turned(head + colon + dict(_sections()["system"]).get(tail, tail), "faults")


def said(text: str) -> str:
    """Why a verb could not do its work: the agent, the hub, this machine or its system says no."""
    vietnamese = _turned(text, "said")
    if vietnamese != text:
        return vietnamese
    parts = re.fullmatch(r"(.+) \((.+)\)", text, re.DOTALL)
    return f"{what(parts[1])} ({write(parts[2])})" if parts else what(text)


def write(text: str) -> str:
    """What to write instead."""
    return "; ".join(_turned(part, "write") for part in text.split("; "))


def why(text: str) -> str:
    """Why a measurement failed, or a destination takes nothing."""
    return ": ".join(_turned(part, "reasons") for part in text.split(": "))


def problems(faults: Iterable[Problem]) -> str:
    """Faults of files or arguments, one a line."""
    names = {"command line": "dòng lệnh"}
    return "\n".join(
        str(Problem(names.get(fault.where, fault.where), fault.key, what(fault.what), write(fault.write)))
        for fault in map(_with_way_out, faults)
    )


def _with_way_out(fault: Problem) -> Problem:
    """A fault whose way out stands in brackets at its end, as exceptions of the measuring part have it."""
    parts = (
        None if fault.write else re.fullmatch(r"(.+?) \(((?:write|known:|did you mean) ?.*)\)", fault.what, re.DOTALL)
    )
    return replace(fault, what=parts[1], write=parts[2]) if parts else fault


def _turned(text: str, section: str) -> str:
    for pattern, vietnamese in _sections()[section]:
        match = re.fullmatch(pattern, text, re.DOTALL)
        if match:
            return match.expand(vietnamese)
    return text
