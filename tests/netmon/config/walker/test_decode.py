"""The one walker: every fault of a file at once, each with its place, and nothing but `ConfigError` whatever stands there."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netmon.config import files
from netmon.config.roles import ROLES
from netmon.config.walker import decode, yaml_text
from netmon.config.walker.shape import record_of, shape_of
from netmon.errors import ConfigError
from netmon.load import inventory
from probes.settings import setting

AGENT = """\
agent: c1
site: c1
commune: 00123
destinations:
  - {name: hub, url: "https://hub.example:8443", token_file: agent.token}
checks:
  - {check: up, kind: ping, target: 192.0.2.1, every: 1s}
"""
BROKEN = """\
agnt: c1
site: c 1
commune: 123
province: NO
flush_every: 10
spool: {quota: 3 MB, segment: 5 bananas, backlog_rate: 1}
contacts:
  - {about: lnk, who: VNPT}
destinations:
  - {name: hub, url: "ftp://hub", token_file: agent.token}
  - name: hub
    url: https://user:hunter2@hub.example
checks:
  - {check: up, kind: pin, target: 192.0.2.1, every: 1s}
  - {check: up, kind: ping, every: 1}
  - {check: down, kind: ping, target: 192.0.2.1, every: 1ms, siz: 64, dscp: 64, timeout: [1s]}
  - 7
"""


def read(text: str) -> Any:
    """An agent's file from its text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return files.load_agent(path)


def told(text: str) -> list[str]:
    """`line: key: what (write)` of every fault of an agent's file."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [str(one).partition("agent.yaml:")[2] for one in caught.value.problems]


def test_every_fault_is_told_at_once_by_line_with_what_to_write() -> None:
    assert told(BROKEN) == [
        "1: agnt: unknown key (did you mean agent?)",
        "1: agent: is missing (name of this agent, unique in the network)",
        "2: site: 'c 1' cannot be used here (write letters, digits, . _ and -, at most 64, beginning with a letter or digit)",
        "3: commune: '123' cannot be used here (write five digits, as 00123)",
        "4: province: 'NO' cannot be used here (write two digits, as 01)",
        "5: flush_every: '10' is not a duration (write 500ms, 5s, 10m, 2h or 1d)",
        "6: spool.segment: '5 bananas' is not a size (write 256kB, 3MB, 1MiB or 2GB)",
        "6: spool.backlog_rate: '1' is not a rate (write 64kbit, 20Mbit or 2Gbit)",
        "8: contacts[1].about: 'lnk' is not known (did you mean link?)",
        "10: destinations[1].url: is not a web address (write https://host:port)",
        "11: destinations[2].name: 'hub' is already taken in line 10 (choose another name)",
        "12: destinations[2].url: has a user or password in it (put the secret into a file and name the file)",
        "14: checks[1].kind: 'pin' is not a probe kind (did you mean ping?)",
        "15: checks[2].every: '1' is not a duration (write 500ms, 5s, 10m, 2h or 1d)",
        "15: checks[2].target: is missing (address, name, or host:port)",
        "15: checks[2].check: 'up' is already taken in line 14 (choose another name)",
        "16: checks[3].every: '1ms' is too low (write 10ms or more)",
        "16: checks[3].siz: unknown key (did you mean size?)",
        "16: checks[3].dscp: '64' is too high (write 63 or less)",
        "16: checks[3].timeout: is a list, not a single value (write 500ms, 5s, 10m, 2h or 1d)",
        "17: checks[4]: is not a table (write its keys below it, one a line: key: value)",
    ]


def test_two_with_one_name_are_found_in_one_line_too() -> None:
    one = '{"check": "a", "kind": "host"}'
    text = f'{{"agent": "a", "site": "a", "destinations": [], "checks": [{one}, {one}]}}'
    assert told(text) == ["1: checks[2].check: 'a' is already taken in line 1 (choose another name)"]


def test_empty_items_of_lists_are_faults_and_nothing_else() -> None:
    text = AGENT + "  -\n  - ''\ncontacts: ['', 1]\n"
    assert told(text) == [
        "8: checks[2]: is not a table (write its keys below it, one a line: key: value)",
        "9: checks[3]: is not a table (write its keys below it, one a line: key: value)",
        "10: contacts[1]: is not a table (write its keys below it, one a line: key: value)",
        "10: contacts[2]: is not a table (write its keys below it, one a line: key: value)",
    ]


def test_secrets_are_never_repeated() -> None:
    assert not any("hunter2" in line for line in told(BROKEN))
    text = AGENT.replace("token_file: agent.token", "token_file: {a: hunter2}")
    assert told(text) == [
        "5: destinations[1].token_file: is a table, not a single value (file with the token (hub, influxdb))"
    ]


def test_text_stays_text() -> None:
    config = read(AGENT.replace("name: hub,", "name: NO,").replace("up,", "1e3,"))
    assert (config.commune, config.destinations[0].name, config.checks[0].check) == ("00123", "NO", "1e3")


def test_a_check_without_a_time_has_its_kinds_own() -> None:
    config = read(AGENT.replace(", every: 1s", "") + "  - {check: bulk, kind: throughput, target: 192.0.2.1}\n")
    assert [one.every_s for one in config.checks] == [1.0, 3600.0]
    assert [one.settings.every_s for one in config.checks] == [1.0, 3600.0]


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT)
    config = files.load_agent(tmp_path / "agent.yaml")
    assert config.destinations[0].token_file == str(tmp_path / "agent.token")
    assert config.state_dir == "/var/lib/netmon/agent"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "1: is empty (netmon config sample prints a file to begin with)"),
        ("# nothing\n", "1: is empty (netmon config sample prints a file to begin with)"),
        ("agent: c1\n\tsite: c1\n", "2: is not YAML: "),
        ("agent: 'c1\nsite: c1\n", "3: is not YAML: "),
        ("agent: c1\nsite: [a, b\n", "3: is not YAML: "),
        ("agent: a: b\n", "1: is not YAML: "),
        ("- agent\n- site\n", "1: is not a table (write its keys below it, one a line: key: value)"),
        ("agent: &a c1\nsite: *a\n", "1: &a: anchors are not read (write the value wherever it is needed)"),
        ("agent: !!str c1\n", "1: tag:yaml.org,2002:str: tags are not read (remove it: every value is text)"),
        ("agent: c1\nagent: c2\n", "2: agent: is written twice, first in line 1 (keep one)"),
        ("agent: c1\n---\nagent: c2\n", "2: a second document begins here (one file holds one document: remove ---)"),
        ("agent:\n  - [c1]\n", "2: agent: is a list, not a single value"),
        ("agent:\nsite: c1\n", "1: agent: has no value (name of this agent, unique in the network)"),
        ('agent: ""\nsite: c1\n', "1: agent: has no value (name of this agent, unique in the network)"),
        ("agent: c1\ncontacts:\n", "2: contacts: has no value (write one, or leave the key out)"),
        ("a: " + "[" * 40 + "]" * 40, "1: is nested deeper than 32 levels"),
        ("agent: \x01\n", "1: is not YAML: "),
        ("\ud800: 1\n", "1: is not UTF-8 text"),
    ],
)
def test_what_is_no_good_yaml_is_told_with_its_line(text: str, line: str) -> None:
    assert any(one.startswith(line) for one in told(text)), told(text)


def test_aliases_of_a_billion_laughs_are_refused_at_once() -> None:
    text = "a: &a [x, x]\n" + "".join(f"b{at}: &b{at} [*a, *a]\n" for at in range(9))
    assert sum("aliases are not read" in line for line in told(text)) == 18


def test_a_file_that_is_too_big_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("#" * (yaml_text.MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="is larger than 1048576 bytes"):
        files.load_agent(path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        files.load_agent(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        files.load_agent(tmp_path)


def test_hostile_text_in_a_fault_is_harmless() -> None:
    lines = told('"\\e[31m\\u202e": 1\nagent: "[/oops]\\e]0;x\\a"\nsite: c1\n')
    assert lines and not {"\x1b", "\u202e", "\x07"} & set("".join(lines))
    assert any("[/oops]" in line for line in lines)


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_is_a_file_or_a_config_error(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        for load in (files.load_agent, files.load_hub, inventory.load):
            with pytest.raises(ConfigError):
                load(path)


def _tables(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Tables with the keys of a dataclass, some left out, the values right, strange or of another kind."""
    words = st.sampled_from(
        ["a", "b", "core", "commune", "province", "01", "00123", "5s", "20Mbit", "", "\u202e", "-1"]
    )
    odd = st.one_of(words, st.text(max_size=5), st.none(), st.lists(words, max_size=2))
    values = {
        key.name: odd
        if record_of(key.type) is None
        else st.one_of(st.lists(_tables(record_of(key.type) or cls), max_size=4), odd)
        for key in shape_of(cls).keys
    }
    return st.fixed_dictionaries({}, optional=values)


@pytest.mark.parametrize("role", ["agent", "hub", "inventory"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_tables_are_a_file_or_a_config_error(role: str, data: st.DataObject) -> None:
    text = json.dumps(data.draw(_tables(ROLES[role].shape)))
    read: Any = {"agent": files.read_agent, "hub": files.read_hub, "inventory": inventory.read}[role]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.yaml"
        path.write_text(text)
        try:
            _, reader = read(path)
            assert all(line > 0 for line, _ in reader.faults)
        except ConfigError:
            pass


def test_values_asked_for_are_those_the_kind_can_tell() -> None:
    good = AGENT.replace("every: 1s", "every: 1s, also: [ttl, late]")
    assert read(good).checks[0].also == ("ttl", "late")
    assert told(AGENT.replace("every: 1s", "also: [ttl, lat]")) == [
        "7: checks[1].also: 'lat' is not a value of ping (did you mean late?)"
    ]


@dataclass(frozen=True)
class _Places:
    where_is: Mapping[str, int] = setting("a number for each name people choose", key="of")


def test_a_table_with_names_of_peoples_own_is_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("of: {a: 1, 007: 2}\n")
    (tmp_path / "bad.yaml").write_text("of: {a: x, b: [2]}\n")
    (tmp_path / "flat.yaml").write_text("of: 3\n")
    assert decode.read(tmp_path / "good.yaml", _Places)[0].where_is == {"a": 1, "007": 2}
    problems = decode.read(tmp_path / "bad.yaml", _Places)[1].problems()
    assert [problem.key for problem in problems] == ["of.a", "of.b"]
    assert "is not a table" in str(decode.read(tmp_path / "flat.yaml", _Places)[1].problems()[0])
