"""Real databases behind a hub: the same points read back and counted, through outages and restarts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from hubs import HubProcess, eventually, get, hub, line, now_ms, program
from ports import free_port

pytestmark = pytest.mark.world


@contextmanager
def influxd(folder: Path, port: int) -> Iterator[None]:
    """Debian's InfluxDB 1.6.7 with a database `netmon`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "influxdb.conf").write_text(
        f"""reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
index-version = "tsi1"
wal-fsync-delay = "0s"
[http]
bind-address = "127.0.0.1:{port}"
max-body-size = 25000000
[monitor]
store-enabled = false
"""
    )
    with program(["influxd", "-config", str(folder / "influxdb.conf")], folder, ("127.0.0.1", port)):
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/query?q=" + quote("CREATE DATABASE netmon"))
        assert connection.getresponse().status == 200
        connection.close()
        yield


@contextmanager
def victoria(folder: Path, port: int) -> Iterator[None]:
    """Debian's VictoriaMetrics, without its delay for the newest points."""
    command = ["victoria-metrics", f"-storageDataPath={folder}/data", f"-httpListenAddr=127.0.0.1:{port}"]
    command += ["-retentionPeriod=1", "-search.latencyOffset=0s"]
    with program(command, folder, ("127.0.0.1", port)):
        yield


def _influx_sent(port: int, agent: str) -> list[int]:
    text = quote(f"SELECT sent FROM netmon_ping WHERE agent='{agent}'")
    found = json.loads(get(f"http://127.0.0.1:{port}/query?db=netmon&epoch=ms&q={text}"))
    series = found["results"][0].get("series", [])
    return sorted(int(row[1]) for row in series[0]["values"]) if series else []


def _victoria_sent(port: int, agent: str) -> list[int]:
    get(f"http://127.0.0.1:{port}/internal/force_flush")
    match = quote(f'{{__name__="netmon_ping_sent",agent="{agent}"}}')
    rows = get(f"http://127.0.0.1:{port}/api/v1/export?match[]={match}").splitlines()
    return sorted(int(value) for row in rows for value in json.loads(row)["values"])


def _post(one: HubProcess, first: int, last: int) -> None:
    """Points first…last of agent c1, each a second apart, the newest now."""
    lines = [line("c1", number, now_ms() - (1000 - number) * 1000) for number in range(first, last + 1)]
    assert one.write("c1", lines, f"{first}-{last}")[0] == 204


@pytest.mark.needs("influxd", "victoria-metrics")
def test_the_same_points_are_read_back_from_both_databases(tmp_path: Path) -> None:
    i_port, v_port = free_port(), free_port()
    sinks = (
        "sinks:\n"
        f'  - {{name: influx, url: "http://127.0.0.1:{i_port}"}}\n'
        f'  - {{name: influx-v1, url: "http://127.0.0.1:{i_port}", kind: influxdb1, database: other}}\n'
        f'  - {{name: victoria, url: "http://127.0.0.1:{v_port}"}}\n'
    )
    with hub(tmp_path / "hub", extra=sinks) as one:
        _post(one, 1, 20)  # both databases are still down: the points wait
        with influxd(tmp_path / "influx", i_port), victoria(tmp_path / "victoria", v_port):
            _post(one, 21, 60)
            _post(one, 21, 60)  # a repeat
            whole = list(range(1, 61))
            assert eventually(lambda: _influx_sent(i_port, "c1") == whole, 60)
            assert eventually(lambda: _victoria_sent(v_port, "c1") == whole, 60)

            one.kill()
            one.start()
            _post(one, 61, 100)
            whole = list(range(1, 101))
            assert eventually(lambda: _influx_sent(i_port, "c1") == whole, 60)
            assert eventually(lambda: _victoria_sent(v_port, "c1") == whole, 60)
            time.sleep(1)
            assert _victoria_sent(v_port, "c1") == whole  # VictoriaMetrics keeps doubles: nothing was sent twice

            rows = {row["name"]: row for row in one.figures["sinks"]}
            assert rows["influx"]["trouble"] == "" and rows["victoria"]["trouble"] == ""
            assert "404" in rows["influx-v1"]["trouble"]  # no such database: kept, and told
            tags = json.loads(get(f"http://127.0.0.1:{i_port}/query?db=netmon&q={quote('SHOW SERIES')}"))
            series = tags["results"][0]["series"][0]["values"]
            expected = "netmon_ping,agent=c1,check=c1-uplink,commune=26734,province=79,site=c1,target=p79"
            assert series == [[expected]]


@pytest.mark.needs("influxd")
def test_points_survive_an_outage_of_the_database_and_are_sealed_meanwhile(tmp_path: Path) -> None:
    port = free_port()
    extra = f'seal_every: 1s\nsinks:\n  - {{name: influx, url: "http://127.0.0.1:{port}"}}\n'
    with hub(tmp_path / "hub", extra=extra) as one:
        with influxd(tmp_path / "influx", port):
            _post(one, 1, 5)
            assert eventually(lambda: _influx_sent(port, "c1") == [1, 2, 3, 4, 5], 60)
        _post(one, 6, 9)
        assert eventually(lambda: list((one.state / "store").glob("day=*/seg-*.parquet")), 30)
        one.kill()
        one.start()
        with influxd(tmp_path / "influx", port):
            assert eventually(lambda: _influx_sent(port, "c1") == list(range(1, 10)), 90)
