"""How many pages an outage makes, what they name and when. `python tests/bench/root_cause.py [PART] [N] [--keep FOLDER]`

Without PART all parts with the fewest runs. N: runs a row (a part's own meaning stands in its output). Stories are made from seeds
and played by `netmon drill` in virtual time, two at a time (--jobs); the scenario files of those that failed are kept in FOLDER.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "support"), str(HERE)]
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:3])


class Part(NamedTuple):
    """A module of `causes`, and how many runs a row a full measurement has."""

    module: str
    number: int


PARTS = {
    "uplink": Part("uplink", 20),
    "witness": Part("witness", 1),
    "service": Part("service", 6),
    "flows": Part("flows", 6),
    "random": Part("random_faults", 20),
    "calm": Part("calm", 24),
    "crash": Part("crash", 3),
    "detection": Part("detection", 2),
}


def main() -> int:
    """Each part's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=tuple(PARTS))
    parser.add_argument("number", nargs="?", type=int, help="runs a row")
    parser.add_argument("--keep", type=Path, help="folder for the scenario files of what failed")
    parser.add_argument("--jobs", type=int, default=2, help="stories at one time")
    args = parser.parse_args()
    os.environ["CAUSES_JOBS"] = str(args.jobs)
    for part in [args.part] if args.part else PARTS:
        began_s = time.monotonic()
        print(f"## {part}", flush=True)
        module, full = PARTS[part]
        number = args.number or (full if args.part else 1)
        importlib.import_module(f"causes.{module}").measure(number, args.keep)
        print(f"{time.monotonic() - began_s:.0f} s\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
