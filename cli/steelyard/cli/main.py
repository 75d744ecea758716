"""`steelyard`: one command, a subcommand for each part.

A subcommand is a module with ``HELP`` (one line), ``add_arguments(parser)`` and ``run(arguments) -> exit status``; it
is imported only when it is called.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import io
import sys
from collections.abc import Sequence

from steelyard.cli.errors import CommandError
from steelyard.contracts.errors import ContractError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "run the whole system on this machine, with simulated instruments and two years of history"),
    "sim": ("sim", "serve simulated instruments over Modbus TCP"),
    "edge": ("edge", "run a gateway, or check its configuration"),
    "ingest": ("ingest", "take frames from the broker into the ledger and the readings store"),
    "calibrate": ("calibrate", "estimate errors, keep due dates, raise work orders, send alerts"),
    "api": ("api", "serve the console and the REST interface"),
    "broker": ("broker", "make a development CA, the broker's ACL and its configuration"),
    "registry": (
        "registry",
        "register organizations, gateways, instruments; make accounts and API keys",
    ),
    "key": ("key", "make and show signing keys"),
    "catalogue": ("catalogue", "list, show and check the kinds of instruments and the law they are under"),
    "assess": ("assess", "judge a ledger kept in a spreadsheet: status, dates and work of each instrument"),
    "calc": ("calc", "calculate from files: uncertainty budgets, curves, conformity, intervals, comparisons, charts"),
    "backtest": ("backtest", "predict every as-found error of a history from what was known before it"),
    "doctor": ("doctor", "look at this machine and a configuration, and say what is missing"),
}
"""name -> (module in `steelyard.cli.commands`, one line of help)."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_EXTRA_OF = {
    "demo": "all",
    "sim": "sim",
    "edge": "edge",
    "ingest": "ingest",
    "calibrate": "server",
    "api": "server",
    "registry": "server",
    "catalogue": "server",
    "assess": "server",
    "calc": "server",
    "backtest": "server",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 1 found wanting, 2 cannot be done)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    _let_unknown_characters_pass()
    try:
        return _ran(arguments, chosen)
    except (CommandError, ContractError) as error:
        print(f"steelyard: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("steelyard") or chosen not in _EXTRA_OF:
            raise
        print(
            f"steelyard: '{chosen}' needs the package {error.name}, which is not installed here: "
            f"pip install 'steelyard[{_EXTRA_OF[chosen]}]'",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:
        # The reader of our output has gone (`steelyard … | head`): nothing is wrong here.
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.errno not in _FULL:
            raise
        print(f"steelyard: cannot write: {error.strerror}; make room there, or write elsewhere", file=sys.stderr)
        # What could not be written would be tried again when Python ends, with a traceback.
        with contextlib.suppress(OSError):
            sys.stdout.close()
        return 2
    except KeyboardInterrupt:
        return 130


def _ran(arguments: Sequence[str], chosen: str | None) -> int:
    parser = _parser(chosen if chosen in COMMANDS else None)
    parsed = parser.parse_args(arguments)
    run = getattr(parsed, "run", None)
    if run is None:
        parser.print_help()
        return 2
    status = int(run(parsed))
    sys.stdout.flush()  # here, where an output that is full can still be told
    return status


def _let_unknown_characters_pass() -> None:
    """Have a question mark in place of a character that the output does not know: ASCII terminals, Chinese names."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """The whole parser; only the chosen subcommand's module is imported for its arguments."""
    parser = argparse.ArgumentParser(
        prog="steelyard",
        description="Keeps legally controlled measuring instruments true.",
        epilog="'steelyard COMMAND --help' says more. New here? 'steelyard demo'.",
    )
    subparsers = parser.add_subparsers(metavar="COMMAND")
    for name, (module_name, line) in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=line, description=line[0].upper() + line[1:] + ".", formatter_class=argparse.RawTextHelpFormatter
        )
        if name == chosen:
            module = importlib.import_module(f"steelyard.cli.commands.{module_name}")
            module.add_arguments(subparser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
