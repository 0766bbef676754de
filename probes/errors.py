"""What can go wrong on our side while measuring. A failing target is an `Outcome`, not an error."""


class ProbeError(Exception):
    """Root of the room's errors; the message says place, fault and way out."""


class BadTarget(ProbeError):
    """The target's text cannot be understood."""


class BadSettings(ProbeError):
    """Settings that contradict each other."""


class NeedsPrivilege(ProbeError):
    """This machine does not let us measure so (ICMP sockets closed to our group, no CAP_NET_RAW)."""


class WireError(Exception):
    """Bytes from a peer that the protocol does not allow: the only error a decoder may raise."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"at byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason
