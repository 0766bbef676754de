"""The hub's reading of line protocol against a real InfluxDB 1.6.7. `python tests/bench/line_grammar.py [BODIES [SEED]]`

Each body goes to both; compared are the lines that are taken and the series and values read back. Then the text the hub
stores goes to the database, which must read it as the hub did. Prints one JSON object; `unexplained` and `misread` must be 0.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from linepeers import AT_ONCE, Influx, Report, body, compare, influxd


def main() -> None:
    """Run once."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    chance, report, began = random.Random(seed), Report(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder, influxd(Path(folder)) as port:
        influx = Influx(port)
        for first in range(0, many, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, many))
            compare(influx, {number: body(chance, number) for number in numbers}, report)
    for one, why in report.unexplained[:10]:
        print(repr(one), why, file=sys.stderr)
    print(*report.misread[:5], sep="\n", file=sys.stderr)
    print(
        json.dumps(
            {
                "bodies": report.bodies,
                "lines_taken": report.accepted,
                "lines_refused": report.refused,
                "bodies_alike": report.alike,
                "hub_stricter": dict(report.stricter),
                "hub_wider": dict(report.wider),
                "unexplained": len(report.unexplained),
                "misread": len(report.misread),
                "seconds": round(time.monotonic() - began),
            }
        )
    )


if __name__ == "__main__":
    main()
