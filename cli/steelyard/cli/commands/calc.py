"""`steelyard calc`: the engine's calculations for any file, without a fleet.

A calculation is a module of `steelyard.cli.calc` with ``add_arguments(parser)`` and ``run(arguments) -> exit status``,
imported only when it is called. What cannot be calculated is a CommandError: status 2 and one message.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from steelyard.cli.errors import CommandError

CALCULATIONS: dict[str, tuple[str, str]] = {
    "budget": ("budget", "measurement uncertainty of a model's outputs (JCGM 100, 101, 102)"),
    "curve": ("curve", "calibration curve through measured points, with uncertainty (ISO/TS 28037)"),
    "sensor": ("sensor", "sensor equations both ways: thermocouples, Pt100, thermistor"),
    "conformity": ("conformity", "probability of conformity, acceptance limits, risks (JCGM 106)"),
    "interval": ("interval", "calibration interval from an instrument's history"),
    "compare": ("compare", "consensus of laboratories, repeatability and reproducibility"),
    "stability": ("stability", "Allan deviations and change point of a series"),
    "control": ("control", "control charts and their run lengths"),
}
"""name -> (module in `steelyard.cli.calc`, one line of help). What has no module yet is not offered."""

_PACKAGE = "steelyard.cli.calc"


class CalculationParser(argparse.ArgumentParser):
    """A calculation's arguments, filled in by its module when it is called; a fault is one message, no usage text."""

    module_name: str | None = None

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]  # handed through from argparse itself
        # `--at -1,2.5` is a list of numbers, not an option.
        self._negative_number_matcher = re.compile(r"^-\.?\d[-+\d.,eE]*$")

    def parse_known_args(  # type: ignore[override]  # argparse overloads it by the namespace's type; here there is one
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Import the calculation, ask it for its arguments, parse."""
        if self.module_name is not None:
            module = _module(self.module_name)
            self.module_name = None
            module.add_arguments(self)
            self.set_defaults(run=module.run)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line."""
        raise CommandError(f"{message}; '{self.prog} --help' says more")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    calculations = parser.add_subparsers(metavar="ACTION", required=True, parser_class=CalculationParser)
    for name, (module_name, line) in CALCULATIONS.items():
        if importlib.util.find_spec(f"{_PACKAGE}.{module_name}") is None:
            continue
        calculation = calculations.add_parser(
            name, help=line, description=line[0].upper() + line[1:] + ".", formatter_class=argparse.RawTextHelpFormatter
        )
        calculation.module_name = module_name


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{_PACKAGE}.{name}")
