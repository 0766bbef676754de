"""The command line: verbs are imported when they are called, so `--help` costs little."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from netmon.cli import terminal
from netmon.cli.parser import Parser, speak
from netmon.errors import CANNOT, INTERRUPTED, PROBLEM, ConfigError, MachineError, NetmonError, plain_words
from probes.clean import clean

# verb → (module with `arguments(parser)` and `run(args) -> exit code`, what it does)
VERBS: dict[str, tuple[str, str]] = {
    "up": ("netmon.cli.up", "agent, hub and store in one command; --lab builds a network to try them on"),
    "agent": ("netmon.cli.agent", "measure and send, for ever"),
    "hub": ("netmon.cli.hub", "receive, judge, page, for ever"),
    "reflector": ("netmon.cli.reflector", "answer STAMP tests"),
    "probe": ("netmon.cli.probe", "one probe kind, now"),
    "conference": ("netmon.cli.conference.conference", "is every room ready, and whose fault is it if not"),
    "console": ("netmon.cli.console", "the live screen of network operators"),
    "status": ("netmon.cli.status", "this machine's link in five lines, with or without the hub"),
    "incidents": ("netmon.cli.incidents", "what is broken, and what was in the last 24 h"),
    "ack": ("netmon.cli.ack", "take an incident into your hands"),
    "silence": ("netmon.cli.silence", "no pages for an element, for a time"),
    "leases": ("netmon.cli.leases", "which heavy tests run now, and what links have carried of them today"),
    "resend": ("netmon.cli.resend", "send points again that a database or a hub refused"),
    "rules": ("netmon.cli.rules", "prove rules before they are used; why an incident was told"),
    "drill": ("netmon.cli.drill", "play nights in a network to the rules: who is paged, and what for"),
    "report": ("netmon.cli.report.report", "figures over days, from the hub's store"),
    "config": ("netmon.cli.config", "check, show or explain configuration files"),
}

_LEVELS = ("debug", "info", "warning", "error")
_EVERYWHERE = "With every verb: --lang vi|en, --no-color, --log debug|info|warning|error."


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the `netmon` command; returns the exit code."""
    arguments = terminal.global_first(sys.argv[1:] if argv is None else argv)
    terminal.write_anything()
    speak(arguments, terminal.language(os.environ))
    parser = _parser(_verb_of(arguments))
    args = parser.parse_args(arguments)
    if args.log not in _LEVELS:  # argparse looks at what was typed only
        parser.error(f"argument NETMON_LOG: invalid choice: {args.log!r} (choose from {', '.join(_LEVELS)})")
    if args.verb is None:
        parser.print_help()
        return 2
    return _guarded(args)


def _verb_of(arguments: Sequence[str]) -> str | None:
    return next((word for word in arguments if word in VERBS), None)


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    parser = Parser(
        prog="netmon",
        description="Measures the network, finds the one broken thing, tells the right people.",
        formatter_class=_formatter,
    )
    parser.add_argument(
        "--lang",
        choices=terminal.LANGUAGES,
        default=terminal.language(os.environ),
        help="language of what is printed; without it that of NETMON_LANG or the locale",
    )
    parser.add_argument("--no-color", action="store_true", help="no colours (as the variable NO_COLOR)")
    parser.add_argument(
        "--log",
        default=os.environ.get("NETMON_LOG") or "info",
        choices=_LEVELS,
        help="how much to log",
    )
    parser.set_defaults(verb=None)
    verbs = parser.add_subparsers(prog="netmon", metavar="VERB", title="verbs")
    for name, (module, what) in VERBS.items():
        sub = verbs.add_parser(name, help=what, description=what, epilog=_EVERYWHERE, formatter_class=_formatter)
        sub.set_defaults(verb=name)
        if name == wanted:
            import_module(module).arguments(sub)
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    """As wide as the terminal. Left to itself argparse asks `shutil`, which loads three compressors for it."""
    columns = os.environ.get("COLUMNS", "")
    try:
        width = int(columns) if columns.isdecimal() else os.get_terminal_size(1).columns
    except OSError:
        width = 80
    return argparse.HelpFormatter(prog, width=max(20, width - 2))


def _guarded(args: argparse.Namespace) -> int:
    module = import_module(VERBS[args.verb][0])
    try:
        code = int(module.run(args))
        if sys.stdout is not None:
            sys.stdout.flush()  # what cannot be written is told, not lost with the process
        return code
    except NetmonError as fault:
        print("\n".join(clean(line, 1000) for line in _words(fault, args.lang).splitlines()), file=sys.stderr)
        return fault.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return 0
    except ImportError as fault:
        if fault.name is None or fault.name.split(".")[0] in ("netmon", "probes", "alerts", "inventory"):
            raise
        print(f"netmon {args.verb} needs {fault.name}: install cpnet-netmon[all]", file=sys.stderr)
        return CANNOT
    except OSError as fault:  # a file a verb was given: whose it is, and what the system says of it
        return _refused(fault, args)
    except Exception as fault:  # the only catch-all: a fault of ours, told as one
        return _ours(fault, args)


def _ours(fault: Exception, args: argparse.Namespace) -> int:
    """A program that logs writes the traceback into its log; a person is told in one line."""
    if logging.getLogger().handlers or args.log == "debug":
        logging.getLogger("netmon").exception(
            "netmon %s failed: this is a fault of netmon, please report it", args.verb
        )
        return PROBLEM
    text = f"netmon {args.verb} failed: {type(fault).__name__}: {fault}"
    print(clean(f"{text} (a fault of netmon: --log debug says where, please report it)", 1000), file=sys.stderr)
    return PROBLEM


def _refused(fault: OSError, args: argparse.Namespace) -> int:
    """The system said no: of which file, or else to which verb (a full disk behind stdout has no name)."""
    logging.getLogger("netmon").debug("netmon %s failed", args.verb, exc_info=True)
    text = _words(MachineError(f"{fault.filename or f'netmon {args.verb}'}: {plain_words(fault)}"), args.lang)
    print(clean(text, 1000), file=sys.stderr)
    if fault.filename is None:
        _forget_stdout()
    return CANNOT


def _forget_stdout() -> None:
    """What is still to be written goes nowhere: Python would fail on it once more at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _words(fault: NetmonError, lang: str | None) -> str:
    if lang != "vi":
        return str(fault)
    from netmon.cli import vietnamese

    return vietnamese.problems(fault.problems) if isinstance(fault, ConfigError) else vietnamese.said(str(fault))


if __name__ == "__main__":
    sys.exit(main())
