"""Names: a class name means one thing, a loop variable is a noun, bounds are max and min."""

from __future__ import annotations

import ast

import house


def test_a_class_name_has_one_meaning() -> None:
    assert house.classes_standing_twice() == {}


def test_no_name_is_an_empty_word() -> None:
    """`one`, `told`, `found` are no names: a loop variable is its noun, a result is called for what it is."""
    assert house.empty_words() == {}


def test_bounds_are_max_and_min() -> None:
    """Not most and least; keys of files keep the names people wrote."""
    assert house.superlatives() == {}


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
