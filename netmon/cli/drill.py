"""`netmon drill`: nights in a network, played to the hub's own evaluation, and held against what they must come to."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from netmon.cli import output
from netmon.drill.expect import unmet, unmet_over
from netmon.drill.load import load
from netmon.drill.result import DrillResult
from netmon.drill.scenario import DrillScenario
from netmon.errors import GOOD, PROBLEM, ConfigError, Problem, UsageError

_LAB = "give --virtual; in real time netmon up --lab 6 --scenario uplink-cut plays what the lab can break"


class DrillRun(NamedTuple):
    """One run to be made: a scenario with one of its seeds."""

    scenario: DrillScenario
    seed: int


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="scenarios (docs/drill.md)")
    parser.add_argument("--virtual", action="store_true", help="in virtual time: nothing is sent and nobody waits")
    parser.add_argument("--seed", type=int, metavar="N", help="only this run (default: all seeds of the file)")
    parser.add_argument(
        "--jobs", type=_jobs, default=1, metavar="N", help="runs at one time, a process each (default 1)"
    )
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="json: one line a run")


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of jobs (write 1 to 256)")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """0 when all that is expected holds, 1 when something does not, 2 when a file is wrong."""
    if not args.virtual:
        raise UsageError([Problem("netmon drill", "--virtual", "is missing: a scenario needs virtual time", _LAB)])
    scenarios = _load(args.files)
    runs = [
        DrillRun(scenario, seed)
        for scenario in scenarios
        for seed in ([args.seed] if args.seed is not None else scenario.seeds)
    ]
    results, are_met = list[DrillResult](), True
    for made, result in zip(runs, _results(runs, args.jobs), strict=True):
        are_met &= _print(made, result, args.output)
        results.append(result)
    for scenario in scenarios:
        its = {made.seed: result for made, result in zip(runs, results, strict=True) if made.scenario is scenario}
        are_met &= _print_over(scenario, its, args.output)
    return GOOD if are_met else PROBLEM


def _load(files: Iterable[Path]) -> list[DrillScenario]:
    """All scenarios; raises `UsageError` with the faults of all files."""
    scenarios, problems = list[DrillScenario](), list[Problem]()
    for path in files:
        try:
            scenarios.append(load(path))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    return scenarios


# --- running ---


def _results(runs: list[DrillRun], jobs: int) -> Iterator[DrillResult]:
    """What each run came to, in their order. Of several each has a process of its own, so that its memory is its own."""
    if len(runs) == 1:
        yield _play(*runs[0])
        return
    with ThreadPoolExecutor(jobs) as threads:
        yield from threads.map(_play_apart, runs)


def _play_apart(run: DrillRun) -> DrillResult:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_play, *run).result()


def _play(scenario: DrillScenario, seed: int) -> DrillResult:
    from netmon.drill.run import run as play  # brings numpy along

    with _quiet():
        return play(scenario, seed)


@contextmanager
def _quiet() -> Iterator[None]:
    """A hub logs each incident, and here they are printed."""
    log = logging.getLogger("netmon")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


# --- telling ---


def _print(run: DrillRun, result: DrillResult, form: str) -> bool:
    """Tell of one run; whether all that is expected of it holds."""
    sentences = unmet(run.scenario, result)
    if form == "json":
        head = {"name": run.scenario.name, "seed": run.seed}
        output.print_json({**head, **result.plain(), "met": not sentences, "unmet": sentences})
    else:
        print(f"{run.scenario.name}\tseed {run.seed}\t{_verdict(sentences)}", flush=True)
    return not sentences


def _print_over(scenario: DrillScenario, results: dict[int, DrillResult], form: str) -> bool:
    """Tell what does not hold of all seeds together; lines of JSON are of single runs, so there it goes to stderr."""
    sentences = unmet_over(scenario, results)
    if sentences:
        stream = sys.stderr if form == "json" else sys.stdout
        print(f"{scenario.name}\tall seeds\t{_verdict(sentences)}", file=stream, flush=True)
    return not sentences


def _verdict(sentences: list[str]) -> str:
    return f"not met: {'; '.join(sentences)}" if sentences else "met"
