"""Names: a class name means one thing, a loop variable is a noun, bounds are max and min. What still stands may only shrink."""

from __future__ import annotations

import ast
import json
from typing import Any

import house
import pytest

KNOWN: dict[str, Any] = json.loads(house.KNOWN.read_text(encoding="utf-8"))


def test_a_class_name_has_one_meaning() -> None:
    twice = house.classes_standing_twice()
    assert {name: places for name, places in twice.items() if name not in KNOWN["twice"]} == {}


@pytest.mark.parametrize("room", house.ROOMS)
def test_no_name_is_an_empty_word(room: str) -> None:
    """Not `one`, `told` or `found`, and not most or least: `python tests/support/house.py words` says where they stand."""
    for word, count in house.still_standing()["words"][room].items():
        assert count <= KNOWN["words"][room].get(word, 0), word


def test_no_module_imports_what_imports_it() -> None:
    """Top-level, lazy and typing imports alike: who needs a lazy one to dodge a cycle has a noun in the wrong place."""
    assert house.cycles() == []


def test_names_of_measurements_stand_in_one_place() -> None:
    places = [
        f"{path}:{node.lineno}"
        for path, inside in house.nodes().items()
        for node in inside
        if path.startswith("netmon/") and isinstance(node, ast.Constant) and str(node.value).startswith("netmon_")
    ]
    assert [place for place in places if not place.startswith("netmon/fields.py:")] == []
