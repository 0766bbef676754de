"""The product as its source says it: modules, classes, imports, names.

`python tests/support/house.py twice|cycles|families|words` prints what stands against the rules.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("alerts", "inventory", "netmon", "probes")
EMPTY_WORDS = ("one", "told", "found")
SUPERLATIVE = re.compile(r"(.*_)?(most|least)(_.*)?", re.IGNORECASE)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the product by its path below the root."""
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files}


@cache
def nodes() -> dict[str, tuple[ast.AST, ...]]:
    """Module → all its nodes: one walk for everybody who asks."""
    return {path: tuple(ast.walk(tree)) for path, tree in modules().items()}


def lines(path: str) -> int:
    """How many lines a file has."""
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def functions() -> list[tuple[str, Function]]:
    """Every function and method, with the module it stands in."""
    return [(path, node) for path, inside in nodes().items() for node in inside if isinstance(node, Function)]


def folders() -> dict[str, list[str]]:
    """Every folder with modules, and the stems of its modules but `__init__`."""
    inside: dict[str, list[str]] = defaultdict(list)
    for path in map(Path, modules()):
        inside[str(path.parent)] += [path.stem] if path.stem != "__init__" else []
    return {folder: stems for folder, stems in inside.items() if stems}


def classes_standing_twice() -> dict[str, list[str]]:
    """Class names with more than one definition → where each stands, as `path:line`."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, inside in nodes().items():
        for node in inside:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path}:{node.lineno}")
    return {name: places[name] for name in sorted(places) if len(places[name]) > 1}


def families() -> dict[str, list[str]]:
    """Folder and first word → the three or more modules of that folder that share it.

    The first word is what stands before an underscore; a stem that is another's beginning (`sip`, `sipcall`) counts as its
    first word too. Words of fewer than three letters are no family's name.
    """
    together: dict[str, list[str]] = {}
    for folder, stems in folders().items():
        for word in sorted({stem.split("_")[0] for stem in stems}):
            family = [stem for stem in stems if stem.startswith(word)]
            if len(word) >= 3 and len(family) >= 3:
                together[f"{folder}/{word}"] = family
    return together


@cache
def imports() -> dict[str, frozenset[str]]:
    """Module → the product's modules it names in an import, wherever in the file that stands."""
    paths = {_dotted(path): path for path in modules()}
    return {path: frozenset(_imported(inside, paths) - {path}) for path, inside in nodes().items()}


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(inside: Iterable[ast.AST], paths: dict[str, str]) -> set[str]:
    names: set[str] = set()
    for node in inside:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {member if member in paths else node.module for member in members}
    return {paths[name] for name in names if name in paths}


def cycles() -> list[list[str]]:
    """Groups of modules each of which imports, directly or through others, every other one of its group."""
    reached = {path: _reachable(path) for path in imports()}
    groups = {frozenset({path} | {other for other in reached[path] if path in reached[other]}) for path in reached}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _reachable(start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = imports()[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def bound_names(path: str) -> Iterator[str]:
    """Every name a module binds by assignment, loop, comprehension, `with`, `as`, match or parameter."""
    for node in nodes()[path]:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name


def empty_words() -> dict[str, dict[str, int]]:
    """Module → how often it binds each of the names that say nothing (`one`, `told`, `found`)."""
    counts = {path: Counter(name for name in bound_names(path) if name in EMPTY_WORDS) for path in modules()}
    return {path: dict(of) for path, of in counts.items() if of}


def superlatives() -> dict[str, list[str]]:
    """Module → names of its own that say most or least where the project says max and min, but keys of the files."""
    inside: dict[str, list[str]] = {}
    for path in modules():
        if names := sorted({name for name in _own_names(path) if SUPERLATIVE.fullmatch(name)}):
            inside[path] = names
    return inside


def _own_names(path: str) -> Iterator[str]:
    keys = {id(node.target) for node in nodes()[path] if isinstance(node, ast.AnnAssign) and _is_key(node)}
    for node in nodes()[path]:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in keys:
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, Function | ast.ClassDef):
            yield node.name


def _is_key(node: ast.AnnAssign) -> bool:
    """Whether a field is a key of a file: declared with `setting(…)` or `field(…)`, which hold its meaning."""
    return isinstance(node.value, ast.Call) and ast.unparse(node.value.func) in ("setting", "field")


def main(words: list[str]) -> int:
    """Print a table of what stands against one of the rules."""
    if words == ["twice"]:
        print("\n".join(f"{name:20} {'  '.join(places)}" for name, places in classes_standing_twice().items()))
    elif words == ["cycles"]:
        print("\n".join("  ".join(group) for group in cycles()))
    elif words == ["families"]:
        print("\n".join(f"{word:35} {' '.join(stems)}" for word, stems in families().items()))
    elif words == ["words"]:
        print("\n".join(f"{path:45} {of}" for path, of in [*empty_words().items(), *superlatives().items()]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
