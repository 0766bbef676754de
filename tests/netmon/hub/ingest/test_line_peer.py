"""Bodies given to the hub's reader and to a real InfluxDB: taken and read alike, or the difference is a documented one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from linepeers import Influx, Report, body, compare, influxd

pytestmark = [pytest.mark.world, pytest.mark.needs("influxd")]


def test_a_real_influxdb_takes_and_reads_lines_as_the_hub_does(tmp_path: Path) -> None:
    chance, report = random.Random(20_261_130), Report()
    with influxd(tmp_path) as port:
        compare(Influx(port), {number: body(chance, number) for number in range(400)}, report)
    assert report.unexplained == [] and report.misread == []
    assert report.alike > 350 and report.accepted > 250
