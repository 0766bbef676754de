"""How much a hub takes: gzip POSTs of 40 lines over kept connections. `python tests/bench/hub_ingest.py [SECONDS]`

Prints requests and lines a second, the hub's CPU for each POST (so per core), p50 and p99 of the 204, and its memory.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from hubs import HubProcess, hub, line, now_ms

CONNECTIONS, LINES = 32, 40


def _usage(pid: int) -> tuple[float, int]:
    """CPU seconds and resident bytes of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100, int(fields[21]) * 4096


async def _client(one: HubProcess, token: str, number: int, until: float, took: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    sequence = 1
    while time.perf_counter() < until:
        at = now_ms()
        lines = [
            line("c1", n, at + n, check=f"k{number}-{n}", more=f",rtt_min_ms=1.25,rtt_p95_ms=2.5,rtt_b{n}=1i")
            for n in range(LINES)
        ]
        body = gzip.compress("\n".join(lines).encode(), 1)
        head = (
            f"POST /api/v2/write?org=-&bucket=netmon&precision=ms HTTP/1.1\r\nHost: h\r\nAuthorization: Token {token}\r\n"
            f"Content-Encoding: gzip\r\nX-Netmon-Agent: c1\r\nX-Netmon-Boot: b{number}\r\n"
            f"X-Netmon-Seq: {sequence}-{sequence + LINES - 1}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        took.append(time.perf_counter() - began)
        assert answer.startswith(b"HTTP/1.1 204"), answer
        sequence += LINES
    writer.close()


async def _load(one: HubProcess, seconds: float) -> list[float]:
    token, took = one.token("c1"), list[float]()
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_client(one, token, number, until, took) for number in range(CONNECTIONS)))
    return took


def main() -> None:
    """Run once and print one JSON object."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with tempfile.TemporaryDirectory() as folder, hub(Path(folder)) as one:
        assert one.child is not None
        asyncio.run(_load(one, 1.0))
        cpu, _ = _usage(one.child.pid)
        took = sorted(asyncio.run(_load(one, seconds)))
        used, resident = _usage(one.child.pid)
        each = (used - cpu) / len(took)
        print(
            json.dumps(
                {
                    "posts_per_s": round(len(took) / seconds),
                    "lines_per_s": round(LINES * len(took) / seconds),
                    "cpu_us_per_post": round(each * 1e6),
                    "posts_per_s_per_core": round(1 / each),
                    "lines_per_s_per_core": round(LINES / each),
                    "p50_ms": round(took[len(took) // 2] * 1000, 2),
                    "p99_ms": round(took[int(len(took) * 0.99)] * 1000, 2),
                    "rss_mb": round(resident / 1e6, 1),
                    "connections": CONNECTIONS,
                }
            )
        )


if __name__ == "__main__":
    main()
