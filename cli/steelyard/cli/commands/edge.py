"""`steelyard edge run CONFIG` and `steelyard edge check CONFIG`."""

from __future__ import annotations

import argparse
from pathlib import Path

from steelyard.broker_config.errors import BrokerConfigError
from steelyard.cli.errors import CommandError
from steelyard.cli.findings import print_findings
from steelyard.cli.service import add_log_arguments, start_log, stop_on_signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    run = actions.add_parser("run", help="read the instruments and send signed frames until told to stop")
    run.add_argument("config", type=Path, help="the gateway's configuration file (TOML)")
    add_log_arguments(run)
    run.set_defaults(run=_run)
    check = actions.add_parser(
        "check",
        help="try everything once: the file, the key, each instrument, the broker; exit status 1 if one is wanting",
    )
    check.add_argument("config", type=Path, help="the gateway's configuration file (TOML)")
    check.add_argument("--json", action="store_true", help="print the findings as JSON")
    check.set_defaults(run=_check)


def _run(arguments: argparse.Namespace) -> int:
    from steelyard.edge.agent import run_edge  # noqa: PLC0415 - `check --help` need not wait for it
    from steelyard.edge.errors import EdgeError  # noqa: PLC0415 - likewise

    start_log(arguments)
    try:
        run_edge(arguments.config, stop_on_signals())
    except (EdgeError, BrokerConfigError) as error:
        raise CommandError(str(error)) from error
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from steelyard.edge.check import check  # noqa: PLC0415 - `run` does not need it

    return print_findings(check(arguments.config), as_json=arguments.json)
