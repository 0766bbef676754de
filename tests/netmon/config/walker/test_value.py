"""Single values: units, limits, words, and `--set`."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netmon.config.walker.shape import Key, shape_of
from netmon.config.walker.units import UNITS
from netmon.config.walker.value import Unreadable, parse_settings, scalar, seconds
from netmon.config.walker.words import kind_of, limits_of, quoted, said, yaml_of
from netmon.config.walker.yaml_text import Table, Text, parse
from netmon.errors import ConfigError
from probes.kinds.ping import PingSettings
from probes.kinds.sip.kind import SipSettings


def key(type: object = float, unit: str = "", **more: object) -> Key:
    """A key of a type."""
    values: dict[str, object] = {"low": None, "high": None, "choices": (), "secret": False, "default": None}
    return Key(name="k", attribute="k", type=type, meaning="what", unit=unit, **{**values, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "unit", "type", "value"),
    [
        ("500ms", "s", float, 0.5),
        ("1.5 h", "s", float, 5400.0),
        ("20Mbit", "bps", int, 20_000_000),
        ("0.5kbit", "bps", int, 500),
        ("3MB", "B", int, 3_000_000),
        ("1MiB", "B", int, 1_048_576),
    ],
)
def test_a_value_is_read_with_its_unit(text: str, unit: str, type: object, value: float) -> None:
    assert scalar(text, key(type, unit)) == value


@pytest.mark.parametrize(
    ("text", "unit", "type"),
    [("5", "s", float), ("5 bananas", "s", float), ("-5s", "s", float), ("5S", "s", float), ("5m", "bps", int),
     ("0.5B", "B", int), ("٥s", "s", float), ("1e3", "", int), ("nan", "", float), ("inf", "", float), ("٥", "", int),
     ("1_000", "", int), ("yes", "", bool), ("True", "", bool), ("1e999", "", float)],
)  # fmt: skip
def test_what_could_be_meant_otherwise_is_refused(text: str, unit: str, type: object) -> None:
    with pytest.raises(Unreadable):
        scalar(text, key(type, unit))


@given(st.sampled_from(sorted(UNITS)), st.integers(0, 10**12))
def test_a_whole_value_written_reads_back_as_itself(unit: str, value: int) -> None:
    assert UNITS[unit].parse(UNITS[unit].format(value)) == value


@given(st.floats(0, 1e6).map(lambda value: round(value, 3)))
def test_a_duration_written_reads_back_as_itself(value: float) -> None:
    assert scalar(yaml_of(said(value, key(float, "s"))), key(float, "s")) == value


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_is_quoted_so_that_it_reads_back_and_shows_harmlessly(text: str) -> None:
    line = quoted(text)
    faults: list[object] = []
    node = parse(f"k: {line}\n", lambda *fault: faults.append(fault))
    assert isinstance(node, Table) and node.entries[0].value == Text(text, 1, False) and not faults
    assert line.isprintable() and not {"\u202e", "\u200b"} & set(line)


def test_kinds_and_limits_are_said_in_words() -> None:
    assert kind_of(key(float, "s")) == "duration"
    assert kind_of(key(tuple[str, ...])) == "list of text"
    assert kind_of(key(str, choices=("a", "b", "c"))) == "a, b or c"
    assert limits_of(key(float, "s", low=0.05, high=60)) == "50ms to 1m"
    assert limits_of(key(int, low=3)) == "3 or more" and limits_of(key(int)) == ""


def test_settings_of_the_command_line_are_told_all_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_settings(["evry=1s", "size=x", "dscp", "timeout=9h"], PingSettings)
    assert str(caught.value).splitlines() == [
        "--set: evry: unknown key (did you mean every?)",
        "--set: size: 'x' is not a whole number (write digits, as 5)",
        "--set: dscp: has no value (write key=value)",
        "--set: timeout: '9h' is too high (write 1m or less)",
    ]
    assert parse_settings(["every=200ms", "size=100"], PingSettings) == PingSettings(every_s=0.2, size=100)


def test_a_secret_on_the_command_line_is_not_repeated() -> None:
    hidden = shape_of(SipSettings).by_name["password_file"]._replace(type=int)
    with pytest.raises(Unreadable, match="^the value is not a whole number"):
        scalar("hunter2", hidden)


def test_a_time_on_the_command_line_has_its_unit() -> None:
    assert seconds("90s") == 90.0
    with pytest.raises(ConfigError, match="'90' is not a duration"):
        seconds("90")


def test_reading_single_values_does_not_load_yaml() -> None:
    code = "import sys, netmon.config.walker.value; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
