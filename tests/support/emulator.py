"""The wide-area emulator, which stands outside the project: links of a set delay, jitter and loss, each direction by itself.

It is looked for in the folder `NETMON_LAB` names, else in `../shared/lab` beside the project. It builds a small program
next to itself, so a copy is used: nothing is written where others keep theirs.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

FILES = ("lab.py", "wanemu.c")
NODE = "hub"  # sites are `site1`, `site2`, …
DIRECTIONS = {"fwd": "down", "bwd": "up"}  # seen from the hub


def folder() -> Path:
    """Where it is looked for."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "lab"
    return Path(os.environ.get("NETMON_LAB") or beside)


def missing() -> str:
    """Why it is not to be had; "" when it is."""
    if not all((folder() / name).exists() for name in FILES):
        return "the wide-area emulator is not beside the project (NETMON_LAB names its folder)"
    return "" if shutil.which("cc") or shutil.which("gcc") else "the emulator must be built once: no C compiler"


@cache
def _module() -> Any:
    """The emulator's own module, from a copy that goes with this process."""
    copy = Path(tempfile.mkdtemp(prefix="netmon-emulator-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    for name in FILES:
        shutil.copyfile(folder() / name, copy / name)
    spec = importlib.util.spec_from_file_location("netmon_emulator", copy / "lab.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def emulated(sites: int = 1, *, seed: int = 1, spin_us: int = 200) -> Iterator[Any]:
    """A hub and sites joined to it by emulated links, gone afterwards: the emulator's `Lab`."""
    lab = _module().Lab(f"em{os.getpid() % 100_000}-")
    lab.up(sites=sites, seed=seed, spin_us=spin_us)
    try:
        yield lab
    finally:
        lab.down()
