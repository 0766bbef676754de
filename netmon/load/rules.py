"""A rules file → rules, with everything that is wrong with it at once; without a file the rules netmon ships."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import alerts
from alerts.base import OWN_KIND
from alerts.engine.log_buckets import PREFIX
from alerts.language.tree import Figure, figures_of
from alerts.language.vocabulary import ARRIVAL, EVENTS, OUTCOMES, RTT
from alerts.rules import Rule, RulesFile
from inventory.codes import SAY_NAME, is_name
from netmon import fields
from netmon.config.walker import decode
from netmon.config.walker.decode import Reader
from netmon.config.walker.value import meant
from probes import catalog
from probes.clean import clean
from probes.errors import BadSettings

PACKS = Path(alerts.__file__).parent / "pack"
PACK = PACKS / "default.yaml"
_Fault = tuple[str, str, str]  # key, what, write


def load(path: Path | None) -> tuple[Rule, ...]:
    """The rules of a file and its packs, or of the pack netmon ships; raises `ConfigError` with all faults."""
    file, reader = read(path or PACK)
    reader.check()
    return merged(file)


def pack_names() -> list[str]:
    """The packs netmon ships."""
    return sorted(path.stem for path in PACKS.glob("*.yaml"))


def merged(file: RulesFile) -> tuple[Rule, ...]:
    """Rules of its packs in their order, each replaced by the file's own of that name; then those that are only its own."""
    rules = {rule.name: rule for name in file.packs for rule in load(PACKS / f"{name}.yaml")}
    return tuple((rules | {rule.name: rule for rule in file.rules}).values())


def read(path: Path) -> tuple[RulesFile, Reader]:
    """A file of rules and its faults."""
    file, reader = decode.read(path, RulesFile)
    for name in file.packs:
        if name not in pack_names():
            write = meant(name, pack_names())
            reader.fault(reader.line_of(file, "packs"), "packs", f"'{clean(name, 60)}' is no pack", write)
    if not (file.rules or file.packs) and not reader.faults:
        reader.fault(reader.line_of(file), "rules", "has no rules", "write one `- …` a rule")
    reader.unique(file.rules, "name")
    for rule in file.rules:
        for key, what, write in (*_named(rule), *_kinds(rule), *_unmeasured(rule)):
            reader.fault(reader.line_of(rule), reader.path_of(rule, key), what, write)
    return file, reader


def _named(rule: Rule) -> Iterator[_Fault]:
    if rule.name and not is_name(rule.name):
        yield "name", f"'{clean(rule.name, 60)}' cannot be used here", SAY_NAME


def _kinds(rule: Rule) -> Iterator[_Fault]:
    for kind in rule.kinds:
        if kind == OWN_KIND:
            continue
        try:
            catalog.load(kind)
        except BadSettings:
            write = meant(kind, catalog.names())
            yield "kinds", f"'{clean(kind, 60)}' is not a probe kind", write
        except ImportError:  # its package is not installed here; the agents have it
            continue


def _unmeasured(rule: Rule) -> Iterator[_Fault]:
    """A fault for every field a condition asks for that none of the rule's kinds has."""
    names = {"outcome"}
    for kind in rule.kinds:
        try:
            known = fields.SELF if kind == OWN_KIND else catalog.load(kind).fields
            names |= {field.name for field in known}
        except (BadSettings, ImportError):
            return
    for key, tree in rule.trees.items() if rule.kinds else ():
        for name in sorted({_field(figure) for figure in figures_of(tree)} - names - {""}):
            kinds = ", ".join(rule.kinds)
            if name == PREFIX:
                yield key, f"{kinds} has no distribution of round trips", "ask for rtt of ping or stamp"
            else:
                yield key, f"{kinds} has no field '{name}'", meant(name, names - {PREFIX, "outcome"})


def _field(figure: Figure) -> str:
    """The field a function needs, "" when it needs none."""
    if figure.what == RTT:
        return PREFIX
    if figure.function in ("avg", "min", "max", "last", "changed", "rate", "slope", "p95_7d", "trend_7d"):
        return figure.what
    if figure.function == "age" and figure.what not in (*EVENTS, ARRIVAL):
        return figure.what
    if figure.function == "count" and figure.what not in ("reply", *OUTCOMES):
        return figure.what
    return ""
