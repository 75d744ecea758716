"""`steelyard sim SCENARIO`: instruments made of software, over Modbus TCP."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from steelyard.cli.errors import CommandError
from steelyard.cli.service import add_log_arguments, start_log, stop_on_signals
from steelyard.contracts.clock import ClockSettings, make_clock
from steelyard.firmware_sim.errors import SimError
from steelyard.firmware_sim.runner import Endpoint, run_sim_from_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.add_argument("scenario", type=Path, help="the scenario file (TOML)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--first-port", type=int, help="port of the first site, the others follow; 0: any free ones")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="keep the truth there, for scoring (JSON)")
    parser.add_argument("--record", type=Path, metavar="FILE", help="record every value served there (SQLite)")
    parser.add_argument("--json", action="store_true", help="print where each instrument answers as one line of JSON")
    clock = parser.add_argument_group("a scaled clock, the first three or none")
    clock.add_argument("--simulated-from-ns", type=int, help="UTC ns at which simulated time begins")
    clock.add_argument("--wall-from-ns", type=int, help="UTC ns of the wall clock at that moment")
    clock.add_argument("--rate", type=float, help="how many times faster it runs until it has caught up")
    clock.add_argument("--step-ns", type=int, default=0, help="advance in steps of so many ns (default 0: smoothly)")
    clock.add_argument("--pace", metavar="FILE", help="step only when those who keep their pace in FILE are done")
    add_log_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    start_log(arguments)
    numbers = (arguments.simulated_from_ns, arguments.wall_from_ns, arguments.rate)
    if None in numbers and any(number is not None for number in numbers):
        raise CommandError("a scaled clock needs --simulated-from-ns, --wall-from-ns and --rate")
    settings = (
        None
        if None in numbers
        else ClockSettings(
            simulated_from_ns=numbers[0],
            wall_from_ns=numbers[1],
            rate=numbers[2],
            step_ns=arguments.step_ns,
            pace=arguments.pace,
        )
    )
    as_json = arguments.json

    def ready(endpoints: tuple[Endpoint, ...]) -> None:
        if as_json:
            rows = {
                e.instrument: {"host": e.host, "port": e.port, "unit": e.unit, "profile": e.profile} for e in endpoints
            }
            print(json.dumps({"instruments": rows}), flush=True)
        else:
            for e in endpoints:
                print(f"{e.instrument:24} {e.host}:{e.port} unit {e.unit:3}  {e.profile}", flush=True)

    try:
        run_sim_from_file(
            arguments.scenario,
            make_clock(settings),
            stop_on_signals(),
            host=arguments.host,
            first_port=arguments.first_port,
            truth_path=arguments.truth,
            served_path=arguments.record,
            on_ready=ready,
        )
    except SimError as error:
        raise CommandError(str(error)) from error
    return 0
