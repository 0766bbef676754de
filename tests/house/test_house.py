"""The house: public things say what they mean, nothing swallows errors, help costs little."""

from __future__ import annotations

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from house import ROOT, Function, functions, modules, nodes

HEAVY = {
    "rich",
    "numpy",
    "duckdb",
    "cryptography",
    "influxdb_client",
    "scapy",
    "pysnmp",
    "gufo",
    "asyncssh",
    "starlette",
    "uvicorn",
    "yaml",
    "psutil",
}


def test_public_things_say_what_they_mean() -> None:
    silent = [name for name, tree in modules().items() if ast.get_docstring(tree) is None and tree.body]
    silent += [
        f"{name}:{node.name}"
        for name, node in functions()
        if _is_public(node) and ast.get_docstring(node) is None and _at_top(name, node)
    ]
    assert silent == []


def _is_public(node: Function) -> bool:
    return not node.name.startswith("_")


def _at_top(name: str, node: ast.AST) -> bool:
    tree = modules()[name]
    public = [kind for kind in tree.body if isinstance(kind, ast.ClassDef) and not kind.name.startswith("_")]
    return node in tree.body or any(node in kind.body for kind in public)


def test_no_error_is_swallowed() -> None:
    broad = [
        f"{name}:{node.lineno}"
        for name, inside in nodes().items()
        for node in inside
        if isinstance(node, ast.ExceptHandler)
        and _is_broad(node)
        and all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
    ]
    assert broad == []


def _is_broad(node: ast.ExceptHandler) -> bool:
    return node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")


def test_nothing_evaluates_text_or_trusts_blindly() -> None:
    names = {"eval", "exec"}
    calls = [
        f"{name}:{node.lineno}"
        for name, inside in nodes().items()
        for node in inside
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]
    assert calls == []
    text = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in modules())
    assert "known_hosts=" + "None" not in text


def test_nothing_waits_in_a_way_that_may_swallow_a_cancellation() -> None:
    """Before Python 3.12 `asyncio.wait_for` loses a cancellation that meets the end of what it waits for."""
    calls = [
        f"{name}:{node.lineno}"
        for name, inside in nodes().items()
        for node in inside
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "asyncio.wait_for"
    ]
    assert calls == []


@pytest.mark.parametrize("words", [["--help"], ["probe", "--help"]])
def test_help_costs_little_and_imports_nothing_heavy(words: list[str]) -> None:
    code = f"import sys, netmon.cli.app as app\ntry: app.main({words})\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert {name.split(".")[0] for name in done.stderr.split()} & HEAVY == set()
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 0.2


def test_every_kind_stands_in_the_catalogue_and_in_the_documents() -> None:
    from probes.catalog import KINDS

    doors = {door.partition(":")[0].replace(".", "/") + ".py" for door in KINDS.values()}
    assert doors - set(modules()) == set()
    rooms = {Path(door).relative_to("probes/kinds").parts[0].removesuffix(".py") for door in doors}
    inside = {
        Path(name).relative_to("probes/kinds").parts[0].removesuffix(".py")
        for name in modules()
        if name.startswith("probes/kinds/")
    }
    assert {
        name for name in inside - {"__init__", "shared"} if name not in rooms and name.partition("_")[0] not in rooms
    } == set()
    assert {path.stem for path in (ROOT / "docs" / "probes").glob("*.md")} >= set(KINDS)
