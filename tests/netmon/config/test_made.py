"""What is made from the declarations: schemas, samples, the page of docs, and what `config show` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT

from netmon.config import show
from netmon.config.docs import describe, kinds
from netmon.config.docs.sample import sample
from netmon.config.docs.schema import schema
from netmon.config.roles import ROLES, role_of
from netmon.config.walker import yaml_text
from netmon.config.walker.shape import record_of, shape_of
from netmon.config.walker.yaml_text import Node, Rows, Table
from netmon.load import check as load_check
from probes import catalog


def _records(cls: type[Any]) -> Iterator[type[Any]]:
    yield cls
    for key in shape_of(cls).keys:
        record = record_of(key.type)
        if record is not None:
            yield from _records(record)


@pytest.mark.parametrize("role", ROLES)
def test_every_key_says_what_it_means(role: str) -> None:
    for cls in _records(ROLES[role].shape):
        assert all(key.meaning for key in shape_of(cls).keys), cls


@pytest.mark.parametrize("role", ROLES)
def test_a_sample_is_a_good_file_and_names_every_key(role: str, tmp_path: Path) -> None:
    path = tmp_path / ROLES[role].file
    path.write_text(sample(role), encoding="utf-8")
    _, reader = load_check.READ[role](path)
    assert reader.problems() == ()
    assert role_of(Path("x"), path.read_text(encoding="utf-8")) == role
    keys = {key.name for cls in _records(ROLES[role].shape) for key in shape_of(cls).keys}
    assert [name for name in keys if f"# {name}: " not in sample(role)] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_comment_of_a_sample_is_what_happens_without_it(role: str, tmp_path: Path) -> None:
    """Uncommenting every single value at the top changes nothing."""
    path = tmp_path / ROLES[role].file
    path.write_text(sample(role), encoding="utf-8")
    before = load_check.load(path, role)
    names = [key.name for key in shape_of(ROLES[role].shape).keys if key.stated and record_of(key.type) is None]
    lines = sample(role).splitlines()
    for name in names:
        told = [number for number, line in enumerate(lines) if line.startswith(f"# {name}: ")]
        for at in told[1:]:  # the first says what it means
            lines[at] = lines[at].removeprefix("# ")
    path.write_text("\n".join(lines), encoding="utf-8")
    after = load_check.load(path, role)
    assert after.reader.problems() == () and after.record == before.record


def _known(node: Node, at: dict[str, Any], root: dict[str, Any], path: str) -> list[str]:
    """Keys of a tree that a schema does not know (kinds' settings count as known)."""
    at = root["$defs"][at["$ref"].rpartition("/")[2]] if "$ref" in at else at
    if isinstance(node, Rows):
        return [one for item in node.items for one in _known(item, at["items"], root, path)]
    if not isinstance(node, Table):
        return [] if at["type"] in ("string", "integer", "number", "boolean") else [path]
    properties = dict(at["properties"])
    for kind in at.get("allOf", ()):
        properties |= kind["then"]["properties"]
    strange = [f"{path}.{entry.key}" for entry in node.entries if entry.key not in properties]
    for entry in node.entries:
        if entry.key in properties:
            strange += _known(entry.value, properties[entry.key], root, f"{path}.{entry.key}")
    return strange


@pytest.mark.parametrize("role", ROLES)
def test_a_schema_knows_every_key_of_the_examples(role: str) -> None:
    found = schema(role)
    json.dumps(found)
    node = yaml_text.parse((ROOT / "examples" / ROLES[role].file).read_text(encoding="utf-8"), lambda *fault: None)
    assert node is not None and _known(node, found, found, role) == []


def test_a_schema_holds_limits_words_units_and_the_settings_of_each_kind() -> None:
    found = schema("agent")
    assert found["required"] == ["agent", "site", "destinations", "checks"] and not found["additionalProperties"]
    assert found["properties"]["lang"]["enum"] == ["vi", "en"]
    assert found["properties"]["flush_every"]["pattern"] == r"^\d+(\.\d+)? ?(ms|s|m|h|d)$"
    check = found["$defs"]["CheckConfig"]
    assert "default" not in check["properties"]["every"]
    assert [one["if"]["properties"]["kind"]["const"] for one in check["allOf"]] == list(catalog.names())
    ping = next(one for one in check["allOf"] if one["if"]["properties"]["kind"]["const"] == "ping")
    assert ping["then"]["properties"]["dscp"] == {
        "type": "integer", "minimum": 0, "maximum": 63, "description": "DSCP of the packets", "default": 0,
    }  # fmt: skip


def test_the_page_of_settings_is_current() -> None:
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == describe.page(), "make docs"


def test_the_page_of_probe_kinds_is_current() -> None:
    assert (ROOT / "docs" / "probes.md").read_text(encoding="utf-8") == kinds.page(), "make docs"


@pytest.mark.parametrize("name", catalog.names())
def test_the_page_of_probe_kinds_names_every_setting_and_value_with_its_meaning(name: str) -> None:
    kind = catalog.load(name)
    _, _, rest = kinds.page().partition(f"\n## {name}\n")
    section = rest.partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert len(rows) == len(shape_of(kind.settings).keys) + len(kind.fields)
    assert all(f"| `{key.name}` |" in section for key in shape_of(kind.settings).keys)
    assert all(any(one.name in row and one.meaning.replace("|", "\\|") in row for row in rows) for one in kind.fields)
    assert (ROOT / "docs" / "probes" / f"{name}.md").is_file()


@pytest.mark.parametrize("role", ROLES)
def test_what_is_shown_reads_back_as_the_same(role: str, tmp_path: Path) -> None:
    one = load_check.load(ROOT / "examples" / ROLES[role].file)
    assert one.role == role
    again = tmp_path / "again.yaml"
    again.write_text("\n".join(show.lines(show.rows(one.record, one.reader))), encoding="utf-8")
    other = load_check.load(again, role)
    assert other.reader.problems() == ()
    assert other.record == one.record


def test_defaults_are_marked_and_a_secret_that_is_no_file_is_not_shown(tmp_path: Path) -> None:
    one = load_check.load(ROOT / "examples" / "agent.yaml")
    lines = list(show.lines(show.rows(one.record, one.reader)))
    assert "agent: c00004" in lines and "state_dir: /var/lib/netmon/agent  # default" in lines
    assert "    dscp: 0  # default" in lines and "    every: 1s" in lines
    assert "    token_file: /run/credentials/netmon-agent.service/token" in lines
    plain = show.plain(show.rows(one.record, one.reader))
    assert plain["flush_every"] == {"value": "10s", "default": False}
    assert plain["lang"] == {"value": "vi", "default": True}


def test_a_role_is_found_from_the_keys_then_from_the_name() -> None:
    assert role_of(Path("x.yaml"), "hub_site: core\nsites: []\n") == "inventory"
    assert role_of(Path("x.yaml"), '{"listen": "127.0.0.1:1", "name": "a"}') == "hub"
    assert role_of(Path("x.yaml"), "rules: []\n") == "rules"
    assert role_of(Path("x.yaml"), "rules: r.yaml\nlisten: a\n") == "hub"
    assert role_of(Path("x.yaml"), "contacts:\n") is None
    assert role_of(Path("agent-2.yaml"), "contacts:\n") == "agent"
    assert role_of(Path("my-rules.yaml"), "") == "rules"
    assert role_of(Path("x.yaml"), "a: [") is None
