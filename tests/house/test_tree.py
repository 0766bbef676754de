"""The tree: families are folders, folders and files stay small, and ARCHITECTURE.md says what stands where."""

from __future__ import annotations

import ast
import re
import statistics
from pathlib import Path

import house

from probes.catalog import KINDS

PAGE = (house.ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
MAX_MODULES = 15
A_VERB_EACH = "netmon/cli"


def test_no_folder_holds_too_many_modules() -> None:
    crowded = {folder: len(stems) for folder, stems in house.folders().items() if len(stems) > MAX_MODULES}
    assert crowded.keys() <= {A_VERB_EACH}


def test_a_family_of_three_is_a_folder() -> None:
    assert house.families() == {}


def test_the_tests_mirror_the_tree() -> None:
    mirrored = {
        str(path.parent.relative_to(house.ROOT / "tests")) for path in (house.ROOT / "tests").rglob("test_*.py")
    }
    folders = {folder for folder in mirrored if folder.split("/")[0] in house.ROOMS}
    assert len(folders) > 40 and folders - set(house.folders()) == set()


def test_a_folder_of_one_kind_has_its_door_in_kind() -> None:
    doors: dict[str, list[str]] = {}
    for door in KINDS.values():
        package, _, module = door.partition(":")[0].rpartition(".")
        doors.setdefault(package, []).append(module)
    alone = {
        package: modules[0] for package, modules in doors.items() if package != "probes.kinds" and len(modules) == 1
    }
    assert len(alone) >= 8 and set(alone.values()) == {"kind"}


def test_files_stay_small() -> None:
    sizes = {path: house.lines(path) for path in house.modules()}
    assert {path: size for path, size in sizes.items() if size > 450} == {}
    assert statistics.median(size for size in sizes.values() if size) <= 150


def test_functions_stay_small() -> None:
    lengths = {f"{path}:{node.name}": (node.end_lineno or 0) - node.lineno + 1 for path, node in house.functions()}
    assert {name: length for name, length in lengths.items() if length > 60} == {}
    assert statistics.median(lengths.values()) <= 7
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 20


def test_the_page_says_one_sentence_of_every_folder_and_of_no_other() -> None:
    said = re.findall(r"^- `([a-z0-9_/]+)/`: (.+)$", PAGE, re.MULTILINE)
    assert [folder for folder, _ in said] == sorted(house.folders())
    plain = {folder: sentence.removesuffix(" Pure.") for folder, sentence in said}
    assert [folder for folder, text in plain.items() if not text.endswith(".") or re.search(r"\. [A-Z]", text)] == []
    assert len(PAGE.splitlines()) <= 150


def test_every_path_the_page_names_is_there() -> None:
    named = {path for path in re.findall(r"[`(]([A-Za-z0-9_./]+/[A-Za-z0-9_./]*)[`)]", PAGE) if "VERB" not in path}
    assert len(named) > 80 and [path for path in sorted(named) if not (house.ROOT / path).exists()] == []


def test_the_walk_of_a_measurement_has_stations_that_are_there() -> None:
    stations = re.findall(r"^(\d+)\. `([a-z0-9_/]+\.py)` \(`([A-Za-z_.]+)`\) ", PAGE, re.MULTILINE)
    assert [int(number) for number, _, _ in stations] == list(range(1, len(stations) + 1)) and 10 <= len(stations) <= 20
    gone = [f"{path}: {name}" for _, path, name in stations if not set(name.split(".")) <= _defined(path)]
    assert gone == []
    assert Path(stations[0][1]).parts[:2] == ("probes", "io") and "outbox" in stations[-1][1]


def _defined(path: str) -> set[str]:
    """Names of a module's functions, classes and methods."""
    inside = house.nodes().get(path, ())
    return {node.name for node in inside if isinstance(node, house.Function | ast.ClassDef)}


EXAMPLES = {"probes/kinds/echo.py", "netmon.probes"}  # of docs/probes/adding.md, and the group of entry points


def test_modules_that_texts_name_are_there() -> None:
    pages = [*(house.ROOT / "docs").rglob("*.md"), house.ROOT / "README.md", *map(house.ROOT.joinpath, house.modules())]
    gone: list[str] = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        paths = re.findall(r"\b((?:alerts|inventory|netmon|probes|tests)/[a-z0-9_/]+\.py)\b", text)
        gone += [f"{page.name}: {path}" for path in paths if not (house.ROOT / path).is_file() and path not in EXAMPLES]
        names = re.findall(r"`((?:alerts|inventory|netmon|probes)(?:\.(?!yaml\b)\w+)+)`", text)
        gone += [f"{page.name}: {name}" for name in names if not _is_module(name) and name not in EXAMPLES]
    assert gone == []


def _is_module(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    place = house.ROOT / name.replace(".", "/")
    return (
        any(path.with_suffix(".py").is_file() for path in (place, place.parent, place.parent.parent)) or place.is_dir()
    )
