"""One hub put together: opened, caught up, and then its loops. Nothing here decides anything."""

from __future__ import annotations

import ipaddress
import logging
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from netmon import fields
from netmon.config.hub import HubConfig
from netmon.errors import MachineError
from netmon.files import lock, tighten
from netmon.hub.archive import sealing
from netmon.hub.archive.sink import Sink
from netmon.hub.conference.rehearsals import Rehearsals
from netmon.hub.conference.tables import ConferenceTables
from netmon.hub.disk.losses import LostPoints
from netmon.hub.disk.reclaim import DiskRoom
from netmon.hub.disk.remembered import heal
from netmon.hub.evaluation import open_evaluator
from netmon.hub.heartbeat import Heartbeat
from netmon.hub.incidents.actions import Actions
from netmon.hub.incidents.evaluator import Evaluator
from netmon.hub.incidents.heard import Heard
from netmon.hub.ingest.batch import Batch, replay
from netmon.hub.ingest.ingest import Ingest
from netmon.hub.ingest.journal import Journal
from netmon.hub.ingest.seen import SeenNumbers
from netmon.hub.ingest.writers import Writers
from netmon.hub.leases.desk import LeaseDesk
from netmon.hub.leases.tables import LeaseTables
from netmon.hub.limits import MAX_CONNECTIONS, Counters
from netmon.hub.outbox import Outbox
from netmon.hub.state import snapshot
from netmon.hub.state.communes import Communes
from netmon.hub.state.live import Live
from netmon.hub.state.view import HubView
from netmon.hub.tables import FILE, open_database
from netmon.hub.tokens import LiveTokens, Tokens, kept_tokens, site_tokens
from netmon.hub.web import api, trust
from netmon.hub.web.app import App
from netmon.hub.web.events import EventStream
from netmon.hub.web.leases import LeaseEndpoint
from netmon.hub.web.listener import Listener, tcp_socket
from netmon.hub.web.protocol import http_protocol
from netmon.load import inventory as inventory_file
from netmon.load import rules as rules_file
from netmon.process import unix
from netmon.process.troubles import Troubles, fault_words
from netmon.segments.position import Position
from netmon.segments.segments import Segments

log = logging.getLogger("netmon.hub")
SEGMENT_BYTES = 4_000_000  # at most; small quotas and disks get smaller ones, so that dropping one loses little


@dataclass
class Hub:
    """The parts of a running hub."""

    troubles: Troubles
    config: HubConfig
    folder: Path
    segments: Segments
    journal: Journal
    ingest: Ingest
    live: Live
    evaluator: Evaluator
    outbox: Outbox
    heartbeat: Heartbeat
    rehearsals: Rehearsals
    feed: EventStream
    sealer: sealing.Sealer
    sinks: tuple[Sink, ...]
    counters: Counters
    listeners: tuple[Listener, ...]
    tls: ssl.SSLContext | None
    lock: Any

    async def keep(self) -> None:
        """One turn of housekeeping: snapshot, seal, prune, retire, renew the certificate."""
        oldest_ms = self.ingest.clocks.keeping_ms(time.time_ns() // 1_000_000) - int(self.config.retention_s * 1000)
        with self.troubles.turn("housekeeping: snapshot and seal"):
            taken = self.snapshot()
            await self.journal.call(lambda: snapshot.save(self.folder, taken))
            if await self.sealer.run(oldest_ms):
                needed = [
                    self.sealer.limit(),
                    Position(*taken.position),
                    self.evaluator.start_position(),
                    *(sink.position for sink in self.sinks),
                ]
                await self.journal.call(lambda: sealing.prune(self.segments, needed))
        with self.troubles.turn("housekeeping: retention"):
            sealing.retire(self.sealer.store, oldest_ms)
        with self.troubles.turn("housekeeping: certificate"):
            self._renew()

    def _renew(self) -> None:
        """The server's certificate, when it is time."""
        pair = _pair(self.config, self.folder / "trust", self.troubles) if self.tls is not None else None
        if self.tls is not None and pair is not None:
            trust.reload(self.tls, pair)

    def snapshot(self) -> snapshot.Snapshot:
        """What is durable and settled at this moment."""
        rows = self.live.export()
        position = self.ingest.position
        return snapshot.Snapshot(
            position=(position.segment, position.offset),
            stored=self.counters.points_stored,
            seen=self.ingest.seen_now(),
            newest=self.ingest.newest_now(),
            agents=rows["agents"],
            checks=rows["checks"],
        )


def open_hub(config: HubConfig) -> Hub:
    """Everything opened and caught up, nothing served yet. Raises `ConfigError`, `MachineError`, `SpoolError`."""
    folder = Path(config.state_dir)
    held = _lock(folder)
    _tighten(folder)
    topology = inventory_file.load(Path(config.inventory))
    places = Writers.of(topology.inventory.sites, topology.inventory.agents, topology.inventory.checks)
    trust_folder, troubles = folder / "trust", Troubles()
    writers = _live_tokens(troubles, partial(site_tokens, trust_folder / "tokens", places.writers))
    readers = _live_tokens(troubles, partial(kept_tokens, trust_folder, [(trust_folder / "read.token", "read")]))

    schema = fields.registry()
    segments = _segments(folder, config)
    database = open_database(folder / FILE, troubles)
    rules = rules_file.load(Path(config.rules) if config.rules else None)
    evaluator = open_evaluator(config, topology, rules, database, folder, troubles)
    outbox, _ = senders = _senders(config, evaluator, troubles)
    store = folder / "store"
    sinks = tuple(_sink(sink, folder / "sinks", segments, troubles) for sink in config.sinks)
    sealer = sealing.Sealer(segments, store, troubles)
    losses = segments.on_drop = LostPoints(sealer, sinks, troubles)
    known = _known(folder, segments, sealer, sinks, evaluator, troubles)
    counters, live = Counters(), Live(schema)
    seen = catch_up(known, segments, evaluator, live, counters)
    journal = Journal(segments, DiskRoom(segments, store), troubles)
    publish, refused = _listening(live, evaluator, sinks, troubles)
    ingest = Ingest(
        places,
        writers,
        schema,
        journal,
        seen,
        counters,
        retention_s=config.retention_s,
        position=segments.durable,
        publish=publish,
        troubles=troubles,
        on_waiting=evaluator.heard,
        refused=refused,
        unjudged=evaluator.unjudged,
    )
    communes = Communes(places.communes, topology.symptoms)
    extra = _extra(segments, journal, sealer, sinks, losses, troubles)
    state = HubView(config.name, _version(), live, communes, evaluator, counters, extra)
    feed = EventStream(state)
    desk = LeaseDesk(config.leases, topology, LeaseTables(database))
    rehearsals = Rehearsals(
        config,
        topology,
        ConferenceTables(database),
        desk,
        on_owed=outbox.wake,
        incidents=lambda: evaluator.board.rows,
        troubles=troubles,
    )
    application = api.make(state, feed, Actions(evaluator.board), desk.view, rehearsals)
    leases = LeaseEndpoint(ingest, desk, counters)
    tls, listeners = _listeners(config, folder, ingest, application, leases, readers, counters, troubles)
    parts = segments, journal, ingest, live, evaluator, *senders, rehearsals, feed, sealer, sinks, counters, listeners
    return Hub(troubles, config, folder, *parts, tls, held)


def _senders(config: HubConfig, evaluator: Evaluator, troubles: Troubles) -> tuple[Outbox, Heartbeat]:
    """What sends the pages that a tick owes, and tells the board what became of them; and the signs of life."""
    board = evaluator.board
    speaking = partial(Outbox, lang=config.lang, people=config.people, hub=config.name)
    outbox = speaking(board.tables.outbox, config.receivers, board.pages_changed, troubles=troubles)
    evaluator.on_owed = board.on_owed = outbox.wake
    return outbox, Heartbeat(config.heartbeat, config.name, evaluator.view, troubles)


def _listening(
    live: Live, evaluator: Evaluator, sinks: tuple[Sink, ...], troubles: Troubles
) -> tuple[Callable[[Batch], None], Callable[[Batch], None]]:
    """Who hears of a write that is stored, and who of one the disk refused."""
    heard = Heard()
    evaluator.board.witnesses.look = lambda key: live.checks.get(key)

    def tell(batch: Batch) -> None:
        with troubles.turn("live state"):  # what fails to show a write must not keep it from being judged
            live.apply(batch)
        evaluator.accept(batch)

    def refused(batch: Batch) -> None:
        new = heard.refused(batch)
        if new is not None:
            tell(new)

    def publish(batch: Batch) -> None:
        tell(heard.stored(batch))
        for sink in sinks:
            sink.wake()

    return publish, refused


def _known(
    folder: Path,
    segments: Segments,
    sealer: sealing.Sealer,
    sinks: tuple[Sink, ...],
    evaluator: Evaluator,
    troubles: Troubles,
) -> snapshot.Snapshot:
    """The snapshot, and everybody's place in the segments made true."""
    known = snapshot.load(folder)
    others = {snapshot.FILE: Position(*known.position), FILE: evaluator.start_position()}
    if why := heal(segments, sealer, sinks, others):
        troubles.crashed("segments", OSError(why))
        troubles.well("segments")  # it is mended; the board and an incident tell it
    return known


def catch_up(
    known: snapshot.Snapshot, segments: Segments, evaluator: Evaluator, live: Live, counters: Counters
) -> SeenNumbers:
    """Read back what the snapshot and the evaluator do not know yet; the seen ranges. What is known to behind the
    segments' end may be known wrongly: all there is is read back."""
    after, judged = (
        Position(0, 0) if place > segments.durable else place
        for place in (Position(*known.position), evaluator.start_position())
    )
    seen = SeenNumbers.restore(known.seen, known.newest)
    live.restore(known.agents, known.checks)
    counters.points_stored = known.stored
    began, batches = time.monotonic(), 0
    for batch in replay(segments, min(after, judged)):
        batches += 1
        if batch.position > after:
            if batch.header.boot:
                seen.again(batch.header, max((line.time or 0 for line in batch.lines), default=0))
            live.apply(batch)
            counters.points_stored += len(batch.lines)
        if batch.position > judged:
            evaluator.replay(batch)
    evaluator.caught_up(time.time())
    log.info("%d writes read back in %.1f s", batches, time.monotonic() - began)
    return seen


def _listeners(
    config: HubConfig,
    folder: Path,
    ingest: Ingest,
    application: Any,
    leases: LeaseEndpoint,
    readers: Tokens,
    counters: Counters,
    troubles: Troubles,
) -> tuple[ssl.SSLContext | None, tuple[Listener, ...]]:
    host, port = split_listen(config.listen)
    pair = _pair(config, folder / "trust", troubles)
    tls = None if pair is None else trust.context(pair)
    protocol = http_protocol(counters, _max_connections())
    path = Path(config.socket) if config.socket else folder / "hub.sock"
    try:
        again = partial(tcp_socket, host, port)
        sockets: list[tuple[socket.socket | None, Callable[[], socket.socket], Any, bool]] = [
            (again(), again, tls, False)
        ]
    except OSError as fault:
        raise MachineError(f"cannot listen on {config.listen}: {fault.strerror or fault}") from fault
    try:
        again = partial(unix.listen, path)
        sockets.append((again(), again, None, True))
    except OSError as fault:
        sockets.append((None, again, None, True))
        troubles.tell(
            "listener on the local socket",
            f"{path}: {fault_words(fault)}: consoles on this machine need --hub and the read token",
        )
    made = []
    for sock, listen, context, local in sockets:
        app = App(ingest, application, readers, counters, _version(), local=local, leases=leases, troubles=troubles)
        made.append(Listener(app, protocol, sock, context, listen))
    log.info("hub %s listens on %s (%s) and %s", config.name, config.listen, "TLS" if tls else "plain, loopback", path)
    return tls, tuple(made)


def _live_tokens(troubles: Troubles, read: Callable[[], Tokens]) -> LiveTokens:
    """Tokens that are read again when a file changes; what is wrong with one is on the board as long as it is."""
    parts = set[str]()

    def tell(faults: Mapping[str, str]) -> None:
        for file, why in faults.items():
            troubles.tell(f"token file {file}", why, severity="warning")
        for part in parts - faults.keys():
            troubles.well(f"token file {part}")
        parts.clear()
        parts.update(faults)

    return LiveTokens(read, tell)


def _pair(config: HubConfig, folder: Path, troubles: Troubles) -> trust.Pair | None:
    """The certificate to show; None on loopback, where nobody sees one (its CA is made all the same)."""
    loopback = is_loopback(split_listen(config.listen)[0])
    try:
        pair = trust.ensure(folder, config.name, config.server_names, datetime.now(UTC))
    except MachineError as fault:
        if not loopback:
            raise
        log.warning("%s", fault)  # nobody misses it here
        return None
    if pair.advice:
        troubles.tell("certificate", pair.advice, severity="warning")
    else:
        troubles.well("certificate")
    return None if loopback else pair


def _segments(folder: Path, config: HubConfig) -> Segments:
    size = segment_bytes(folder, config.quota_bytes)
    return Segments(folder / "segments", segment_bytes=size, quota_bytes=config.quota_bytes)


def segment_bytes(folder: Path, quota_bytes: int) -> int:
    """Size of one segment: a 32nd of what there may be, between 64 kB and 4 MB."""
    return max(65_536, min(SEGMENT_BYTES, min(quota_bytes, shutil.disk_usage(folder).total) // 32))


def _sink(config: Any, folder: Path, segments: Segments, troubles: Troubles) -> Sink:
    def open_database() -> Any:
        from netmon.hub.archive.influx import InfluxDatabase  # 30 MB that a hub without sinks does not pay

        return InfluxDatabase(config)

    return Sink(config.name, folder, segments, segments.first, open_database, troubles)


def _extra(
    segments: Segments,
    journal: Journal,
    sealer: sealing.Sealer,
    sinks: tuple[Sink, ...],
    losses: LostPoints,
    troubles: Troubles,
) -> Callable[[], dict[str, Any]]:
    def rows() -> dict[str, Any]:
        return {
            "segments": {
                "bytes": segments.bytes_used,
                "damaged": segments.damaged,
                "dropped": max(segments.dropped, journal.dropped),
                "lost_points": losses.points,
                "sealed_rows": sealer.rows,
                "damaged_files": sealer.damaged_files,
            },
            "sinks": [sink.row() for sink in sinks],
            "troubles": troubles.rows(),
        }

    return rows


def split_listen(listen: str) -> tuple[str, int]:
    """`127.0.0.1:8443`, `[::]:8443` → host and port. Raises `MachineError` for anything else."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise MachineError(f"listen: {listen!r} is not ADDRESS:PORT (as 0.0.0.0:8443 or [::]:8443)")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Does an address stay on this machine? Only there is plain HTTP spoken."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _max_connections() -> int:
    """As many as there are file handles for, and never more than the cap."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and (hard == resource.RLIM_INFINITY or soft < hard):
        wanted = MAX_CONNECTIONS + 512 if hard == resource.RLIM_INFINITY else min(hard, MAX_CONNECTIONS + 512)
        soft = max(soft, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(16, min(MAX_CONNECTIONS, soft - 256))


def _lock(folder: Path) -> Any:
    """Only one hub works in a folder: two would write over each other's segments."""
    try:
        return lock(folder, "lock")
    except BlockingIOError as fault:
        raise MachineError(f"{folder}: another hub works here") from fault
    except OSError as fault:
        raise MachineError(
            f"{folder}: {fault.strerror or fault} (state_dir must be a folder the hub may write)"
        ) from fault


def _tighten(folder: Path) -> None:
    changed = tighten(folder)
    if changed:
        log.warning("%s: %d files or folders were open to others and are so no more", folder, changed)


def _version() -> str:
    from importlib.metadata import version

    return version("cpnet-netmon")
