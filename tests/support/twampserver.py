"""A small TWAMP server and reflector for tests, written from the message layouts of RFC 4656 and RFC 5357 alone: it shares
no code with the client. It is no twampd; what a real one does differently it cannot show."""

from __future__ import annotations

import socket
import struct
import threading
import time
from dataclasses import dataclass, field

NTP = 2_208_988_800


def greeting(modes: int = 1) -> bytes:
    """64 bytes."""
    return bytes(12) + struct.pack("!I", modes) + bytes(16) + bytes(16) + struct.pack("!I", 1024) + bytes(12)


def server_start(accept: int = 0) -> bytes:
    """48 bytes."""
    return bytes(15) + bytes((accept,)) + bytes(16) + struct.pack("!Q", 0xEEF45080 << 32) + bytes(8)


def accept_session(port: int, accept: int = 0) -> bytes:
    """48 bytes."""
    return struct.pack("!BBH", accept, 0, port) + bytes(range(16)) + bytes(12) + bytes(16)


def start_ack(accept: int = 0) -> bytes:
    """32 bytes."""
    return bytes((accept,)) + bytes(31)


@dataclass
class Server:
    """One control connection after the other on 127.0.0.1. `modes`, `accept`: what it offers and says; `heard`: what clients
    sent, by length; `hang_up`: end the connection after so many tests."""

    modes: int = 15
    accept: int = 0
    hang_up: int = -1
    silent: bool = False
    heard: list[bytes] = field(default_factory=list)
    sessions: int = 0

    def __enter__(self) -> Server:
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self._tcp.getsockname()[1]
        self._over = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._tcp.shutdown(socket.SHUT_RDWR)
        self._tcp.close()
        self._thread.join(5)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while not self._over:
            try:
                peer, _ = self._tcp.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(3)
                try:
                    self._talk(peer)
                except OSError:
                    continue

    def _talk(self, peer: socket.socket) -> None:
        if self.silent:
            peer.recv(1)
            return
        peer.sendall(greeting(self.modes))
        if not self._hear(peer, 164):
            return
        peer.sendall(server_start())
        request = self._hear(peer, 112)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            peer.sendall(accept_session(udp.getsockname()[1], self.accept))
            if not request or self.accept or not self._hear(peer, 32):
                return
            peer.sendall(start_ack())
            self.sessions += 1
            self._reflect(peer, udp, struct.unpack_from("!H", request, 12)[0])

    def _hear(self, peer: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = peer.recv(size - len(data))
            if not more:
                return b""
            data += more
        self.heard.append(data)
        return data

    def _reflect(self, peer: socket.socket, udp: socket.socket, asker_port: int) -> None:
        peer.settimeout(0.001)
        udp.settimeout(0.02)
        number = 0
        while not self._over and number != self.hang_up:
            try:
                said = peer.recv(100)
                self.heard.append(said)
                return
            except TimeoutError:
                pass
            try:
                test, source = udp.recvfrom(2000)
            except TimeoutError:
                continue
            came = self._now()
            if source[1] != asker_port:
                continue
            seq, sent, error = struct.unpack_from("!IQH", test)
            answer = struct.pack("!IQHHQIQHHB", number, self._now(), 0x8001, 0, came, seq, sent, error, 0, 64)
            udp.sendto(answer + bytes(max(0, len(test) - len(answer))), source)
            number += 1

    @staticmethod
    def _now() -> int:
        nanos = time.time_ns()
        return (nanos // 10**9 + NTP) << 32 | (nanos % 10**9 << 32) // 10**9
