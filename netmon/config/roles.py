"""The kinds of files there are, and which one a text is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from netmon.config.walker import yaml_text
from netmon.config.walker.shape import shape_of
from netmon.config.walker.yaml_text import Table
from probes import catalog
from probes.base import Kind

_KEY = re.compile(r"""^["']?([A-Za-z_]{1,40})["']?[ \t]*:""", re.MULTILINE)


class Role(NamedTuple):
    """One kind of file: its usual name, what it is, and where its declaration stands."""

    file: str
    what: str
    where: str

    @property
    def shape(self) -> type[Any]:
        """The dataclass the file is decoded into."""
        module, _, name = self.where.partition(":")
        cls: type[Any] = getattr(import_module(module), name)
        return cls


ROLES: dict[str, Role] = {
    "agent": Role("agent.yaml", "what one agent measures, and where it sends", "netmon.config.agent:AgentConfig"),
    "hub": Role("hub.yaml", "where a hub listens, what it keeps, whom it pages", "netmon.config.hub:HubConfig"),
    "inventory": Role("inventory.yaml", "what exists, and how it hangs together", "inventory.model:Inventory"),
    "rules": Role("rules.yaml", "what is a fault, and how grave it is", "alerts.rules:RulesFile"),
}


def role_of(path: Path, text: str) -> str | None:
    """The role of a file: the one that knows most of its keys (of two, the one that needs more of them), else the one
    its name tells; None when neither does."""
    keys = _top_keys(text)
    fits = {name: _fit(role, keys) for name, role in ROLES.items()}
    best = [name for name, fit in fits.items() if fit == max(fits.values()) and fit > (0, 0)]
    if len(best) == 1:
        return best[0]
    return next((name for name in best or ROLES if name in path.name.lower()), None)


def _fit(role: Role, keys: set[str]) -> tuple[int, int]:
    known = [key for key in shape_of(role.shape).keys if key.name in keys]
    return len(known), sum(key.needed for key in known)


def _top_keys(text: str) -> set[str]:
    """Keys of the outermost table, read without YAML's whole cost where they begin their lines."""
    if not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return set(_KEY.findall(text))
    node = yaml_text.parse(text, lambda *fault: None)
    return {entry.key for entry in node.entries} if isinstance(node, Table) else set()


def kinds() -> Iterable[Kind]:
    """All probe kinds whose packages are installed, by name."""
    for name in catalog.names():
        try:
            yield catalog.load(name)
        except ImportError:  # told by whoever wants to measure with it
            continue
