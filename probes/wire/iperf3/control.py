"""The control connection of an iperf3 test, both roles, as pure state machines (reference/measurement.md §8).

The owner carries the data streams: it answers `Dial` with `joined`, starts and stops at `Start`, `Warm` and `Stop`,
and hands its own counts over with `give` when it hears `ResultsWanted`. All of it ends with one `ControlOver`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from probes.errors import WireError
from probes.wire.framer import FramedSession, SizedFramer
from probes.wire.iperf3 import messages as iperf3
from probes.wire.iperf3.messages import COOKIE_BYTES, ControlState, Params, Results
from probes.wire.session import Dial, Malformed

_TEST_GRACE_S = 5.0  # a client may end its test so much later than it said


@dataclass(frozen=True, slots=True)
class Asked:
    """Server: a client asks for this test; nothing is refused yet."""

    params: Params


@dataclass(frozen=True, slots=True)
class Start:
    """The test runs: senders send from now on."""


@dataclass(frozen=True, slots=True)
class Warm:
    """The part that does not count is over: count anew."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The test is over: senders stop, receivers count no more (they may have to read on)."""


@dataclass(frozen=True, slots=True)
class ResultsWanted:
    """Our own results are needed: `give` them."""


@dataclass(frozen=True, slots=True)
class PeerResults:
    """The peer's results."""

    results: Results


@dataclass(frozen=True, slots=True)
class ControlOver:
    """The end. `how`: "done", "busy", "refused" (it said no), "gone" (closed), "silence", "nonsense", "ours"."""

    how: str
    why: str = ""


class _ControlTalk(FramedSession):
    """What both roles share: bytes in and out, one deadline, one end."""

    done = False

    def __init__(self, now: float, patience_s: float) -> None:
        super().__init__()
        self._patience_s = patience_s
        self._framer, self._out = SizedFramer(1, self._message_bytes, bytes), bytearray()
        self._deadline = now + patience_s
        self._timers: list[tuple[float, Callable[[float], None]]] = []
        self._awaits = ""  # in words, for who stays silent

    def _message_bytes(self, held: bytearray) -> int | None:
        return None if self.done else self._awaited_bytes(held)

    @abstractmethod
    def _awaited_bytes(self, held: bytearray) -> int | None:
        """How long what comes next is, None as long as nobody can tell; raises `WireError`."""

    def _closed(self, now: float) -> None:
        self._end("gone", f"the far end closed the connection while {self._awaits} was awaited")

    def transmit(self, now: float, clock_ns: int) -> bytes:
        """Bytes to write now; also fires timers."""
        due = [timer for timer in self._timers if timer[0] <= now]
        self._timers = [timer for timer in self._timers if timer[0] > now]
        for _, fire in due:
            if not self.done:
                fire(now)
        if not self.done and now >= self._deadline:
            self._late(now)
        out, self._out = bytes(self._out), bytearray()
        return out

    def _late(self, now: float) -> None:
        self._end("silence", f"nothing came in time ({self._awaits})")

    def wake_at(self) -> float | None:
        """When to call `transmit` next."""
        return None if self.done else min([self._deadline, *(at for at, _ in self._timers)])

    def _say(self, state: ControlState) -> None:
        self._out += state.to_bytes(1, "big", signed=True)

    def _await(self, what: str, now: float, patience_s: float = 0.0) -> None:
        self._awaits, self._deadline = what, now + (patience_s or self._patience_s)

    def _after(self, delay_s: float, now: float, fire: Callable[[float], None]) -> None:
        self._timers.append((now + delay_s, fire))

    def _notify(self, *events: Any) -> None:
        self._events.extend(events)

    def _broken(self, event: Malformed, now: float) -> None:
        self._notify(event)
        self._end("nonsense", event.reason)

    def _end(self, how: str, why: str = "") -> None:
        self._timers.clear()
        self.done = True
        self._notify(ControlOver(how, why))


def _state(message: bytes) -> ControlState:
    """A one-byte message's; `WireError` when there is none such."""
    number = int.from_bytes(message, "big", signed=True)
    try:
        return ControlState(number)
    except ValueError:
        raise WireError(0, f"no state has the number {number}") from None


class ClientTalk(_ControlTalk):
    """The client's side. `seconds`: how long it lasts; `params.time_s` is what the server is told of it.

    `wait_s`: how long to stand in a queue of a server that says it has one; `login` makes the token when it is time.
    """

    def __init__(
        self,
        cookie: bytes,
        params: Params,
        seconds: float,
        patience_s: float,
        port: int,
        now: float,
        wait_s: float = 0.0,
        login: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(now, patience_s)
        self._wait_s, self._login, self._queued = wait_s, login, False
        self.asked_at: float | None = None  # when the server had time for us
        self._cookie, self._params, self._seconds, self._port = cookie, params, seconds, port
        self._joined = 0
        self._expects: ControlState | None = ControlState.PARAM_EXCHANGE  # None: results
        self._awaits = "its first word"
        self._denied = False  # by SERVER_ERROR, whose number follows
        self._out += cookie

    def joined(self, now: float) -> None:
        """The stream of the last `Dial` is up."""
        self._joined += 1
        if self._expects is ControlState.TEST_START and self._joined < self._params.parallel:
            self._dial()
            self._await("the streams", now)

    def give(self, results: Results, now: float) -> None:
        """Our own results, after `ResultsWanted`."""
        self._out += iperf3.encode_results(results)
        self._await("its results", now)

    def abort(self, why: str, how: str = "gone") -> None:
        """A stream broke, or we cannot go on: tell the server and end."""
        if not self.done:
            self._say(ControlState.CLIENT_TERMINATE)
            self._end(how, why)

    def _awaited_bytes(self, held: bytearray) -> int | None:
        if self._denied:
            return 4
        return iperf3.framed_bytes(held, iperf3.MAX_RESULTS_BYTES) if self._expects is None else 1

    def _take(self, message: bytes, now: float) -> None:
        if self._denied:
            self._take_error(message)
        elif self._expects is None:
            self._take_results(message, now)
        else:
            self._take_state(_state(message), self._expects, now)

    def _take_state(self, state: ControlState, expected: ControlState, now: float) -> None:
        if state in (ControlState.ACCESS_DENIED, ControlState.SERVER_ERROR, ControlState.SERVER_TERMINATE):
            self._refused(state)
        elif state is ControlState.IPERF_START and expected is ControlState.PARAM_EXCHANGE and not self._queued:
            self._queued = True
            self._await("our turn", now, max(self._wait_s, self._patience_s))
        elif state is expected:
            _NEXT[state](self, now)
        else:
            raise WireError(0, f"{state.name} where {expected.name} was expected")

    def _late(self, now: float) -> None:
        if self._queued and self._expects is ControlState.PARAM_EXCHANGE:
            self._end("busy", "it is busy, and our turn did not come in time")
        else:
            super()._late(now)

    def _refused(self, state: ControlState) -> None:
        if state is ControlState.ACCESS_DENIED:
            self._end("busy", "it is busy with another test")
        elif state is ControlState.SERVER_TERMINATE:
            self._end("refused", "it ended the test")
        else:
            self._denied, self._awaits = True, "its reason for saying no"

    def _take_error(self, message: bytes) -> None:
        """SERVER_ERROR's number: i_errno, then errno (which some leave out)."""
        number = int.from_bytes(message, "big")
        self._end("refused", iperf3.ERRORS.get(number, "it refuses the test") + f" (iperf3 error {number})")

    def _ask(self, now: float) -> None:
        self.asked_at = now
        params = replace(self._params, login=self._login()) if self._login else self._params
        self._out += iperf3.encode_params(params)
        self._expects = ControlState.CREATE_STREAMS
        self._await("an answer to our parameters", now)

    def _create(self, now: float) -> None:
        self._expects = ControlState.TEST_START
        self._dial()
        self._await("the streams", now)

    def _dial(self) -> None:
        udp = self._params.protocol == "udp"
        hello = iperf3.UDP_HELLOS[0] if udp else self._cookie
        self._notify(Dial(hello, self._port, self._joined, udp))

    def _started(self, now: float) -> None:
        self._expects = ControlState.TEST_RUNNING
        self._await("the start", now)

    def _running(self, now: float) -> None:
        self._expects = ControlState.EXCHANGE_RESULTS
        self._notify(Start())
        if self._params.omit_s:
            self._after(self._params.omit_s, now, lambda _: self._notify(Warm()))
        lasts = self._params.omit_s + self._seconds
        self._after(lasts, now, self._finish)
        self._await("the end of the test", now, lasts + self._patience_s)

    def _finish(self, now: float) -> None:
        self._notify(Stop())
        self._say(ControlState.TEST_END)
        self._await("the exchange of results", now)

    def _exchange(self, now: float) -> None:
        if any(fire == self._finish for _, fire in self._timers):
            raise WireError(0, "EXCHANGE_RESULTS before the test was over")
        self._expects = None
        self._notify(ResultsWanted())
        self._await("its results", now)

    def _take_results(self, message: bytes, now: float) -> None:
        self._notify(PeerResults(iperf3.decode_results(iperf3.unframed(message))))
        self._expects = ControlState.DISPLAY_RESULTS
        self._await("the last word", now)

    def _display(self, now: float) -> None:
        self._say(ControlState.IPERF_DONE)
        self._end("done")


_NEXT: dict[ControlState, Callable[[ClientTalk, float], None]] = {
    ControlState.PARAM_EXCHANGE: ClientTalk._ask,
    ControlState.CREATE_STREAMS: ClientTalk._create,
    ControlState.TEST_START: ClientTalk._started,
    ControlState.TEST_RUNNING: ClientTalk._running,
    ControlState.EXCHANGE_RESULTS: ClientTalk._exchange,
    ControlState.DISPLAY_RESULTS: ClientTalk._display,
}


class ServerTalk(_ControlTalk):
    """The server's side, from the cookie on (which its owner has read, for it says whose connection it is)."""

    def __init__(self, patience_s: float, now: float) -> None:
        super().__init__(now, patience_s)
        self._phase, self._lasts_s = "params", 0.0
        self._params: Params | None = None
        self._say(ControlState.PARAM_EXCHANGE)
        self._awaits = "the parameters"

    def accept(self, now: float, lasts_s: float) -> None:
        """The test asked for may be made, for `lasts_s` at most: the client opens its streams."""
        self._lasts_s = lasts_s
        self._phase = "streams"
        self._say(ControlState.CREATE_STREAMS)
        self._await("the streams", now)

    def refuse(self, number: int, why: str) -> None:
        """It may not: `number` is one of `iperf3.ERRORS`."""
        self._say(ControlState.SERVER_ERROR)
        self._out += number.to_bytes(4, "big") + bytes(4)
        self._end("refused", why)

    def ready(self, now: float) -> None:
        """All streams are there: begin."""
        assert self._params is not None
        self._phase = "running"
        self._say(ControlState.TEST_START)
        self._say(ControlState.TEST_RUNNING)
        self._notify(Start())
        if self._params.omit_s:
            self._after(self._params.omit_s, now, lambda _: self._notify(Warm()))
        self._await("the end of the test", now, self._lasts_s + _TEST_GRACE_S)

    def give(self, results: Results, now: float) -> None:
        """Our own results, after `ResultsWanted`."""
        self._out += iperf3.encode_results(results)
        self._say(ControlState.DISPLAY_RESULTS)
        self._phase = "done"
        self._await("the last word", now)

    def abort(self, why: str, how: str = "gone") -> None:
        """We cannot go on: tell the client and end."""
        if not self.done:
            self._say(ControlState.SERVER_TERMINATE)
            self._end(how, why)

    def _broken(self, event: Malformed, now: float) -> None:
        self._say(ControlState.SERVER_ERROR)
        self._out += iperf3.BAD_PARAMS.to_bytes(4, "big") + bytes(4)
        super()._broken(event, now)

    def _late(self, now: float) -> None:
        self.abort(f"{self._awaits} did not come in time", "silence")

    def _awaited_bytes(self, held: bytearray) -> int | None:
        if self._phase == "results":
            return iperf3.framed_bytes(held, iperf3.MAX_RESULTS_BYTES)
        if self._phase != "params":
            return 1
        if self._params is not None:
            raise WireError(0, "bytes before the answer to the parameters")
        return iperf3.framed_bytes(held, iperf3.MAX_PARAMS_BYTES)

    def _take(self, message: bytes, now: float) -> None:
        if self._phase == "params":
            self._params = iperf3.decode_params(iperf3.unframed(message))
            self._notify(Asked(self._params))
        elif self._phase == "results":
            self._notify(PeerResults(iperf3.decode_results(iperf3.unframed(message))), ResultsWanted())
            self._phase = "giving"
        else:
            self._take_state(_state(message), now)

    def _take_state(self, state: ControlState, now: float) -> None:
        if state is ControlState.CLIENT_TERMINATE:
            self._end("gone", "the client ended the test")
        elif (self._phase, state) == ("running", ControlState.TEST_END):
            self._ended(now)
        elif (self._phase, state) == ("done", ControlState.IPERF_DONE):
            self._end("done")
        else:
            raise WireError(0, f"{state.name} has no place here")

    def _ended(self, now: float) -> None:
        self._timers.clear()
        self._phase = "results"
        self._say(ControlState.EXCHANGE_RESULTS)
        self._notify(Stop())
        self._await("the client's results", now)


def cookie_at(buffer: bytes | bytearray) -> bytes | None:
    """The cookie at the beginning of a new connection, None while it is not whole; raises `WireError`."""
    if len(buffer) < COOKIE_BYTES:
        return None
    cookie = bytes(buffer[:COOKIE_BYTES])
    if not iperf3.is_cookie(cookie):
        raise WireError(0, "no cookie")
    return cookie
