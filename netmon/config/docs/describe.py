"""`python -m netmon.config.docs.describe` writes docs/config.md and docs/probes.md from the declarations; tests hold them
current."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netmon.config.docs import kinds
from netmon.config.docs.markdown import default_of, table
from netmon.config.roles import ROLES
from netmon.config.walker.shape import Key, record_of, shape_of
from netmon.config.walker.words import kind_of, limits_of

_HEAD = """\
# Files and settings

Made from the declarations in the code by `make docs`: change those, not this page.

Every file is YAML read as text: `00123` stays a code, `NO` stays a word. A duration, rate or size carries its unit (`5s`, `20Mbit`,
`3MB`). No anchors, aliases, tags or second document. Unknown keys are faults. Paths are relative to the file they stand in.
Secrets stand in files of their own; keys name those files.

`netmon config check FILE...` tells every fault of all files at once as `file:line: key: what is wrong (what to write)`, exit code 78.
A hub's file brings its inventory and rules along; agents' files are held against the inventory given with them. `netmon config show FILE` prints what takes effect and marks the
defaults. `netmon config sample ROLE` prints a file to begin with; `netmon config schema ROLE` prints its JSON Schema for editors:

```
netmon config schema agent > agent.schema.json      # first line of agent.yaml: # yaml-language-server: $schema=agent.schema.json
```
"""


def page() -> str:
    """The whole of docs/config.md."""
    parts = [_HEAD]
    for name, role in ROLES.items():
        parts.append(f"## `{role.file}`\n\n{role.what[0].upper()}{role.what[1:]} (`{name}`).\n")
        for path, record in _records(role.shape, ""):
            title = f"### `{path}` of `{role.file}`\n\n" if path else ""
            parts.append(f"{title}{_table(record)}")
    parts.append("Settings of the probe kinds stand in [probes.md](probes.md).\n")
    return "\n".join(parts)


def _records(cls: type[Any], path: str) -> Iterator[tuple[str, type[Any]]]:
    yield path, cls
    for key in shape_of(cls).keys:
        record = record_of(key.type)
        if record is not None:
            yield from _records(record, f"{path}.{key.name}" if path else key.name)


def _table(cls: type[Any]) -> str:
    return table(("key", "what it is", "value", "default"), map(_row, shape_of(cls).keys))


def _row(key: Key) -> tuple[str, ...]:
    value = ", ".join(filter(None, (kind_of(key), limits_of(key))))
    return f"`{key.name}`", key.meaning, value, default_of(key)


def main() -> int:
    """Write the pages into docs/ below the working directory, or into the folder named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs")
    (folder / "config.md").write_text(page(), encoding="utf-8")
    (folder / "probes.md").write_text(kinds.page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
