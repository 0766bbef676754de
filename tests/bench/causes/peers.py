"""Debian's Prometheus, Alertmanager and blackbox exporter on a lab's core, at their fastest sane settings, and their receiver."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

NAMES = ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter")
MODULE = {"modules": {"icmp": {"prober": "icmp", "timeout": "1s", "icmp": {"preferred_ip_protocol": "ip4"}}}}
RULES = {"groups": [{"name": "down", "rules": [{"alert": "down", "expr": "probe_success == 0", "for": "3s"}]}]}
ROUTE = {"receiver": "hook", "group_by": ["job"], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
PORT = 9199


def missing() -> list[str]:
    """Packages that are not installed."""
    return [name for name in NAMES if shutil.which(name) is None]


def start(inside: list[str], targets: list[str], folder: Path) -> list[subprocess.Popen[bytes]]:
    """All four processes on the host that `inside` enters; alerts come to `folder`/alerts.jsonl."""
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": "127.0.0.1:9115"},
    ]
    scrape = {"job_name": "ping", "metrics_path": "/probe", "params": {"module": ["icmp"]},
              "static_configs": [{"targets": targets}], "relabel_configs": relabel}  # fmt: skip
    often = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    manager = {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]}
    files: dict[str, Any] = {
        "blackbox.yml": MODULE,
        "rules.yml": RULES,
        "prometheus.yml": {"global": often, "rule_files": ["rules.yml"], "alerting": manager, "scrape_configs": [scrape]},
        "alertmanager.yml": {"route": ROUTE, "receivers": [{"name": "hook", "webhook_configs": [
            {"url": f"http://127.0.0.1:{PORT}/", "send_resolved": False}]}]},
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    commands = [
        [sys.executable, __file__, str(folder / "alerts.jsonl")],
        ["prometheus-blackbox-exporter", f"--config.file={folder}/blackbox.yml"],
        ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/am",
         "--cluster.listen-address=", "--web.listen-address=127.0.0.1:9093"],
        ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
         "--web.listen-address=127.0.0.1:9090"],
    ]  # fmt: skip
    with open(folder / "peers.log", "ab") as log:
        return [subprocess.Popen([*inside, *command], stdout=log, stderr=log) for command in commands]


def alerts(folder: Path) -> list[tuple[float, list[str]]]:
    """When each notification came, and the instances that fire in it."""
    path = folder / "alerts.jsonl"
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(row["at_s"], row["firing"]) for row in map(json.loads, rows)]


class _Receiver(BaseHTTPRequestHandler):
    path_of_alerts = ""

    def do_POST(self) -> None:
        """One notification."""
        at_s, body = time.time(), json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        firing = [alert["labels"]["instance"] for alert in body["alerts"] if alert["status"] == "firing"]
        with open(self.path_of_alerts, "a", encoding="utf-8") as file:
            file.write(json.dumps({"at_s": at_s, "firing": firing}) + "\n")
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    _Receiver.path_of_alerts = sys.argv[1]
    ThreadingHTTPServer(("127.0.0.1", PORT), _Receiver).serve_forever()
