"""H.323 messages mutated by the ten thousands, through sessions and stand-in: nothing but events and counts, and a last word.

`make fuzz`. `NETMON_FUZZ=1000000` sets how many messages each test makes; the seed is printed when one fails.
"""

from __future__ import annotations

import os
import random
import time

from h323bytes import CALLS, RAS, RECORDED

from probes.answer.standin.h323 import H323StandIn, answers, incoming
from probes.errors import WireError
from probes.wire.h323 import q931
from probes.wire.h323.call import CallLeft, CallPlan, H323Call
from probes.wire.h323.h225 import Ids
from probes.wire.h323.q931 import tpkt_framer

MANY = int(os.environ.get("NETMON_FUZZ", "100000")) // 4
SEED = int(os.environ.get("NETMON_SEED", str(time.time_ns() & 0xFFFFFFFF)))
FAR = ("192.0.2.1", 1720)
FRAMES = {name: next(tpkt_framer().feed(RECORDED[name])) for name in CALLS}


def mutated(rng: random.Random, data: bytes) -> bytes:
    """A recorded message with bytes changed, cut or put in."""
    out = bytearray(data)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(out)) if out else 0
        match rng.randrange(4):
            case 0 if out:
                out[at] ^= 1 << rng.randrange(8)
            case 1 if out:
                out[at] = rng.choice((0, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 2 if rng.random() < 0.2:
                del out[at:]
            case _:
                out[at:at] = rng.randbytes(rng.randrange(4))
    return bytes(out)


def test_a_call_takes_whatever_comes_and_has_its_last_word() -> None:
    rng = random.Random(SEED)
    for turn in range(MANY // 4):
        name = rng.choice(CALLS)
        plan = CallPlan(
            "8001", FAR, ("192.0.2.2", 5), Ids(bytes(16), bytes(16)), FRAMES[name].reference, 3.0, 1.0, bool(turn % 2)
        )
        call, said = H323Call(plan), list[bytes]()
        said.append(call.transmit(0.0, 0))
        for at in (0.1, 0.2, 0.3, 0.4):
            call.receive(mutated(rng, RECORDED[name]), at)
            said.append(call.transmit(at, 0))
        for at in (1.0, 10.0, 20.0):
            call.hang_up(at)
            said.append(call.transmit(at, 0))
        events = call.events()
        assert call.done and isinstance(events[-1], CallLeft), f"seed {SEED}"
        types = [frame.type for frame in tpkt_framer().feed(b"".join(said))]
        assert types in ([q931.SETUP], [q931.SETUP, q931.RELEASE_COMPLETE]), f"seed {SEED}"


def test_a_stand_in_answers_or_counts() -> None:
    rng, standin = random.Random(SEED), H323StandIn()
    for turn in range(MANY):
        if turn % 2:
            answer = standin.ras(mutated(rng, RECORDED[rng.choice(RAS)]), FAR, FAR)
            assert len(answer) < 200, f"seed {SEED}"
            continue
        try:
            for frame in tpkt_framer().feed(mutated(rng, RECORDED[rng.choice(CALLS)])):
                asked = incoming(frame)
                if asked:
                    answers(standin, asked, FAR, (FAR, FAR))
        except WireError:
            continue
    assert sum(standin.counts.values()) == MANY // 2
