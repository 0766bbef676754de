"""`python -m netmon.config.describe` writes docs/config.md from the declarations; a test holds it current."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from netmon.config.roles import ROLES, kinds
from netmon.config.shape import Key, record_of, shape_of
from netmon.config.words import kind_of, limits_of, written

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
    parts.append(
        "## Settings of the probe kinds\n\nBeside a check's own keys, or with `netmon probe KIND TARGET --set key=value`.\n"
    )
    parts += [f"### `{kind.name}`\n\n{_sentence(kind.meaning)}{_table(kind.settings)}" for kind in kinds()]
    return "\n".join(parts)


def _records(cls: type[Any], path: str) -> Iterator[tuple[str, type[Any]]]:
    yield path, cls
    for key in shape_of(cls).keys:
        record = record_of(key.type)
        if record is not None:
            yield from _records(record, f"{path}.{key.name}" if path else key.name)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}.\n\n" if text else ""


def _table(cls: type[Any]) -> str:
    rows = ["| key | what it is | value | default |", "|---|---|---|---|"]
    for key in shape_of(cls).keys:
        value = ", ".join(filter(None, (kind_of(key), limits_of(key))))
        rows.append(f"| `{key.name}` | {_cell(key.meaning)} | {_cell(value)} | {_default(key)} |")
    return "\n".join(rows) + "\n"


def _default(key: Key) -> str:
    if key.needed:
        return "must be written"
    if not key.stated:
        return "not set"
    if record_of(key.type) is not None:
        return "none" if isinstance(key.default, tuple) else "see below"
    text = written(key.default, key)
    return "empty" if text in ('""', "[]") else f"`{_cell(text)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page into docs/ below the working directory, or to the file named."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/config.md")
    target.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
