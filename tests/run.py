"""All checks and tests, in stages, with the time of each: what `make test` runs.

Order: the house (style, types, arrows), then tests that share the machine, then those that own it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "--durations=8"]
STAGES: tuple[tuple[str, list[str]], ...] = (
    ("style", [str(BIN / "ruff"), "check", "."]),
    ("format", [str(BIN / "ruff"), "format", "--check", "--quiet", "."]),
    ("types", [str(BIN / "mypy")]),
    ("arrows", [str(BIN / "lint-imports"), "--no-cache"]),
    ("tests", [*PYTEST, "-n", "2", "-m", "not world"]),
    ("worlds", [*PYTEST, "-m", "world and not long"]),
)


def main() -> int:
    """Run every stage, even after one failed; the exit code says whether all passed."""
    rows: list[tuple[str, int, float]] = []
    for name, command in STAGES:
        print(
            f"=== {name}: {' '.join(Path(command[0]).name if at == 0 else word for at, word in enumerate(command))}",
            flush=True,
        )
        began = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        rows.append((name, code, time.monotonic() - began))
    print("\n=== stages")
    for name, code, took_s in rows:
        print(f"{name:10} {'ok' if code == 0 else f'FAILED ({code})':12} {took_s:7.1f} s")
    return 0 if all(code == 0 for _, code, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
