"""SIP messages (RFC 3261 §7, §25), encoded strictly and read tolerantly: field devices send what they like.

Accepted besides the standard's form: lines ended by LF alone, compact names (§7.3.3), folded lines, a missing reason,
header lines without a colon (left out), a Content-Length that is missing, wrong or too long. Everything else raises
`WireError`, nothing else does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from probes.errors import WireError
from probes.wire.framer import Framer

PORT, TLS_PORT = 5060, 5061  # RFC 3261 §19.1.2
MAX_BYTES = 65_536  # of one message; a longer one is not read
MAX_HEADERS = 256
_LONG = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}  # fmt: skip  (IANA registry "SIP Header Fields")
_STATUS = re.compile(r"SIP/\d{1,3}\.\d{1,3}[ \t]+([1-6]\d\d)(?:[ \t]+(.*))?\Z", re.IGNORECASE | re.DOTALL)
_REQUEST = re.compile(r"([!-~]{1,64})[ \t]+([!-~]{1,4096})[ \t]+SIP/\d{1,3}\.\d{1,3}[ \t]*\Z", re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_DIGITS = re.compile(r"\d{1,9}\Z")


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One message. A response has `status` 100–699 and `reason`; a request has status 0, `method` and `uri`.

    `headers`: (long name in small letters, value unfolded and trimmed), in the order they came. `short`: the body is
    not as long as Content-Length says, or that header cannot be read.
    """

    status: int
    reason: str
    method: str
    uri: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    short: bool = False

    def first(self, name: str) -> str:
        """The first value of a header (long name, small letters), "" when there is none."""
        return next((value for header, value in self.headers if header == name), "")

    def all(self, name: str) -> list[str]:
        """Every value of a header, one item per line of the message (comma lists are not split)."""
        return [value for header, value in self.headers if header == name]


def parse(data: bytes) -> SipMessage:
    """One datagram's message (RFC 3261 §18.3); raises `WireError`."""
    if len(data) > MAX_BYTES:
        raise WireError(MAX_BYTES, "longer than a message may be")
    start = _skip_blank(data)
    match = _HEAD_END.search(data, start)
    head, body = (data[start : match.start()], data[match.end() :]) if match else (data[start:], b"")
    message = parse_head(head)
    length = content_length(message)
    if length is None:
        return replace(message, body=body, short=bool(message.first("content-length")))
    return replace(message, body=body[:length], short=length > len(body))


def parse_head(head: bytes) -> SipMessage:
    """A start line and headers without the blank line that ends them; raises `WireError`."""
    lines = _unfold(_text(head).split("\n"))
    if len(lines) - 1 > MAX_HEADERS:
        raise WireError(0, "too many headers")
    named = _headers(lines[1:])
    first = lines[0].strip()
    if match := _STATUS.match(first):
        return SipMessage(int(match[1]), (match[2] or "").strip(), "", "", named)
    if match := _REQUEST.match(first):
        return SipMessage(0, "", match[1], match[2], named)
    raise WireError(0, "not a SIP start line")


def headers(data: bytes) -> tuple[tuple[str, str], ...]:
    """Headers alone, as those of a part of a body: see `SipMessage`; of too many the first."""
    return _headers(_unfold(_text(data).split("\n"))[:MAX_HEADERS])


def _headers(lines: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(header for line in lines if (header := _header(line)))


def content_length(message: SipMessage) -> int | None:
    """Content-Length, None when it is missing or no number."""
    text = message.first("content-length")
    return int(text) if _DIGITS.match(text) and text.isascii() else None


def _skip_blank(data: bytes | bytearray, start: int = 0) -> int:
    """Blank lines before a start line are keep-alives (RFC 3261 §7.5, RFC 5626 §3.5.1)."""
    while start < len(data) and data[start] in b"\r\n":
        start += 1
    return start


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _unfold(lines: list[str]) -> list[str]:
    out: list[str] = []
    folded: list[str] = []  # joined once per header: many short folds must not cost their square
    for line in lines:
        if line[:1] in (" ", "\t") and folded:
            folded.append(line.strip())
            continue
        if folded:
            out.append(" ".join(folded))
        folded = [line.rstrip("\r")]
    out.append(" ".join(folded))
    return out


def _header(line: str) -> tuple[str, str] | None:
    name, colon, value = line.partition(":")
    name = name.strip().lower()
    if not colon or not name:
        return None
    return _LONG.get(name, name), value.strip()


class SipFramer(Framer[SipMessage]):
    """Cuts a byte stream into messages (RFC 3261 §18.3), fed in any slicing.

    A message is given as soon as its head is complete, and its body is counted and thrown away; with `bodies` it is
    given when its body is complete, too. A Content-Length that is no number ends the framing: whatever follows is a
    `WireError`.
    """

    def __init__(self, *, bodies: bool = False) -> None:
        super().__init__()
        self._keep = bodies
        self._begun: SipMessage | None = None  # its body is not complete
        self._body_left = 0
        self._lost = False

    @property
    def pending(self) -> bool:
        """See `Framer`."""
        return super().pending or self._begun is not None

    def _next(self) -> SipMessage | None:
        if self._begun is None:
            self._begun = self._headed()
        if self._begun is None or (self._keep and len(self._bytes) < self._body_left):
            return None
        message, self._begun = self._begun, None
        if self._keep and self._body_left:
            message, self._body_left = replace(message, body=self._bytes.take(self._body_left)), 0
        return message

    def _headed(self) -> SipMessage | None:
        """The next message without its body."""
        self._skip()
        if self._bytes and self._lost:
            raise WireError(0, "bytes after a message of unknown length")
        head = self._bytes.take_head()
        if len(self._bytes if head is None else head) > MAX_BYTES:
            raise WireError(MAX_BYTES, "longer than a message may be")
        if head is None:
            if line := self._bytes.first_line():  # a start line that can be none is refused at once
                parse_head(line)
            return None
        message = parse_head(head)
        length = content_length(message)
        if self._keep and length and length > MAX_BYTES:
            raise WireError(MAX_BYTES, "longer than a message may be")
        self._lost = length is None and bool(message.first("content-length"))
        self._body_left = length or 0
        return replace(message, short=self._lost)

    def _skip(self) -> None:
        """Throw away body bytes, then blank lines between messages."""
        drop = min(self._body_left, len(self._bytes))
        self._body_left -= drop
        self._bytes.take(_skip_blank(self._bytes, drop))


def encode(message: SipMessage) -> bytes:
    """The bytes of a message; its Content-Length is written here. Texts must hold no line end (our own only)."""
    first = (
        f"SIP/2.0 {message.status} {message.reason}" if message.status else f"{message.method} {message.uri} SIP/2.0"
    )
    lines = [first, *(f"{_wire_name(name)}: {value}" for name, value in message.headers)]
    lines.append(f"Content-Length: {len(message.body)}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line end inside a SIP header")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + message.body


_WIRE_NAMES = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate"}


def _wire_name(name: str) -> str:
    return _WIRE_NAMES.get(name) or "-".join(part.capitalize() for part in name.split("-"))


def parameter(value: str, name: str) -> str | None:
    """A parameter of a header's value (`;tag=x`): its text, "" when it stands alone, None when absent.

    What stands within quotes, or within an address's brackets, is none.
    """
    bare = unquoted(value)
    start = bare.rfind(">") + 1
    if ";" not in bare[start:]:
        return None
    places = [match.start() for match in re.finditer(";", bare) if match.start() >= start]
    for begin, end in zip(places, [*places[1:], len(value)], strict=False):
        key, _, text = value[begin + 1 : end].partition("=")
        if key.strip().lower() == name:
            return text.strip()
    return None


def unquoted(value: str) -> str:
    """The same text with its quoted strings blanked out: all places stay."""
    return (
        re.sub(r'"(?:[^"\\]|\\.)*(?:"|\Z)', lambda match: " " * len(match[0]), value, flags=re.DOTALL)
        if '"' in value
        else value
    )


def retry_after_s(message: SipMessage) -> int | None:
    """Retry-After in seconds (RFC 3261 §20.33), None when it is missing or no number."""
    match = re.match(r"\s*(\d{1,9})(?!\d)", message.first("retry-after"), re.ASCII)
    return int(match[1]) if match else None


def cseq(message: SipMessage) -> tuple[int, str]:
    """CSeq's number and method; (-1, "") when it cannot be read."""
    match = re.match(r"(\d{1,10})[ \t]+(\S{1,64})\Z", message.first("cseq"), re.ASCII)
    return (int(match[1]), match[2].upper()) if match else (-1, "")


def top_branch(message: SipMessage) -> str:
    """The branch of the topmost Via, "" when there is none."""
    via = next((value for value in message.first("via").split(",") if value.strip()), "")
    return parameter(via, "branch") or ""


def same(ours: str, theirs: str) -> bool:
    """Whether two tokens (branches, tags, methods) are the same: letters of either case are (RFC 3261 §7.3.1)."""
    return ours.casefold() == theirs.casefold()


def answers(message: SipMessage, branch: str, number: int, method: str, call_id: str) -> bool:
    """Whether a response is to this request (§17.1.3): branch and method; a Via that did not come back is forgiven for
    Call-ID's sake, which is compared letter by letter (§8.1.1.4)."""
    if cseq(message) != (number, method):
        return False
    theirs = top_branch(message)
    return same(branch, theirs) if theirs else message.first("call-id") == call_id
