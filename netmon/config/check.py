"""One check of an agent's file: its own keys and its kind's settings stand side by side and are told apart here.

Only the kinds a file names are imported.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netmon.config.agent import CheckConfig
from netmon.config.walker.decode import Reader
from netmon.config.walker.shape import shape_of
from netmon.config.walker.value import Unreadable, meant, scalar
from netmon.config.walker.yaml_text import Entry, Node, Table, Text
from probes import catalog
from probes.base import Kind
from probes.clean import clean
from probes.errors import BadSettings

NO_TARGET = ("host",)  # kinds that measure the machine they run on
EVERY_S = 10.0  # for a kind that says nothing itself


def decode_check(reader: Reader, node: Node, key: str) -> CheckConfig:
    """A check with its settings decoded against its kind; faults go to the reader."""
    if not isinstance(node, Table):
        return reader.record(node, CheckConfig, key, given={"settings": None})
    own = shape_of(CheckConfig).by_name
    common = [entry for entry in node.entries if entry.key in own]
    config = reader.record(Table(tuple(common), node.line), CheckConfig, key, given={"settings": None})
    rest = tuple(entry for entry in node.entries if entry.key not in own)
    kind = _kind(reader, config, common, key)
    if kind is None:
        return config
    if not config.target and kind.name not in NO_TARGET and kind.name in catalog.KINDS:
        reader.fault(node.line, f"{key}.target", "is missing", "address, name, or host:port")
    _also(reader, kind, config, common, key)
    if config.run_when and kind.watch is not None:
        reader.fault(node.line, f"{key}.run_when", f"{kind.name} runs all the time", "only other kinds run at once")
    settings = _settings(reader, kind.settings, Table(rest, node.line), config, common, key)
    every_s = config.every_s or getattr(settings, "every_s", EVERY_S)
    return reader.note(replace(config, settings=settings, every_s=every_s), node.line, key, node)


def _also(reader: Reader, kind: Kind, config: CheckConfig, common: list[Entry], key: str) -> None:
    """Values asked for must be values the kind can tell."""
    names = sorted(field.name for field in kind.fields)
    line = next((entry.line for entry in common if entry.key == "also"), 0)
    for name in config.also:
        if name not in names:
            reader.fault(line, f"{key}.also", f"'{clean(name, 60)}' is not a value of {kind.name}", meant(name, names))


def _kind(reader: Reader, config: CheckConfig, common: list[Entry], key: str) -> Kind | None:
    written = next((entry for entry in common if entry.key == "kind" and isinstance(entry.value, Text)), None)
    if written is None or not config.kind:
        return None
    try:
        return catalog.load(config.kind)
    except BadSettings:
        write = meant(config.kind, catalog.names())
        reader.fault(written.line, f"{key}.kind", f"'{clean(config.kind, 60)}' is not a probe kind", write)
    except ImportError as fault:
        what = f"'{clean(config.kind, 60)}' needs {fault.name or 'a package'}, which is not installed"
        reader.fault(written.line, f"{key}.kind", what, "install cpnet-netmon[all]")
    return None


def _settings(reader: Reader, cls: type[Any], rest: Table, config: CheckConfig, common: list[Entry], key: str) -> Any:
    shape = shape_of(cls)
    every = next((known for known in shape.keys if known.attribute == "every_s"), None)
    if every is not None:
        written = next((entry for entry in common if entry.key == "every"), None)
        if written is not None and isinstance(written.value, Text):
            _narrower(reader, written, every, key)
    given = {"every_s": config.every_s} if every is not None and config.every_s else {}
    own = shape_of(CheckConfig).by_name
    known = [name for name in shape.by_name if name != "every"]
    good = []
    for entry in rest.entries:
        if entry.key in known:
            good.append(entry)
        else:
            reader.unknown(entry, key, (*own, *known))
    return reader.record(rest._replace(entries=tuple(good)), cls, key, given=given)


def _narrower(reader: Reader, written: Entry, every: Any, key: str) -> None:
    """The kind's own limits of `every`; what cannot be read at all was told already."""
    assert isinstance(written.value, Text)
    try:
        scalar(written.value.text, every)
    except Unreadable as fault:
        if "is too" in fault.what and not any(problem.key == f"{key}.every" for _, problem in reader.faults):
            reader.fault(written.line, f"{key}.every", fault.what, fault.write)
