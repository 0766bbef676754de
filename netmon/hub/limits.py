"""Every limit of the hub's doors in one table, and the counters of what they turned away."""

from __future__ import annotations

from dataclasses import asdict, dataclass

MAX_HEAD_BYTES = 16 * 1024  # request line and headers together
MAX_BODY_BYTES = 1024 * 1024  # as sent (compressed)
MAX_INFLATED_BYTES = 16 * 1024 * 1024  # after gzip; the decompressor is stopped there
MAX_GZIP_MEMBERS = 1_000  # of one body
LARGE_BYTES = 1024 * 1024  # of plain text: only one such write is read at a time
MAX_BYTES_AT_ONCE = 8 * 1024 * 1024  # of the bodies of one writer (an agent, or all others of a site) on their way
MAX_OVERLONG_BYTES = 1024 * 1024  # of one line: what follows it is not read
MAX_JSON_BYTES = 64 * 1024  # bodies of the state API
MAX_LINES = 50_000  # of one write
MAX_VALUES = 100_000  # of one write by an agent, which is kept or refused as one
STORED_LINES = 1_000  # of other writers' in one record: a large write is several
SMALL_BYTES = 64 * 1024  # of plain text: such writes wait for nobody
STORED_VALUES = 10_000  # likewise
MAX_UNJUDGED_VALUES = 100_000  # waiting for the evaluation: large writes wait meanwhile
MAX_FIELDS = 2_048  # of one line
MAX_TAGS = 128  # of one line
MAX_SERIES_TEXT = 4_096  # characters of a measurement and its tags
# One writer's share: an agent's, or that of all others who write for a site together.
MAX_SERIES = 2_000  # heads it may keep alive: the cardinality cap
MAX_SERIES_BYTES = 4_000_000  # of memory for them
MAX_FIELD_NAMES = 4_096  # distinct ones
MAX_NAME_BYTES = 256 * 1024  # of memory for them
MAX_NAME = 200  # characters of a field's name
KEPT_FAULTS = 100  # refused lines of a write whose reasons are kept; the others are counted
SERIES_IDLE_NS = 24 * 3600 * 1_000_000_000  # a head unused for so long makes room for another
FUTURE_MS = 10 * 60 * 1000  # clocks may differ by so much; a stamp further ahead is refused

HEAD_DEADLINE_S = 10.0  # from the first byte (or the connection) to the end of the headers
BODY_DEADLINE_S = 30.0  # from there to the end of the body
TLS_DEADLINE_S = 10.0  # handshake
KEEP_ALIVE_S = 90.0  # agents flush every 10 s at most every 60: their connection stays
STUCK_READER_S = 60.0  # a reader of events who takes nothing for so long is let go
MAX_CONNECTIONS = 8_192
RETRY_AFTER_S = 5


@dataclass(slots=True)
class Counters:
    """What the hub did and refused since it started; shown in the state API under `hub`."""

    writes: int = 0  # requests whose lines were (at least partly) stored
    points_stored: int = 0
    points_repeated: int = 0  # sequence numbers seen before: acknowledged again, stored once
    points_conflicting: int = 0  # came under numbers of other points: answered 409, to be numbered anew
    points_rejected: int = 0  # every refused line, forged ones included
    points_forged: int = 0  # lines that claimed another site's tags
    malformed: int = 0  # requests that are no HTTP, no gzip, no UTF-8, or break a limit
    refused: int = 0  # without a token, with a wrong one, or for another agent
    expired: int = 0  # connections closed at a deadline
    overload: int = 0  # connections over the cap
    clock_refusals: int = 0  # writes answered 503 because the writer's clock, or the hub's, is wrong
    disk_refusals: int = 0  # writes answered 503 because the disk refused them

    def as_dict(self) -> dict[str, int]:
        """Name → count."""
        return asdict(self)
