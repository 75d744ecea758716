"""`steelyard calc stability`: mean and spread, Allan deviations, change point and wandering level of a series."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from steelyard.calibration.engine.stability.change_point import ChangePoint, change_point
from steelyard.calibration.engine.stability.description import Description, describe
from steelyard.calibration.engine.stability.deviations import STATISTICS, Deviation, deviations
from steelyard.calibration.engine.stability.errors import StabilityError
from steelyard.calibration.engine.stability.local_level import LocalLevel, fit_local_level
from steelyard.calibration.engine.stability.prediction_errors import PredictionErrorTests, check_prediction_errors
from steelyard.calibration.engine.stability.sampling import Sampled, sample
from steelyard.cli.calc.csv_files import read_columns
from steelyard.cli.calc.documents import parse_numbers
from steelyard.cli.calc.measured import decimals
from steelyard.cli.calc.plots import drawing
from steelyard.cli.calc.printing import add_output_arguments, number, print_json, table
from steelyard.cli.errors import CommandError

DEFAULT_STATISTIC = "oadev"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stability:
    """What was found about the `values`."""

    values: list[float]
    description: Description
    deviations: Mapping[str, tuple[Deviation, ...]]
    change_point: ChangePoint | None
    local_level: LocalLevel | None
    prediction_errors: PredictionErrorTests | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the calculation's arguments."""
    parser.add_argument("file", metavar="DATA.csv", help="column value, equally spaced in time; - reads standard input")
    parser.add_argument(
        "--data",
        choices=("phase", "frequency"),
        default="frequency",
        help="what the values are: frequency (any reading; default), or phase, whose slope is judged",
    )
    parser.add_argument("--rate", type=float, default=1.0, metavar="HZ", help="values per second (default 1)")
    parser.add_argument(
        "--statistic",
        metavar="LIST",
        help=f"of {', '.join(STATISTICS)} (default {DEFAULT_STATISTIC} as far as the series is long enough)",
    )
    parser.add_argument("--factors", metavar="LIST", help="averaging times in values (default 1, 2, 4, …)")
    parser.add_argument("--change-point", action="store_true", help="look for a change of the mean")
    parser.add_argument("--local-level", action="store_true", help="tell a wandering level from noise about it")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the series, judge it, print it."""
    columns = read_columns(arguments.file)
    exact = decimals(columns, "value")
    values = [float(value) for value in exact]
    try:
        series = sample(values, data=arguments.data, rate=arguments.rate)
        level = fit_local_level(values) if arguments.local_level else None
        found = Stability(
            values=values,
            description=describe(exact),
            deviations=_deviations(series, arguments.statistic, arguments.factors),
            change_point=change_point(values) if arguments.change_point else None,
            local_level=level,
            prediction_errors=_tested(level),
        )
    except StabilityError as error:
        raise CommandError(_named(columns.source, error)) from error
    if arguments.plot is not None:
        draw(arguments.plot, found)
    if arguments.json:
        print_json(as_json(found))
    else:
        print(as_text(found))
    return 0


def _named(source: str, error: StabilityError) -> str:
    """The engine's words, with the column's or option's name for the engine's argument."""
    option = {"rate": "--rate", "statistic": "--statistic", "factors": "--factors"}.get(error.field)
    if option is not None:
        return option + str(error)[len(error.field) :]
    return f"{source}: {str(error).replace('values', 'value', 1)}"


def _tested(level: LocalLevel | None) -> PredictionErrorTests | None:
    """None for steps that are all equal: there is nothing to test."""
    if level is None or len(set(level.standardized_errors)) == 1:
        return None
    return check_prediction_errors(level.standardized_errors)


def _deviations(series: Sampled, statistics: str | None, factors: str | None) -> dict[str, tuple[Deviation, ...]]:
    wanted = None if factors is None else _whole_numbers(factors)
    if statistics is None and wanted is None:
        return {DEFAULT_STATISTIC: deviations(series, DEFAULT_STATISTIC)}
    names = [each.strip() for each in (statistics or DEFAULT_STATISTIC).split(",")]
    return {name: deviations(series, name, wanted) for name in names}


def _whole_numbers(text: str) -> list[int]:
    numbers = parse_numbers(text, "--factors")
    if not all(each == int(each) and each >= 1 for each in numbers):
        raise CommandError(f"--factors: {text!r}: must be whole numbers from 1")
    return [int(each) for each in numbers]


def as_json(found: Stability) -> dict[str, object]:
    """The contract's object."""
    result: dict[str, object] = {
        "count": found.description.count,
        "mean": found.description.mean,
        "standard_deviation": found.description.standard_deviation,
        "lag_1_autocorrelation": found.description.lag_1_autocorrelation,
        "deviations": {
            name: [
                {"factor": each.factor, "tau": each.tau, "deviation": each.deviation, "n": each.n} for each in entries
            ]
            for name, entries in found.deviations.items()
        },
    }
    change = found.change_point
    if change is not None:
        result["change_point"] = {
            "index": change.index,
            "mean_before": change.mean_before,
            "mean_after": change.mean_after,
            "p_value": change.p_value,
            "statistic": change.statistic,
            "change": change.change,
            "change_standard_uncertainty": change.change_standard_uncertainty,
            "standard_deviation": change.standard_deviation,
            "index_interval": [change.first, change.last],
            "index_interval_probability": change.coverage,
            "pettitt": {
                "index": change.pettitt.index,
                "statistic": change.pettitt.statistic,
                "p_value": change.pettitt.p_value,
            },
        }
    if found.local_level is not None:
        result["local_level"] = {
            "noise_standard_deviation": math.sqrt(found.local_level.noise_variance),
            "level_standard_deviation": math.sqrt(found.local_level.level_variance),
            "level": found.local_level.level,
            "level_standard_uncertainty": found.local_level.level_standard_uncertainty,
            "log_likelihood": found.local_level.log_likelihood,
            "prediction_errors": None if found.prediction_errors is None else asdict(found.prediction_errors),
        }
    return result


def as_text(found: Stability) -> str:
    """Tables."""
    about = found.description
    lines = [
        f"values                 {about.count}",
        f"mean                   {number(about.mean, 12)}",
        f"standard deviation     {number(about.standard_deviation, 9)}",
        f"lag-1 autocorrelation  {number(about.lag_1_autocorrelation, 6)}",
    ]
    for name, entries in found.deviations.items():
        if entries:
            rows = [[str(each.factor), number(each.tau), number(each.deviation, 7), str(each.n)] for each in entries]
            lines += ["", STATISTICS[name].title, table(["factor", "tau / s", name, "n"], rows, left=0)]
    if found.change_point is not None:
        lines += ["", *_change_lines(found.change_point)]
    if found.local_level is not None:
        lines += ["", *_level_lines(found.local_level, found.prediction_errors)]
    return "\n".join(lines)


def _change_lines(change: ChangePoint) -> tuple[str, str, str]:
    where = (
        f"likeliest change after value {change.index} (with probability {change.coverage:.0%} after one of "
        f"{change.first} … {change.last}, if there is one)"
    )
    size = (
        f"  mean {number(change.mean_before)} before, {number(change.mean_after)} after: change "
        f"{number(change.change)} with standard uncertainty {number(change.change_standard_uncertainty, 2)}"
    )
    chance = (
        f"  without a change one as large is seen with p = {number(change.p_value, 2)} (Pettitt's rank test: after "
        f"{change.pettitt.index}, p = {number(change.pettitt.p_value, 2)})"
    )
    return where, size, chance


def _level_lines(found: LocalLevel, tests: PredictionErrorTests | None) -> list[str]:
    lines = [
        (
            f"noise about the level {number(math.sqrt(found.noise_variance))}, the level's step from value to value "
            f"{number(math.sqrt(found.level_variance))} (standard deviations); level now {number(found.level)} with "
            f"standard uncertainty {number(found.level_standard_uncertainty, 2)}"
        )
    ]
    if tests is not None:
        lines.append(
            f"  if that is so, its prediction errors look as they do with p = {number(tests.normality_p_value, 2)} "
            f"(normal), {number(tests.variance_ratio_p_value, 2)} (one variance), "
            f"{number(tests.autocorrelation_p_value, 2)} (independent)"
        )
    return lines


def draw(path: Path, found: Stability) -> None:
    """The series with its change, and the deviations over tau. Raises CommandError."""
    drawn = {name: entries for name, entries in found.deviations.items() if entries}
    with drawing(path, width=10.0 if drawn else 6.0) as figure:
        axes = figure.subplots(1, 2 if drawn else 1, squeeze=False)[0]
        axes[0].plot(range(1, len(found.values) + 1), found.values, ".-", linewidth=0.7, color="black")
        change = found.change_point
        if change is not None:
            axes[0].hlines(change.mean_before, 1, change.index, color="tab:blue")
            axes[0].hlines(change.mean_after, change.index + 1, len(found.values), color="tab:blue")
            axes[0].axvspan(change.first + 0.5, change.last + 0.5 + 1e-9, color="tab:blue", alpha=0.2)
        axes[0].set_xlabel("value")
        if drawn:
            for name, entries in drawn.items():
                positive = [each for each in entries if math.isfinite(each.deviation) and each.deviation > 0.0]
                axes[1].plot([each.tau for each in positive], [each.deviation for each in positive], "o-", label=name)
            axes[1].set(xscale="log", yscale="log", xlabel="tau / s", ylabel="deviation")
            axes[1].legend()
