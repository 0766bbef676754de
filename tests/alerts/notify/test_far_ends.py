"""Channels against what stands at their far end: a mail server, rsyslog, Alertmanager."""

from __future__ import annotations

import email
import email.policy
import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import certs
import pytest
from checkout import ROOT
from pages import notice
from ports import free_port, free_ports

from alerts.notify import channels
from alerts.notify.notice import Destination, Notice
from alerts.notify.senders.http import post
from alerts.notify.webhook import Delivery, fate

SERVER = ROOT / "tests" / "support" / "mailserver.py"


def deliver(kind: str, said: Notice, to: Destination) -> Delivery:
    return channels.deliver(kind, said, to, time.time(), post)


@contextmanager
def program(words: Sequence[str], port: int, log: Path, within_s: float = 30.0) -> Iterator[None]:
    """A server that listens on a TCP port of loopback, as long as it is needed."""
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file)
        try:
            until_s = time.monotonic() + within_s
            while not _listens(port):
                assert process.poll() is None and time.monotonic() < until_s, log.read_text()[-2000:]
                time.sleep(0.05)
            yield
        finally:
            process.kill()
            process.wait(10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def await_(done: Callable[[], Any], within_s: float = 10.0) -> Any:
    """What `done` gives, as soon as it gives something."""
    until_s = time.monotonic() + within_s
    while not (value := done()):
        assert time.monotonic() < until_s
        time.sleep(0.02)
    return value


# --- mail ---

TO = Destination(to=("duty@cpnet.example",), sender="netmon@hub.cpnet.example", tls="none", timeout_s=10)


@pytest.fixture(scope="module")
def authority() -> certs.Authority:
    return certs.authority()


@contextmanager
def mail_server(folder: Path, *more: str) -> Iterator[str]:
    """A server that keeps mails in `folder`; its address."""
    port = free_port()
    with program(["/usr/bin/python3", str(SERVER), str(port), str(folder), *more], port, folder / "log"):
        yield f"smtp://127.0.0.1:{port}"


def mails(folder: Path) -> list[EmailMessage]:
    """What came, in order."""
    files = sorted(folder.glob("*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]  # type: ignore[misc]


@pytest.mark.needs("aiosmtpd")
def test_mails_of_one_incident_thread_and_say_it_in_both_languages(tmp_path: Path) -> None:
    with mail_server(tmp_path) as url:
        for status in ("firing", "updated", "resolved"):
            assert deliver("mail", notice(status), replace(TO, url=url)) == Delivery(250)
    first, update, last = mails(tmp_path)
    assert first["References"] is None
    assert update["References"] == update["In-Reply-To"] == last["References"] == first["Message-ID"]
    assert len({mail["Message-ID"] for mail in (first, update, last)}) == 3
    assert first["Message-ID"].endswith("@hub.cpnet.example>") and first["Auto-Submitted"] == "auto-generated"
    assert first["Subject"] == "🔴 MẤT KẾT NỐI: đường truyền …" and first["Importance"] == "high"
    assert (
        update["Subject"].startswith("🔴 Cập nhật: ")
        and last["Subject"].startswith("🟢 ")
        and last["Importance"] is None
    )
    text = first.get_content()
    assert "Liên hệ: Trực kênh 080 00002" in text and "DOWN: link …" in text and "Mã sự cố: 0123456789ab" in text
    assert [mail["X-Netmon-Incident"] for mail in (first, update, last)] == ["0123456789ab"] * 3


@pytest.mark.needs("aiosmtpd")
def test_mail_goes_over_starttls_with_a_login(tmp_path: Path, authority: certs.Authority) -> None:
    pem, ca = authority.server(tmp_path / "server.pem"), authority.pem(tmp_path / "ca.pem")
    good = replace(TO, tls="starttls", ca_file=ca, user="netmon", secret="mật khẩu".encode().hex())
    with mail_server(tmp_path, pem, "netmon", good.secret) as url:
        good = replace(good, url=url)
        assert deliver("mail", notice(), good).status == 250
        wrong = deliver("mail", notice(), replace(good, secret="x"))
        stranger = deliver("mail", notice(), replace(good, ca_file=""))
        bare = deliver("mail", notice(), replace(good, tls="none"))
    assert len(mails(tmp_path)) == 1
    assert wrong.status == 401 and "535" in wrong.trouble
    assert stranger.status == 0 and "certificate verify failed" in stranger.trouble
    assert bare.status != 250
    for answer in (wrong, stranger, bare):  # all can be mended
        assert fate(answer, 5, 80_000, 0, 0).state == "waiting"


@pytest.mark.needs("aiosmtpd")
def test_a_server_without_starttls_gets_nothing(tmp_path: Path) -> None:
    with mail_server(tmp_path) as url:
        answer = deliver("mail", notice(), replace(TO, url=url, tls="starttls", user="u", secret="geheim"))
    assert answer.status == 0 and "STARTTLS" in answer.trouble and "geheim" not in answer.trouble
    assert mails(tmp_path) == []


@pytest.mark.needs("aiosmtpd")
def test_what_a_mail_server_refuses_puts_off_and_takes_in_part(tmp_path: Path) -> None:
    with mail_server(tmp_path) as url:
        refused = deliver("mail", notice(), replace(TO, url=url, to=("nobody@x.example",)))
        later = deliver("mail", notice(), replace(TO, url=url, to=("later@x.example",)))
        part = deliver("mail", notice(), replace(TO, url=url, to=("nobody@x.example", "duty@x.example")))
    assert refused == Delivery(422, "550 no such mailbox") and fate(refused, 9, 86_400, 0, 0).state == "failed"
    assert later == Delivery(503, "451 come back later") and fate(later, 9, 86_400, 0, 0).state == "waiting"
    assert part.status == 250 and "nobody@x.example" in part.trouble and len(mails(tmp_path)) == 1


@pytest.mark.parametrize("greeting", [b"", b"554 go away\r\n", b"\xff\xfe\r\n", b"220 " + b"x" * 100_000])
def test_whatever_a_mail_server_says_is_no_harm(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            with server.accept()[0] as peer:
                peer.sendall(greeting)

        threading.Thread(target=talk, daemon=True).start()
        url = f"smtp://127.0.0.1:{server.getsockname()[1]}"
        answer = deliver("mail", notice(), replace(TO, url=url, timeout_s=2))
    assert fate(answer, 1, 0, 0, 0).state == "waiting" and answer.trouble


def test_a_mail_server_that_drips_is_left_after_the_whole_time() -> None:
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            with server.accept()[0] as peer, suppress(OSError):
                peer.sendall(b"220 here\r\n")
                while not ended.wait(0.05):
                    peer.sendall(b"2")

        threading.Thread(target=talk, daemon=True).start()
        began_s = time.monotonic()
        url = f"smtp://127.0.0.1:{server.getsockname()[1]}"
        answer = deliver("mail", notice(), replace(TO, url=url, timeout_s=0.5))
        ended.set()
    assert answer.status == 0 and time.monotonic() - began_s < 5


# --- syslog ---


@contextmanager
def rsyslog(folder: Path, pem: str = "", ca: str = "") -> Iterator[dict[str, str]]:
    """rsyslog on UDP, TCP and, with a certificate, TLS; addresses by scheme. It writes what it read as RFC 5424 has it."""
    udp, tcp, tls = free_ports(3)
    drivers = f'global(DefaultNetstreamDriverCAFile="{ca}" DefaultNetstreamDriverCertFile="{pem}" DefaultNetstreamDriverKeyFile="{pem}")'
    secure = 'streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon"'
    lines = [
        f'global(workDirectory="{folder}")',
        drivers if pem else "",
        'module(load="imudp")',
        'module(load="imtcp")',
        f'input(type="imudp" address="127.0.0.1" port="{udp}")',
        f'input(type="imtcp" address="127.0.0.1" port="{tcp}")',
        f'input(type="imtcp" address="127.0.0.1" port="{tls}" {secure})' if pem else "",
        'template(name="parts" type="list") { property(name="jsonmesg") constant(value="\\n") }',
        f'action(type="omfile" file="{folder}/taken" template="parts")',
    ]
    (folder / "rsyslog.conf").write_text("\n".join(lines))
    words = ["rsyslogd", "-n", "-f", str(folder / "rsyslog.conf"), "-i", str(folder / "pid")]
    path = shutil.which("rsyslogd", path="/usr/sbin:/sbin:/usr/bin") or "rsyslogd"
    with program([path, *words[1:]], tcp, folder / "log"):
        yield {scheme: f"{scheme}://127.0.0.1:{port}" for scheme, port in (("udp", udp), ("tcp", tcp), ("tls", tls))}


def taken(folder: Path) -> list[dict[str, Any]]:
    file = folder / "taken"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    return [row for row in rows if row.get("programname") == "netmon"]


@pytest.mark.needs("rsyslogd")
@pytest.mark.parametrize("scheme", ["udp", "tcp", "tls"])
def test_rsyslog_reads_what_was_sent(tmp_path: Path, authority: certs.Authority, scheme: str) -> None:
    pem, ca = authority.server(tmp_path / "server.pem"), authority.pem(tmp_path / "ca.pem")
    with rsyslog(tmp_path, pem, ca) as urls:
        to = Destination(url=urls[scheme], facility=23, ca_file=ca, timeout_s=5)
        quote = notice(element='link:a"]\\b', vi="MẤT KẾT NỐI\nđường truyền")
        for said in (quote, notice("resolved")):
            assert deliver("syslog", said, to) == Delivery(200)
        first, last = await_(lambda: len(rows := taken(tmp_path)) == 2 and rows)
    assert (first["syslogfacility"], first["syslogseverity"], last["syslogseverity"]) == ("23", "2", "5")
    assert first["hostname"] == "hub-79" and first["msgid"] == "firing"
    assert first["msg"].removeprefix("\ufeff") == "MẤT KẾT NỐI đường truyền"
    assert 'element="link:a\\"\\]\\\\b"' in first["structured-data"] and 'id="0123456789ab"' in first["structured-data"]


def test_a_syslog_server_that_does_not_read_has_not_taken_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        to = Destination(url=f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout_s=0.5)
        answer = deliver("syslog", notice(), to)
    assert answer.status == 0 and "timed out" in answer.trouble
    assert deliver("syslog", notice(), to).status == 0  # nobody listens any more


# --- Alertmanager ---


@pytest.mark.needs("prometheus-alertmanager")
def test_alertmanager_takes_an_alert_and_its_end(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    words = [
        "prometheus-alertmanager", f"--config.file={tmp_path}/am.yml", f"--storage.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    to = Destination(url=f"http://127.0.0.1:{port}")
    with program(words, port, tmp_path / "log"):
        assert deliver("alertmanager", notice(), to).status == 200
        [alert] = await_(lambda: _alerts(port))
        assert alert["labels"]["element"] == "link:core-province" and alert["status"]["state"] == "active"
        assert deliver("alertmanager", notice("updated", vi="mới"), to).status == 200
        await_(lambda: [row["annotations"]["summary"] for row in _alerts(port)] == ["mới"])
        assert deliver("alertmanager", notice("resolved"), to).status == 200
        await_(lambda: not _alerts(port))
        odd = deliver("alertmanager", replace(notice(), labels={"not a name": "x"}), to)
        assert odd.status == 400 and "answered 400: " in odd.trouble


def _alerts(port: int) -> list[dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/api/v2/alerts?active=true")
        rows: list[dict[str, Any]] = json.loads(connection.getresponse().read())
        return rows
    finally:
        connection.close()
