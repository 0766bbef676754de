"""`netmon status`: this machine's link in five lines, in the reader's language, with or without the hub."""

from __future__ import annotations

import argparse
import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netmon import zone
from netmon.cli import output
from netmon.errors import GOOD, PROBLEM, MachineError, plain_words
from netmon.hub_client import DEFAULT_SOCKET
from netmon.texts import read_texts
from probes.clean import clean

CONFIG = Path("/etc/netmon/agent.yaml")
MAX_BYTES = 4_000_000
Words = Mapping[str, str]
_WITH_WHY = ("program", "odd", "firewall")  # what the far end itself said belongs to these

_TEXTS = read_texts(Path(__file__).with_name("status.txt"))
_SPANS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


def arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument("--config", type=Path, default=CONFIG, metavar="FILE", help=f"the agent's file ({CONFIG})")
    parser.add_argument("--socket", type=Path, metavar="PATH", help="the agent's socket, instead of a file")
    output.argument(parser, "json")
    parser.add_argument(
        "--hub",
        nargs="?",
        const=DEFAULT_SOCKET,
        metavar="SOCKET|URL",
        help="how a hub itself fares, instead of an agent",
    )
    parser.add_argument("--token-file", default="", help="file with a read token (for a hub's URL)")
    parser.add_argument("--ca", default="", help="the hub's ca.pem (for a hub's URL)")


def run(args: argparse.Namespace) -> int:
    """Exit 0 when the link and the agent are fine, 1 when not or not known yet, 3 when no agent runs here."""
    if getattr(args, "hub", None) is not None:
        from netmon.cli import status_hub as statushub

        return statushub.run(args)
    view = ask(args.socket or _socket_of(args.config))
    if args.output == "json":
        output.print_json(view)
    else:
        print("\n".join(lines(view, args.lang or view["lang"], time.time())))
    return GOOD if view["verdict"]["state"] == "fine" and not view.get("troubles") else PROBLEM


def _socket_of(config: Path) -> Path:
    from netmon.config.files import load_agent

    return Path(load_agent(config).state_dir) / "agent.sock"


def ask(path: Path) -> dict[str, Any]:
    """What the agent says at its socket; raises `MachineError` when none answers."""
    parts = list[bytes]()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(5.0)
            sock.connect(str(path))
            while (part := sock.recv(65_536)) and sum(map(len, parts)) < MAX_BYTES:
                parts.append(part)
        view: dict[str, Any] = json.loads(b"".join(parts))
    except PermissionError:
        raise MachineError(f"{path}: not allowed (run it as root or as the agent's user)") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise MachineError(f"{path}: no agent answers (is it running? systemctl status netmon-agent)") from None
    except (OSError, ValueError) as fault:
        raise MachineError(f"{path}: the agent does not answer as it should: {plain_words(fault)}") from None
    return view


def lines(view: Mapping[str, Any], lang: str, now_s: float) -> list[str]:
    """The five lines, and one for each trouble of the agent itself; every text in them is cleaned."""
    words = _TEXTS["vi" if lang == "vi" else "en"]
    verdict = view["verdict"]
    return [
        clean(line, 300)
        for line in (
            _state(verdict, words) if verdict["state"] != "clock" else _clock(verdict, view["clock_offset_ms"], words),
            _since(verdict["since_ms"], words, now_s),
            _owner_line(verdict, words),
            _call(verdict, view["contacts"], words),
            _waiting(view, words),
            *_troubles(view, words, now_s),
        )
    ]


def _state(verdict: Mapping[str, Any], words: Words) -> str:
    """The most exact sentence there is; the measurement's own words behind it when it says no more than the part."""
    state, part, cause = verdict["state"], verdict["part"], verdict.get("cause", "")
    key = ".".join(filter(None, (state, part)))
    exact = state if state == "doubt" else f"{key}.{cause}" if f"{key}.{cause}" in words else cause
    text = words[exact].format(target=verdict["target"]) if exact in words else words.get(key, key)
    said = verdict["why"] if exact not in words or exact in _WITH_WHY else ""
    return text + (f": {_in_words(said, words)}" if said else "")


def _in_words(text: str, words: Words) -> str:
    """What a measurement or a destination said, in the reader's language as far as it is known there."""
    if words is not _TEXTS["vi"]:
        return text
    from netmon.cli.vietnamese import why

    return why(text)


def _clock(verdict: Mapping[str, Any], offset_ms: float, words: Words) -> str:
    by = _span(round(abs(offset_ms) / 1000), words)
    return words[f"clock.{verdict['part']}"].format(way=words[verdict["cause"]], by=by)


def _since(since_ms: int, words: Words, now_s: float) -> str:
    if not since_ms:
        return words["since.never"]
    at = zone.moment(since_ms / 1000)
    return words["since"].format(at=at, ago=_span(now_s - since_ms / 1000, words))


def _span(seconds: float, words: Words) -> str:
    for size, name in _SPANS:
        if seconds >= size:
            return words[name].format(n=int(seconds // size))
    return words["seconds"].format(n=0)


def _owner_line(verdict: Mapping[str, Any], words: Words) -> str:
    if not verdict["part"]:
        return words["whose.none"]
    if verdict["state"] == "doubt":
        return words["whose.doubt"]
    if verdict["state"] == "clock":
        return words["whose"].format(part=words[verdict["part"]], checks=words["clock"])
    named = ", ".join(verdict["checks"][:3])
    if len(verdict["checks"]) > 3:
        named += " " + words["more"].format(n=len(verdict["checks"]) - 3)
    part, cause = verdict["part"], verdict.get("cause", "")
    key = "program.owner" if cause in ("program", "odd", "host", "firewall") else f"{part}.{cause}"
    owner = words.get(key, words[part]).format(target=verdict.get("target", ""))
    return words["whose"].format(part=owner, checks=named)


def _call(verdict: Mapping[str, Any], contacts: list[Mapping[str, str]], words: Words) -> str:
    if not verdict["part"] or verdict["state"] == "doubt":
        return words["call.none"]
    people = [person for person in contacts if person["about"] == verdict["part"]]
    if not people:
        return words["call.unknown"]
    return words["call"].format(contact="; ".join(_person(person, words) for person in people))


def _person(person: Mapping[str, str], words: Words) -> str:
    circuit = words["circuit"].format(circuit=person["circuit"]) if person["circuit"] not in ("", "-") else ""
    return ", ".join(filter(None, (person["who"], person["phone"], circuit)))


def _troubles(view: Mapping[str, Any], words: Words, now_s: float) -> list[str]:
    return [
        words["trouble"].format(
            part=trouble["part"], why=trouble["why"], ago=_span(now_s - trouble["since_ms"] / 1000, words)
        )
        for trouble in view.get("troubles", ())
        if view["verdict"]["state"] != "clock" or not trouble["part"].startswith("clock")  # the first line says it
    ]


def _hub(view: Mapping[str, Any], words: Words) -> str:
    bad = [destination for destination in view["destinations"] if not destination["good"]]
    if not bad:
        return words["hub.good"]
    if view["verdict"]["state"] == "clock":
        return words["hub.clock"]
    return words["hub.bad"].format(name=bad[0]["name"], trouble=_in_words(bad[0]["trouble"], words))


def _waiting(view: Mapping[str, Any], words: Words) -> str:
    offset, spool = view["clock_offset_ms"], view["spool"]
    offset_text = words["offset.none"] if offset is None else f"{offset:+.1f} ms"
    text = words["waiting"].format(points=spool["points"], offset=offset_text, hub=_hub(view, words))
    lost = [words["dropped"].format(dropped=spool["dropped"])] if spool["dropped"] else []
    return "; ".join([text, *lost, *filter(None, [spool["trouble"]])])
