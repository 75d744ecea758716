"""`steelyard calc control`: control charts of a series, their run lengths, and limits designed for a run length."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from steelyard.calibration.engine.control.cusum import CusumDesign, cusum
from steelyard.calibration.engine.control.cusum_run_length import cusum_run_lengths, decision_interval
from steelyard.calibration.engine.control.errors import ControlError
from steelyard.calibration.engine.control.ewma import EwmaDesign, ewma
from steelyard.calibration.engine.control.ewma_run_length import ewma_limit, ewma_run_lengths
from steelyard.calibration.engine.control.observations import SPREAD_RULES, estimate_sigma
from steelyard.calibration.engine.control.run_rules import RULE_SETS, RULES, rule_names
from steelyard.calibration.engine.control.shewhart import shewhart
from steelyard.calibration.engine.control.shewhart_run_length import shewhart_limit, shewhart_run_lengths
from steelyard.cli.calc import control_report as report
from steelyard.cli.calc.csv_files import read_columns
from steelyard.cli.calc.documents import parse_numbers
from steelyard.cli.calc.printing import add_output_arguments, print_json
from steelyard.cli.errors import CommandError

DEFAULT_SHIFTS = "0,0.25,0.5,0.75,1,1.5,2,3,4"
_BELONGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "k": ("cusum",),
        "h": ("cusum",),
        "head_start": ("cusum", "ewma"),
        "weight": ("ewma",),
        "limit": ("ewma", "shewhart"),
        "limits": ("ewma",),
        "rules": ("shewhart",),
    }
)
"""Options that are some charts' own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the calculation's arguments."""
    parser.add_argument("file", metavar="DATA.csv", nargs="?", help="column value; - reads standard input")
    parser.add_argument("--chart", required=True, choices=("cusum", "ewma", "shewhart"))
    parser.add_argument("--target", metavar="T", help="the mean in control: a number, or mean or median of the data")
    parser.add_argument(
        "--sigma", metavar="S", help=f"standard deviation of a value: a number, or {' or '.join(SPREAD_RULES)}"
    )
    parser.add_argument("--k", type=float, help="cusum: reference value in sigma (default 0.5)")
    parser.add_argument("--h", type=float, help="cusum: decision interval in sigma (default 5)")
    parser.add_argument("--head-start", type=float, help="cusum, ewma: start in sigma (default 0)")
    parser.add_argument("--weight", type=float, help="ewma: weight of the newest value (default 0.2)")
    parser.add_argument("--limit", type=float, help="ewma, shewhart: limits in standard deviations (default 3)")
    parser.add_argument(
        "--limits",
        choices=("exact", "steady"),
        help="ewma: limits of each value (default for a chart), or those they approach (default for run lengths)",
    )
    parser.add_argument("--rules", metavar="LIST", help=f"shewhart: run rules, of {', '.join((*RULE_SETS, *RULES))}")
    parser.add_argument("--one-sided", action="store_true", help="watch for an increase only")
    parser.add_argument("--run-length", action="store_true", help="average run lengths instead of a chart")
    parser.add_argument("--shift", metavar="LIST", help=f"shifts of the mean in sigma (default {DEFAULT_SHIFTS})")
    parser.add_argument(
        "--in-control-run-length",
        type=float,
        metavar="N",
        help="choose the limit (cusum: h) that signals once in N values while nothing changes",
    )
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw the chart or calculate its run lengths, print it."""
    _check_options(arguments)
    try:
        found = _run_lengths(arguments) if arguments.run_length else _chart(arguments)
    except ControlError as error:
        raise CommandError(_named(arguments, error)) from error
    if arguments.plot is not None:
        report.draw(arguments.plot, found)
    if arguments.json:
        print_json(report.as_json(found))
    else:
        print(report.as_text(found))
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    for name, charts in _BELONGS.items():
        if getattr(arguments, name) is not None and arguments.chart not in charts:
            option = "--" + name.replace("_", "-")
            raise CommandError(f"{option}: belongs to --chart {' or '.join(charts)}, not to {arguments.chart}")
    wanted = "h" if arguments.chart == "cusum" else "limit"
    if arguments.in_control_run_length is not None and getattr(arguments, wanted) is not None:
        raise CommandError(f"--{wanted}: give it or --in-control-run-length, not both")
    if arguments.run_length:
        if arguments.file is not None:
            raise CommandError(f"{arguments.file}: --run-length takes no data")
    else:
        if arguments.file is None:
            raise CommandError("DATA.csv: is missing; give a file with column value, or --run-length")
        if arguments.shift is not None:
            raise CommandError("--shift: belongs to --run-length")


def _named(arguments: argparse.Namespace, error: ControlError) -> str:
    """The engine's words, with the option's or column's name for the engine's argument."""
    text = str(error)
    if error.field.startswith("values"):
        return f"{arguments.file}: {text.replace('values', 'value', 1)}"
    return f"--{error.field.replace('_', '-')}{text[len(error.field) :]}"


def _rules(arguments: argparse.Namespace) -> tuple[str, ...]:
    return () if arguments.rules is None else rule_names([each.strip() for each in arguments.rules.split(",")])


def _design(arguments: argparse.Namespace) -> report.Design:
    """The chart as asked, with the limit designed if so asked."""
    wanted, one_sided = arguments.in_control_run_length, arguments.one_sided
    start = 0.0 if arguments.head_start is None else arguments.head_start
    if arguments.chart == "cusum":
        k = 0.5 if arguments.k is None else arguments.k
        h = 5.0 if arguments.h is None else arguments.h
        if wanted is not None:
            h = decision_interval(CusumDesign(k=k).k, wanted, one_sided=one_sided)
        return CusumDesign(k=k, h=h, head_start=start)
    limit = 3.0 if arguments.limit is None else arguments.limit
    if arguments.chart == "ewma":
        weight = 0.2 if arguments.weight is None else arguments.weight
        steady = arguments.limits == "steady" if arguments.limits is not None else arguments.run_length
        if wanted is not None:
            limit = ewma_limit(weight, wanted, steady=steady, one_sided=one_sided)
        return EwmaDesign(weight=weight, limit=limit, steady=steady, head_start=start)
    rules = _rules(arguments)
    if wanted is not None:
        limit = shewhart_limit(wanted, rules=rules, one_sided=one_sided)
    return report.ShewhartDesign(limit=limit, rules=rules)


def _run_lengths(arguments: argparse.Namespace) -> report.RunLengths:
    shifts = parse_numbers(DEFAULT_SHIFTS if arguments.shift is None else arguments.shift, "--shift")
    design, one_sided = _design(arguments), arguments.one_sided
    if isinstance(design, CusumDesign):
        lengths = cusum_run_lengths(design, shifts, one_sided=one_sided)
    elif isinstance(design, EwmaDesign):
        lengths = ewma_run_lengths(design, shifts, one_sided=one_sided)
    else:
        lengths = shewhart_run_lengths(shifts, limit=design.limit, rules=design.rules, one_sided=one_sided)
    return report.RunLengths(
        chart=arguments.chart, design=design, one_sided=one_sided, shifts=shifts, lengths=lengths.tolist()
    )


def _chart(arguments: argparse.Namespace) -> report.Charted:
    columns = read_columns(arguments.file)
    values = columns.numbers("value")
    target, sigma = _target(arguments.target, values), _sigma(arguments.sigma, values)
    design, one_sided = _design(arguments), arguments.one_sided
    if isinstance(design, CusumDesign):
        return report.cusum(
            values,
            target,
            sigma,
            design,
            cusum(values, target, sigma, design, one_sided=one_sided),
            one_sided=one_sided,
        )
    if isinstance(design, EwmaDesign):
        return report.ewma(
            values, target, sigma, design, ewma(values, target, sigma, design, one_sided=one_sided), one_sided=one_sided
        )
    found = shewhart(values, target, sigma, limit=design.limit, rules=design.rules, one_sided=one_sided)
    return report.shewhart(values, target, sigma, design, found, one_sided=one_sided)


def _target(text: str | None, values: Sequence[float]) -> float:
    if text is None:
        raise CommandError("--target: is missing; give the mean in control, or mean or median to take the data's own")
    if text in ("mean", "median"):
        return float(np.mean(values) if text == "mean" else np.median(values))
    return _real(text, "--target", "mean or median")


def _sigma(text: str | None, values: Sequence[float]) -> float:
    rules = " or ".join(SPREAD_RULES)
    if text is None:
        raise CommandError(f"--sigma: is missing; give the standard deviation of a value, or {rules} to estimate it")
    for rule in SPREAD_RULES:
        if text == rule:
            return estimate_sigma(values, rule)
    return _real(text, "--sigma", rules)


def _real(text: str, option: str, words: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise CommandError(f"{option}: {text!r}: must be a number, or {words}") from None
    if not math.isfinite(found):
        raise CommandError(f"{option}: {text!r}: must be a finite number")
    return found
