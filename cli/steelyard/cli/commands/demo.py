"""`steelyard demo`: everything on this machine; `steelyard demo --score D`: what it found against the truth."""

from __future__ import annotations

import argparse
from pathlib import Path

from steelyard.cli.service import stop_on_signals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument(
        "--directory", type=Path, help="where everything is kept (default: demo-data); start there again to go on"
    )
    parser.add_argument("--port", type=int, help="port of the console on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--broker",
        choices=("mosquitto", "amqtt"),
        help="default: mosquitto where it is installed, else amqtt, which comes with the Python packages",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the console in a browser")
    parser.add_argument(
        "--json",
        action="store_true",
        help="for programs: one line with url, api_keys and truth once the console answers,\n"
        'then {"ready": true} when the history has arrived and was judged',
    )
    parser.add_argument(
        "--score",
        type=Path,
        metavar="DIRECTORY",
        help="do not run: compare what an earlier run claims with the simulator's truth; exit status 1 if they differ",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration until told to stop, or score one."""
    if arguments.score is not None:
        from steelyard.cli.demo.score import print_score  # noqa: PLC0415 - running needs other parts than scoring

        return print_score(arguments.score.resolve(), as_json=arguments.json)
    from steelyard.cli.demo.run import run_demo  # noqa: PLC0415 - likewise

    directory = (arguments.directory or Path("demo-data")).resolve()
    return run_demo(
        directory,
        port=arguments.port,
        as_json=arguments.json,
        browser=not arguments.no_browser,
        broker_kind=arguments.broker,
        stop=stop_on_signals(),
    )
