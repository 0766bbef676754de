"""The door to `influxdb-client`: ready bytes, one request at a time, its batching mode never."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any, NamedTuple

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from netmon.config.hub import SinkConfig
from probes.clean import clean

TIMEOUT_MS = 20_000
UNREACHED = 0  # status of an answer that never came


class Answer(NamedTuple):
    """What the database said; `status` 0 when it said nothing."""

    status: int
    text: str = ""
    retry_after: str = ""


class Database:
    """One database, written to by the API its version has. Used by one thread."""

    def __init__(self, config: SinkConfig) -> None:
        self._config = config
        token = _secret(config.token_file) or "-"
        self._client: Any = InfluxDBClient(
            url=config.url.rstrip("/"),
            token=token,
            org=config.org,
            timeout=TIMEOUT_MS,
            enable_gzip=False,
            retries=False,
        )
        self._write_api: Any = self._client.write_api(write_options=SYNCHRONOUS)
        self._v1: bool | None = True if config.kind == "influxdb1" else None

    def write(self, lines: bytes) -> Answer:
        """Write line protocol (stamps in ms); the answer, whatever it is."""
        try:
            if self._v1 is None:
                self._v1 = is_v1(self._client.version())
            if self._v1:
                self._write_v1(lines)
            else:
                self._write_api.write(
                    bucket=self._config.bucket, org=self._config.org, record=lines, write_precision="ms"
                )
        except ApiException as fault:
            wait = str(fault.headers.get("Retry-After", "")) if fault.headers else ""
            return Answer(fault.status or UNREACHED, _text(fault), wait)
        except (HTTPError, OSError) as fault:
            return Answer(UNREACHED, clean(str(fault)))
        return Answer(204)

    def _write_v1(self, lines: bytes) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        password = _secret(self._config.password_file)
        if self._config.user:
            pair = base64.b64encode(f"{self._config.user}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        self._client.api_client.call_api(
            "/write",
            "POST",
            query_params=[("db", self._config.database), ("precision", "ms")],
            header_params=headers,
            body=lines,
            auth_settings=[],
            _preload_content=True,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def is_v1(version: str) -> bool:
    """Does a server of this `X-Influxdb-Version` lack `/api/v2/write` (older than 1.8)? Unknown ones have it."""
    found = re.match(r"v?(\d+)\.(\d+)", version or "")
    return found is not None and (int(found[1]), int(found[2])) < (1, 8)


def _secret(path: str) -> str:
    return Path(path).read_text(encoding="utf-8").strip() if path else ""


def _text(fault: Any) -> str:
    return clean(str(fault.body or fault.message or fault.reason or ""), 2000)
