"""`steelyard calc compare`: consensus of laboratories, their scores, a method's precision, analysis of variance."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from steelyard.calibration.engine.comparisons import consensus as consensus_values
from steelyard.calibration.engine.comparisons.analysis_of_variance import analyse_variance
from steelyard.calibration.engine.comparisons.errors import ComparisonError
from steelyard.calibration.engine.comparisons.largest_subset import largest_consistent_subset
from steelyard.calibration.engine.comparisons.precision import precision
from steelyard.calibration.engine.comparisons.robust import TUNING, algorithm_a, algorithm_s, huber
from steelyard.calibration.engine.comparisons.scores import normalized_error, z_prime_score, z_score, zeta_score
from steelyard.cli.calc import compare_report as report
from steelyard.cli.calc.csv_files import Columns, read_columns
from steelyard.cli.calc.measured import by_group, positive_numbers
from steelyard.cli.calc.printing import add_output_arguments, print_json
from steelyard.cli.errors import CommandError

LARGEST_SUBSET = "largest-consistent-subset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says beside the method; None where it says nothing."""

    tuning: float | None
    significance: float
    reference: float | None
    reference_uncertainty: float | None
    sigma: float | None
    coverage_factor: float
    degrees_of_freedom: float | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the calculation's arguments."""
    parser.add_argument(
        "file",
        metavar="DATA.csv",
        help="columns laboratory, value [, standard_uncertainty or expanded_uncertainty] [, level]; - reads stdin",
    )
    parser.add_argument(
        "--method", required=True, choices=list(METHODS), metavar="M", help=f"one of {', '.join(METHODS)}"
    )
    parser.add_argument("--tuning", type=float, help=f"limits of algorithm-a and huber in s (default {TUNING:g})")
    parser.add_argument(
        "--significance",
        type=float,
        default=consensus_values.SIGNIFICANCE,
        help="of the chi-squared test of consistency (default %(default)g)",
    )
    parser.add_argument("--reference", type=float, metavar="X", help="scores: the assigned value")
    parser.add_argument("--reference-uncertainty", type=float, metavar="U", help="scores: its standard uncertainty")
    parser.add_argument("--sigma", type=float, help="scores: standard deviation for proficiency assessment")
    parser.add_argument(
        "--coverage-factor", type=float, default=2.0, help="of expanded uncertainties (default %(default)g)"
    )
    parser.add_argument("--degrees-of-freedom", type=float, help="algorithm-s: of each standard deviation")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the results, compare them, print it."""
    options = Options(
        tuning=arguments.tuning,
        significance=arguments.significance,
        reference=arguments.reference,
        reference_uncertainty=arguments.reference_uncertainty,
        sigma=arguments.sigma,
        coverage_factor=arguments.coverage_factor,
        degrees_of_freedom=arguments.degrees_of_freedom,
    )
    if not (math.isfinite(options.coverage_factor) and options.coverage_factor > 0.0):
        raise CommandError(f"--coverage-factor: {options.coverage_factor:g}: must be positive")
    columns = read_columns(arguments.file)
    try:
        found = METHODS[arguments.method](arguments.method, columns, options)
    except ComparisonError as error:
        raise CommandError(f"{columns.source}: {_named(error)}") from error
    if arguments.plot is not None:
        report.draw(arguments.plot, found)
    if arguments.json:
        print_json({"method": arguments.method} | dict(found.fields))
    else:
        print(report.as_text(found))
    return 0


def _named(error: ComparisonError) -> str:
    """The engine's words, with the column's or option's name for the engine's argument."""
    names = {
        "values": "value",
        "standard_uncertainties": "standard_uncertainty",
        "groups": "laboratory",
        "tuning": "--tuning",
        "significance": "--significance",
        "degrees_of_freedom": "--degrees-of-freedom",
        "standard_deviation": "--sigma",
        "assigned": "--reference",
        "assigned_standard_uncertainty": "--reference-uncertainty",
    }
    field, _, position = error.field.partition("[")
    text = str(error)
    return names.get(field, field) + text[len(field) :] if position or field in names else text


def _laboratories(columns: Columns) -> list[str]:
    return columns.texts("laboratory")


def _uncertainties(columns: Columns, options: Options) -> list[float]:
    if "standard_uncertainty" not in columns and "expanded_uncertainty" in columns:
        return [each / options.coverage_factor for each in positive_numbers(columns, "expanded_uncertainty")]
    return positive_numbers(columns, "standard_uncertainty")


def _algorithm_a(method: str, columns: Columns, options: Options) -> report.Comparison:
    names, values = _laboratories(columns), columns.numbers("value")
    tuning = TUNING if options.tuning is None else options.tuning
    function = algorithm_a if method == "algorithm-a" else huber
    return report.robust(method, names, values, function(values, tuning=tuning), tuning)


def _algorithm_s(method: str, columns: Columns, options: Options) -> report.Comparison:
    if options.degrees_of_freedom is None:
        raise CommandError(
            "--degrees-of-freedom: is missing; give those of each standard deviation, 1 for ranges of two"
        )
    names, values = _laboratories(columns), columns.numbers("value")
    pooled = algorithm_s(values, degrees_of_freedom=options.degrees_of_freedom)
    return report.pooled(method, names, values, pooled)


def _consensus(method: str, columns: Columns, options: Options) -> report.Comparison:
    names, values = _laboratories(columns), columns.numbers("value")
    u = _uncertainties(columns, options)
    member = np.ones(len(values), dtype=np.bool_)
    if method == LARGEST_SUBSET:
        subset = largest_consistent_subset(values, u, significance=options.significance)
        found, member = subset.consensus, subset.member
    else:
        found = consensus_values.consensus(values, u, method, significance=options.significance)
    equivalence = None
    if method in (LARGEST_SUBSET, "weighted-mean"):
        equivalence = consensus_values.degrees_of_equivalence(
            values, u, found.value, found.standard_uncertainty, member
        )
    return report.consensus(method, names, values, u, found, member, equivalence)


def _precision(method: str, columns: Columns, _: Options) -> report.Comparison:
    if "level" not in columns:
        return report.precision(method, precision(by_group(columns, "laboratory", "value")))
    found = {}
    for level, part in columns.parts("level").items():
        try:
            found[level] = report.precision(method, precision(by_group(part, "laboratory", "value")))
        except ComparisonError as error:
            raise CommandError(f"{columns.source}: level {level!r}: {_named(error)}") from error
    return report.levels(method, found)


def _anova(method: str, columns: Columns, _: Options) -> report.Comparison:
    groups = by_group(columns, "laboratory", "value")
    return report.variance(method, groups, analyse_variance(groups))


def _scores(method: str, columns: Columns, options: Options) -> report.Comparison:
    names, values = _laboratories(columns), columns.numbers("value")
    x, sigma, u_x = options.reference, options.sigma, options.reference_uncertainty
    if x is None:
        raise CommandError("--reference: is missing; give the assigned value")
    stated = "standard_uncertainty" in columns or "expanded_uncertainty" in columns
    if sigma is None and not (stated and u_x is not None):
        raise CommandError(
            "--sigma: is missing; scores need it, or column standard_uncertainty with --reference-uncertainty"
        )
    scores: dict[str, list[float]] = {}
    if sigma is not None:
        scores["z"] = z_score(values, x, sigma).tolist()
        if u_x is not None:
            scores["z_prime"] = z_prime_score(values, x, sigma, u_x).tolist()
    if stated and u_x is not None:
        u = np.asarray(_uncertainties(columns, options))
        k = options.coverage_factor
        scores["zeta"] = zeta_score(values, u, x, u_x).tolist()
        scores["en"] = normalized_error(values, k * u, x, k * u_x).tolist()
    return report.scores(method, names, values, scores)


METHODS: Mapping[str, Callable[[str, Columns, Options], report.Comparison]] = MappingProxyType(
    {
        "algorithm-a": _algorithm_a,
        "huber": _algorithm_a,
        "algorithm-s": _algorithm_s,
        **dict.fromkeys(consensus_values.METHODS, _consensus),
        LARGEST_SUBSET: _consensus,
        "iso5725-2": _precision,
        "anova": _anova,
        "scores": _scores,
    }
)
