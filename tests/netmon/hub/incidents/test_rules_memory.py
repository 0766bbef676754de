"""What rules remember, on disk: it comes back whole, and a damaged file is none."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import records
from engine_world import START_MS, Agent, fired, rule, values
from evaluations import Measured, config

from alerts.base import LOST, OK
from alerts.engine.engine import Engine
from alerts.engine.memory import Memory
from alerts.rules import Rule
from netmon.hub.incidents import rules_memory as memory
from netmon.hub.incidents.evaluator import Evaluator
from netmon.hub.incidents.rules_memory import Remembered
from netmon.hub.incidents.tables import IncidentTables
from netmon.hub.tables import open_database
from netmon.line import Line
from netmon.segments.position import Position

RULES = (
    rule("missed(ok) >= 1", name="long", for_s=600.0),
    rule("last(x) > 5", name="hysteresis", clear="last(x) < 2"),
    rule("changed(x) < 2m", name="moved"),
    rule("age(ok) > 1m", name="old"),
)


def kept(folder: Path, engine: Engine) -> Engine:
    """Another engine that knows nothing but what was written."""
    memory.save(folder, Remembered(Position(1, 2), Position(1, 9), 5.5, engine.memory(), {"held": []}))
    one = memory.load(folder)
    assert one is not None
    assert (one.start, one.judged, one.at_s, one.book) == (Position(1, 2), Position(1, 9), 5.5, {"held": []})
    again = Engine(RULES)
    again.recall(one.engine, lambda agent: agent == "a")
    return again


def test_an_engine_that_was_written_down_says_what_it_would_have_said(tmp_path: Path) -> None:
    engine = Engine(RULES)
    agent, rng = Agent(engine), random.Random(3)
    other: Agent | None = None
    for at_s in range(0, 1400, 7):
        ms = at_s * 1000
        x = 7.0 if at_s < 300 else 3.0 if at_s < 1100 else 1.0
        outcome = LOST if at_s > 200 else OK
        for one in filter(None, (agent, other)):
            one.say(ms, values(outcome, x=x), check="k")
            if at_s % 70 == 0:
                one.say(ms, values(OK, x=4.0), check="rare")
            one.flush(ms + 500)
        if at_s == 497:
            other = Agent(kept(tmp_path, engine))
        seen, right = (other.tick(ms + 1500), agent.tick(ms + 1500)) if other else (None, agent.tick(ms + 1500))
        if seen is not None:
            assert fired(seen) == fired(right), at_s
            assert [one.since_ms for one in seen.firing] == [one.since_ms for one in right.firing]
            assert seen.unknown == right.unknown
            assert dict(seen.evidence)["k"].miss_ms == START_MS + 203_000
        rng.random()
    assert ("long", "k") in fired(right)


def test_agents_that_are_no_more_are_forgotten(tmp_path: Path) -> None:
    silent = Rule(name="silent", when=rule("age(ok) > 1s").when.__class__("age(arrival) > 15s"), fault="silence")
    engine = Engine([*RULES, silent])
    for name in ("a", "b"):
        Agent(engine, name).flush(1000)
    assert fired(engine.assess(START_MS + 400_000)) == [("silent", "a"), ("silent", "b")]
    again = Engine([*RULES, silent])
    again.recall(engine.memory(), lambda agent: agent == "a")
    assert fired(again.assess(START_MS + 401_000)) == [("silent", "a")]


@pytest.mark.parametrize("cut", [0, 5, 60, -1])
def test_a_torn_file_is_no_memory(tmp_path: Path, cut: int) -> None:
    kept(tmp_path, Engine(RULES))
    path = tmp_path / memory.FILE
    path.write_bytes(path.read_bytes()[:cut])
    assert memory.load(tmp_path) is None


def test_no_flipped_bit_raises(tmp_path: Path) -> None:
    engine = Engine(RULES)
    Agent(engine).say(0, values(OK, x=1.0))
    kept(tmp_path, engine)
    path, draw = tmp_path / memory.FILE, random.Random(1)
    whole = path.read_bytes()
    for _ in range(150):
        at, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        one = memory.load(tmp_path)
        assert one is None or isinstance(one.engine.arrays, dict)


def test_a_memory_of_another_shape_is_no_memory(tmp_path: Path) -> None:
    told = np.frombuffer(json.dumps({"start": [1, 2]}).encode(), np.uint8)
    import io
    import zlib

    raw = io.BytesIO()
    np.savez(raw, words=told)
    (tmp_path / memory.FILE).write_bytes(memory._HEAD + zlib.compress(raw.getvalue()))
    assert memory.load(tmp_path) is None


def learnt() -> Memory:
    return Memory({"checks": {"x": ["k", "l"]}}, {"x/samples": np.arange(6.0, dtype=np.float16).reshape(2, 3)})


def test_what_was_learnt_over_weeks_comes_back_whole_and_a_torn_file_is_nothing(tmp_path: Path) -> None:
    assert memory.load_history(tmp_path) is None
    memory.save_history(tmp_path, learnt())
    back = memory.load_history(tmp_path)
    assert back is not None and back.words == learnt().words
    assert np.array_equal(back.arrays["x/samples"], learnt().arrays["x/samples"])
    path = tmp_path / memory.HISTORY
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert memory.load_history(tmp_path) is None
        assert not path.exists()


def test_a_hub_keeps_what_it_learnt_once_an_hour_and_has_it_after_a_restart(tmp_path: Path) -> None:
    asked = rule("p95_7d(sent) > 5", kinds=("stamp", "ping"))
    tree = Measured(2, 1).tree
    database = open_database(tmp_path / "hub.db")
    first = Evaluator(config(), tree, [asked], IncidentTables(database), tmp_path)
    now_s = START_MS / 1000
    point = Line("netmon_ping", {"agent": "c1", "check": "c1-core"}, {"sent": 9, "rcvd": 9, "outcome": 0}, START_MS)
    first.accept(records.batch([point], Position(1, 1), agent="c1", frontier_ms=START_MS + 1000))
    first.tick(now_s + 2)
    assert not (tmp_path / memory.HISTORY).exists()
    first.tick(now_s + 3602)
    second = Evaluator(config(), tree, [asked], IncidentTables(database), tmp_path)
    words, arrays = second._engine.long_term.memory([])
    assert words == {"sent": ["c1-core"]}
    assert np.nanmax(arrays["sent/samples"]) == 9
    (tmp_path / memory.HISTORY).write_bytes(b"nonsense")
    third = Evaluator(config(), tree, [asked], IncidentTables(database), tmp_path)
    assert third._engine.long_term.memory([])[0] == {"sent": []}
    database.close()
