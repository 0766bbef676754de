"""The write API of a whole hub: who may, what is kept, what is told."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hubs import HubProcess, eventually, hub, line, now_ms

pytestmark = pytest.mark.world


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


def test_an_agents_batch_is_stored_and_answered_204_with_the_hubs_clock(one: HubProcess) -> None:
    before, at = one.figures["points_stored"], now_ms()
    status, headers, _ = one.write("c1", [line("c1", 1, at), line("c1", 2, at + 1)], "1-2", frontier=str(at))
    assert status == 204
    received, sent = map(int, headers["x-netmon-clock"].split())
    assert 0 <= sent - received < 30_000_000_000
    assert abs(received // 1_000_000 - at) < 60_000
    assert one.figures["points_stored"] == before + 2


def test_a_repeat_is_acknowledged_and_stored_once(one: HubProcess) -> None:
    lines = [line("c1", number, now_ms() + number) for number in range(10)]
    before = one.figures
    assert one.write("c1", lines, "100-109")[0] == 204
    assert one.write("c1", lines, "100-109")[0] == 204
    assert one.write("c1", lines[5:] + [line("c1", 10, now_ms() + 20)], "105-110")[0] == 204
    after = one.figures
    assert after["points_stored"] - before["points_stored"] == 11
    assert after["points_repeated"] - before["points_repeated"] == 15


def test_bad_lines_are_named_and_the_rest_is_stored(one: HubProcess) -> None:
    at, before = now_ms(), one.figures
    lines = [
        line("c1", 1, at),
        "netmon_ping what=",
        line("c1", 2, at + 1, more=",rtt_min_ms=NaN"),
        line("c1", 3, at + 2),
        line("c1", 4, at + 3_600_000),
        line("c1", 5, at + 4).replace("sent=5i", "sent=5.0"),
    ]
    status, _, body = one.write("c1", lines, "200-205")
    message = json.loads(body)["message"]
    after = one.figures
    assert status == 400
    assert message.startswith("partial write: ") and message.endswith(" dropped=4")
    assert all(f"line {number}: " in message for number in (2, 3, 5, 6))
    assert "ahead of the hub's clock" in message and "the registry says int" in message
    assert after["points_stored"] - before["points_stored"] == 2
    assert after["points_rejected"] - before["points_rejected"] == 4


@pytest.mark.parametrize("tag", ["site=c2", "commune=26737", "province=01", "agent=c2"])
def test_a_forged_tag_is_refused_and_counted(one: HubProcess, tag: str) -> None:
    at, before = now_ms(), one.figures
    key = tag.partition("=")[0]
    good = line("c1", 1, at)
    forged = ",".join(tag if part.startswith(key + "=") else part for part in good.split(","))
    status, _, body = one.write("c1", [good, forged])
    after = one.figures
    assert status == 400 and b"forged" in body and b"dropped=1" in body
    assert after["points_forged"] - before["points_forged"] == 1
    assert after["points_stored"] - before["points_stored"] == 1


def test_missing_tags_are_filled_in_with_the_senders_own(one: HubProcess) -> None:
    assert one.write("c1", [f"netmon_ping,check=filled sent=1i,outcome=0i {now_ms()}"])[0] == 204
    row = next(row for row in one.read()["checks"] if row["check"] == "filled")
    assert (row["agent"], row["site"], row["commune"], row["province"]) == ("c1", "c1", "26734", "79")


def test_nothing_is_written_without_the_sites_own_token(one: HubProcess) -> None:
    before = one.figures["points_stored"]
    lines = [line("c1", 1, now_ms())]
    assert one.write("c1", lines, token="wrong")[0] == 401
    assert one.write("c1", lines, token=one.read_token)[0] == 401
    assert one.request("POST", "/api/v2/write?precision=ms", lines[0].encode())[0] == 401
    assert one.write("c1", lines, token=one.token("c2"))[0] == 403
    assert one.figures["points_stored"] == before


def test_a_write_token_reads_nothing(one: HubProcess) -> None:
    for path in ("/api/v1/state", "/api/v1/events", "/api/v1/incidents", "/api/v1/silences"):
        status, _, _ = one.request("GET", path, headers={"Authorization": f"Token {one.token('c1')}"})
        assert status == 401
        assert one.request("GET", path)[0] == 401


def test_a_gzip_bomb_is_stopped_and_the_hub_stays_small(one: HubProcess) -> None:
    def resident() -> int:
        assert one.child is not None
        text = Path(f"/proc/{one.child.pid}/statm").read_text()
        return int(text.split()[1]) * 4096

    bomb, before = gzip.compress(b"0" * 400_000_000, 9), resident()
    headers = {"Authorization": f"Token {one.token('c1')}", "Content-Encoding": "gzip"}
    assert len(bomb) < 1_000_000
    assert one.request("POST", "/api/v2/write", bomb, headers)[0] == 413
    assert resident() - before < 64 * 1024 * 1024


def test_a_body_over_the_cap_is_413_and_broken_gzip_400(one: HubProcess) -> None:
    headers = {"Authorization": f"Token {one.token('c1')}"}
    connection = one.connect()
    connection.putrequest("POST", "/api/v2/write")
    for key, value in {**headers, "Content-Length": "20000000"}.items():
        connection.putheader(key, value)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
    packed = gzip.compress(b"m f=1i 1")
    for broken in (b"not gzip", packed[:-4], packed + packed[:5], packed + b"\0" * 30):
        assert one.request("POST", "/api/v2/write", broken, {**headers, "Content-Encoding": "gzip"})[0] == 400
    assert one.request("POST", "/api/v2/write", b"x", {**headers, "Content-Encoding": "br"})[0] == 415
    for told in ({"Content-Encoding": ""}, {"Content-Encoding": "identity"}):
        assert one.request("POST", "/api/v2/write", b"m f=1", {**headers, **told})[0] == 204
    assert one.request("POST", "/api/v2/write?precision=years", b"m f=1", headers)[0] == 400
    assert one.request("GET", "/api/v2/write", headers=headers)[0] == 405


def test_a_gzip_body_of_several_members_is_one_body(one: HubProcess) -> None:
    headers = {"Authorization": f"Token {one.token('c1')}", "Content-Encoding": "x-gzip"}
    before = one.figures["points_stored"]
    body = b"".join(gzip.compress(part) for part in (b"m f=1i\nm f=", b"", b"2i\nm,t=x f=3i\n"))
    assert one.request("POST", "/api/v2/write", body, headers)[0] == 204
    assert one.figures["points_stored"] == before + 3


def test_one_bad_byte_costs_one_point(one: HubProcess) -> None:
    before = one.figures["points_stored"]
    body = b"\xef\xbb\xbfcpu v=1\n# \xff is no comment's business\ncpu,t=caf\xe9 v=2\r\ncpu,t=z v=3\r\n"
    status, _, told = one.request("POST", "/api/v2/write", body, {"Authorization": f"Token {one.token('c1')}"})
    assert status == 400 and b"line 3: not UTF-8: byte 9 of the line dropped=1" in told
    assert one.figures["points_stored"] == before + 2


def test_two_points_of_a_series_in_one_millisecond_are_told(one: HubProcess) -> None:
    headers, at = {"Authorization": f"Token {one.token('c1')}"}, now_ms()
    status, _, told = one.request("POST", "/write", f"cpu v=1 {at}001000\ncpu v=2 {at}002000".encode(), headers)
    assert status == 400 and b"line 2: " in told and b"keeps milliseconds" in told
    for again in (f"cpu v=1 {at}001000", f"cpu w=1 {at}001000", f"cpu v=1 {at + 1}002000"):
        assert one.request("POST", "/write", again.encode(), headers)[0] == 204
    assert one.request("POST", "/write?precision=us", f"cpu v=1 {at}003".encode(), headers)[0] == 400


def test_a_token_is_taken_in_every_form_influxdbs_clients_send_it(one: HubProcess) -> None:
    token, pair = one.token("c1"), base64.b64encode(f"me:{one.token('c1')}".encode()).decode()
    forms = [f"Token {token}", f"token me:{token}", f"Bearer {token}", f"Basic {pair}"]
    for form in forms:
        assert one.request("POST", "/write?db=x", b"m f=1", {"Authorization": form})[0] == 204
    assert one.request("POST", f"/write?db=x&u=me&p={token}", b"m f=1")[0] == 204
    assert one.request("POST", f"/api/v2/write?u=me&p={token}", b"m f=1", {"Authorization": ""})[0] == 204
    for path in (f"/write?u={token}", "/write?u=me&p=wrong", f"/write?p={one.read_token}"):
        assert one.request("POST", path, b"m f=1")[0] == 401
    assert one.request("POST", f"/write?p={token}", b"m f=1", {"Authorization": "Token wrong"})[0] == 401
    assert one.request("GET", f"/api/v1/state?p={one.read_token}")[0] == 401


@pytest.mark.parametrize(("precision", "factor"), [("ns", 1_000_000), ("us", 1_000), ("ms", 1), ("s", 0.001)])
def test_stamps_of_every_precision_mean_the_same_moment(one: HubProcess, precision: str, factor: float) -> None:
    at = now_ms() // 1000 * 1000
    headers = {"Authorization": f"Bearer {one.token('c2')}"}
    body = f"netmon_ping,check=in-{precision} sent=1i {int(at * factor)}".encode()
    assert one.request("POST", f"/api/v2/write?precision={precision}", body, headers)[0] == 204
    row = next(row for row in one.read()["checks"] if row["check"] == f"in-{precision}")
    assert row["at_ms"] == at


def test_a_sequence_that_does_not_fit_its_body_is_refused_whole(one: HubProcess) -> None:
    lines = [line("c1", 1, now_ms())]
    assert one.write("c1", lines, "300-305")[0] == 400
    assert one.write("c1", lines, "5-1")[0] == 400
    assert one.write("c1", lines, "300-300")[0] == 204


def test_ping_and_health_answer_as_influxdb_does(one: HubProcess) -> None:
    status, headers, body = one.request("GET", "/ping")
    assert (status, body) == (204, b"")
    assert headers["x-influxdb-version"].startswith("v2.") and headers["x-influxdb-build"]
    status, _, body = one.request("GET", "/health")
    health = json.loads(body)
    assert status == 200 and health["status"] == "pass" and {"name", "message", "version"} <= set(health)


def test_the_real_influxdb_client_writes_to_the_hub(one: HubProcess) -> None:
    from influxdb_client import InfluxDBClient, Point
    from influxdb_client.client.write_api import SYNCHRONOUS
    from influxdb_client.rest import ApiException

    before = one.figures["points_stored"]
    for packed in (False, True):
        url = f"http://127.0.0.1:{one.port}"
        with InfluxDBClient(url=url, token=one.token("c2"), org="-", enable_gzip=packed) as client:
            assert client.ping() and client.health().status == "pass"
            api = client.write_api(write_options=SYNCHRONOUS)
            api.write("netmon", record=Point("netmon_ping").tag("check", "client").field("sent", 4))
            with pytest.raises(ApiException, match="forged"):
                api.write("netmon", record=Point("netmon_ping").tag("site", "c1").field("sent", 4))
    assert one.figures["points_stored"] == before + 2


def test_a_foreign_writer_of_influxdb_1_is_taken_too(one: HubProcess) -> None:
    before = one.figures["points_stored"]
    pair = base64.b64encode(f"any:{one.token('c2')}".encode()).decode()
    body = b"\n".join(
        [b'cpu,host=srv1,cpu=cpu0 usage_idle=97.5,note="a \\"b\\"\nc",up=true', b"mem,host=srv1 free=12i"]
    )
    assert one.request("POST", "/write?db=telegraf", body, {"Authorization": f"Basic {pair}"})[0] == 204
    assert one.figures["points_stored"] == before + 2


def test_the_state_has_the_documented_shape(one: HubProcess) -> None:
    at = now_ms()
    own = f"netmon_agent,agent=c1,check=-,commune=26734,province=79,site=c1,target=- clock_offset_ms=0.5 {at}"
    assert one.write("c1", [line("c1", 1, at), own], frontier=str(at))[0] == 204
    state = one.read()
    assert {"at_ms", "hub", "agents", "checks", "communes", "incidents", "silences", "pages"} <= set(state)
    assert {"name", "version", "started_ms", "malformed", "writes"} <= set(state["hub"])
    assert {"points_stored", "points_repeated", "points_rejected"} <= set(state["hub"])
    agent = next(row for row in state["agents"] if row["agent"] == "c1")
    assert agent["site"] == "c1" and agent["frontier_ms"] >= at and agent["clock_offset_ms"] == 0.5
    check = next(row for row in state["checks"] if row["check"] == "c1-uplink")
    assert check["kind"] == "ping" and check["outcome"] == 0 and check["values"]["rtt_p50_ms"] == 1.5
    commune = next(row for row in state["communes"] if row["code"] == "26734")
    assert commune["id"] == "commune:26734" and commune["state"] == "ok" and commune["loss"] == 0.0
    assert commune["rtt_ms"] == 1.5 and commune["incident"] is None and commune["name"] == "Phường Sài Gòn"


def test_silences_and_unknown_incidents_over_the_api(one: HubProcess) -> None:
    headers = {"Authorization": f"Token {one.read_token}", "Content-Type": "application/json"}
    wish = {"element": "link:province-c1", "for_s": 60, "who": "an", "note": "bảo trì"}
    status, _, body = one.request("POST", "/api/v1/silences", json.dumps(wish).encode(), headers)
    assert status == 201
    id = json.loads(body)["id"]
    assert [row["element"] for row in one.read("/api/v1/silences")["silences"]] == ["link:province-c1"]
    assert one.request("DELETE", f"/api/v1/silences/{id}", headers=headers)[0] == 204
    assert one.request("DELETE", "/api/v1/silences/none", headers=headers)[0] == 404
    assert one.request("POST", "/api/v1/incidents/none/ack", b'{"who": "an", "note": ""}', headers)[0] == 404
    for bad in (b"", b"[]", b"{", b'{"who": 3}', b'{"who":"a","element":"x","for_s":1e99}', b"[" * 60_000):
        assert one.request("POST", "/api/v1/silences", bad, headers)[0] == 400
    assert one.request("POST", "/api/v1/silences", b"x" * 100_000, headers)[0] == 413
    assert one.request("GET", "/nothing", headers=headers)[0] == 404


def test_the_owner_reads_on_the_local_socket_without_a_token(one: HubProcess) -> None:
    from netmon.hub_client import HubClient

    path = one.folder / "hub.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    assert HubClient(str(path)).get("/api/v1/state")["hub"]["name"] == "test"


def test_events_begin_with_the_whole_and_tell_a_change(one: HubProcess) -> None:
    from netmon.hub_client import HubClient

    events = HubClient(str(one.folder / "hub.sock")).events()
    name, state = next(events)
    assert name == "snapshot" and len(state["communes"]) == 2
    assert one.write("c2", [line("c2", 7, now_ms(), check="told")])[0] == 204

    def told() -> bool:
        name, change = next(events)
        return name == "change" and any(row["check"] == "told" for row in change["checks"]) and "hub" in change

    assert eventually(told, 20, 0)


def test_a_hub_listens_on_ipv6_too(tmp_path: Path) -> None:
    with hub(tmp_path, host="::1") as other:
        assert other.write("c2", [line("c2", 1, now_ms())])[0] == 204
        assert other.stop() == 0
