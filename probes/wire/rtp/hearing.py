"""Does the far end hear us? What its reports (RTCP, RFC 3550 §6.4) say of our stream, and our own packets come back. Pure.

A report lists every source heard since the one before it: one that leaves ours out, after we had time to be heard, says
that we are not. A block whose highest number stands still while we send says that it heard us once. A far end that sends
no report says nothing, and is not accused of anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from probes.wire.rtp import rtcp
from probes.wire.rtp.rtcp import Block, Goodbye, RtcpReport

_HEARABLE_S = 1.0  # after so long our first packets have arrived, and a report leaves us out on purpose
_BEHIND_S = 1.5  # a highest number so far behind what we send was not heard on the way: it stands still
_NOTHING = 0.99  # share lost since the last report: as good as all
_SURE = 2  # reports in a row that say it hears nothing
_MAX_REPORTERS = 8


class Hearing:
    """`hears`: None as long as nothing told. `block`: the last one about us."""

    def __init__(self, source: int, first_number: int, began: float) -> None:
        """Our SSRC, the number of our first packet, and when it left (monotonic s)."""
        self._source, self._first, self._began = source, first_number, began
        self._deaf = 0  # reports in a row
        self._reporters: set[int] = set()  # who of them has reported on us: a source of theirs may leave it to another
        self.hears: bool | None = None
        self.block: Block | None = None

    @property
    def is_settled(self) -> bool:
        """True when another report would not change what is told."""
        return bool(self.hears) or self._deaf >= _SURE

    def echoed(self, source: int) -> None:
        """A media packet came from this source: our own come back from a room that echoes, which has heard them."""
        if source == self._source:
            self._account(True)

    def reported(self, reports: Sequence[RtcpReport | Goodbye], sent: int, now: float) -> list[Block]:
        """A compound came; `sent`: packets of ours so far. The blocks about us."""
        leaving = {source for report in reports if isinstance(report, Goodbye) for source in report.sources}
        theirs = [report for report in reports if isinstance(report, RtcpReport) and self._is_said(report, leaving)]
        reporters = {report.source for report in theirs if rtcp.blocks_of([report], self._source)}
        self._reporters |= reporters if len(self._reporters) < _MAX_REPORTERS else set()
        is_others = bool(self._reporters) and not any(report.source in self._reporters for report in theirs)
        blocks = rtcp.blocks_of(theirs, self._source)
        self.block = blocks[-1] if blocks else self.block
        passed_s = now - self._began
        is_heard = bool(blocks) and self._is_heard(blocks[-1], sent, passed_s)
        if is_heard or (theirs and not is_others and passed_s >= _HEARABLE_S):
            self._account(is_heard)
        return blocks

    def _is_said(self, report: RtcpReport, leaving: set[int]) -> bool:
        """Not our own come back, nor the empty report that a goodbye must begin with (RFC 3550 §6.1): it says nothing."""
        is_farewell = report.source in leaving and not report.blocks
        return report.source != self._source and not is_farewell

    def _is_heard(self, block: Block, sent: int, passed_s: float) -> bool:
        place = (block.highest - self._first) & 0xFFFF
        if place >= sent or block.fraction >= _NOTHING:
            return False  # a number we never sent: it has heard none
        behind_s = (sent - 1 - place) * passed_s / sent
        return behind_s <= _BEHIND_S

    def _account(self, is_heard: bool) -> None:
        self.hears = is_heard
        self._deaf = 0 if is_heard else self._deaf + 1
