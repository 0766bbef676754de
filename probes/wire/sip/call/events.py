"""What a test call tells while it goes on (`probes.wire.sip.call.call`), and how long it waits for what."""

from __future__ import annotations

from typing import NamedTuple

from probes.wire.icmp.fault import Fault
from probes.wire.sip.message import SipMessage


class CallLimits(NamedTuple):
    """How long we wait, in s: for the first answer of any kind, ringing, talking, and for the answer to our last word.

    `longest_s`: talking goes on for so long while something is still awaited of it; 0: it does not.
    """

    answer_s: float
    ring_s: float
    talk_s: float
    part_s: float = 2.0
    longest_s: float = 0.0


class Ringing(NamedTuple):
    """The first answer of this status (100 to 199), so long after the INVITE it answers."""

    status: int
    after_s: float


class Demands(NamedTuple):
    """An answer that is not final demands extensions we do not offer (Require): it waits for what we never send."""

    extensions: tuple[str, ...]


class Up(NamedTuple):
    """The far end took the call. `sends`: of the INVITE that was answered.

    `description`: of its media: the 200's, else of the answer before it that came from the same place; b"" for none.
    """

    message: SipMessage
    after_s: float
    sends: int
    description: bytes = b""


class CallRefused(NamedTuple):
    """A final answer that is no 2xx. `tried`: credentials had been given."""

    message: SipMessage
    after_s: float
    sends: int
    tried: bool


class Silent(NamedTuple):
    """No final answer: none of any kind (`rang` false), or it rang too long. `trouble`: why our last send did not arrive."""

    rang: bool
    closed: bool = False
    partial: bool = False
    trouble: Fault | None = None


class Leaving(NamedTuple):
    """Our BYE goes out: the media ends before it, for nobody listens after."""


class HungUp(NamedTuple):
    """The far end ended the call, so long after it took it. `message`: its BYE."""

    message: SipMessage
    after_s: float


class AckUnheard(NamedTuple):
    """The far end says again and again that it takes the call: it does not hear our ACK."""


class CallOver(NamedTuple):
    """A call that was up has ended: `ours` by our BYE. `status` of the BYE's answer, 0 for none; `after_s` it took."""

    ours: bool
    status: int
    after_s: float
