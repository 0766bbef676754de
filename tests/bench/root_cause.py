"""How many pages an outage makes, what they name and when. `python tests/bench/root_cause.py [PART] [N] [--keep FOLDER]`

Without PART all parts with the fewest runs. N: runs a row (a part's own meaning stands in its output). Stories are made from seeds
and played by `netmon drill` in virtual time, two at a time; the scenario files of those that failed are kept in FOLDER.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "support"), str(HERE)]
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:3])

PARTS = {"uplink": 20, "witness": 1, "service": 6, "flows": 6, "random": 20, "calm": 24, "crash": 5}


def main() -> int:
    """Each part's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", nargs="?", choices=tuple(PARTS))
    parser.add_argument("number", nargs="?", type=int, help="runs a row")
    parser.add_argument("--keep", type=Path, help="folder for the scenario files of what failed")
    args = parser.parse_args()
    for part in [args.part] if args.part else PARTS:
        began_s = time.monotonic()
        print(f"## {part}", flush=True)
        importlib.import_module(f"causes.{part}").measure(args.number or (PARTS[part] if args.part else 1), args.keep)
        print(f"{time.monotonic() - began_s:.0f} s\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
