"""A comparison as JSON, as tables, as a drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from steelyard.calibration.engine.comparisons.analysis_of_variance import AnalysisOfVariance
from steelyard.calibration.engine.comparisons.consensus import Consensus, Equivalence
from steelyard.calibration.engine.comparisons.precision import Limits, Precision
from steelyard.calibration.engine.comparisons.robust import RobustEstimate
from steelyard.calibration.engine.stability.exact import Real
from steelyard.cli.calc.plots import drawing
from steelyard.cli.calc.printing import number, table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Band:
    """A value with a half width, to draw across the results."""

    label: str
    value: float
    half_width: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """What a method found: JSON `fields`, `text` for people, and the points to draw."""

    title: str
    fields: Mapping[str, object]
    text: str
    names: Sequence[str]
    values: Sequence[float]
    half_widths: Sequence[float] | None
    bands: Sequence[Band]


def as_text(found: Comparison) -> str:
    """The tables."""
    return found.text


def _pairs(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def robust(
    method: str, names: Sequence[str], values: Sequence[float], found: RobustEstimate, tuning: float
) -> Comparison:
    """Algorithm A or Huber's proposal 2."""
    rows = [
        ("robust mean", number(found.mean, 9)),
        ("robust standard deviation", number(found.standard_deviation)),
        ("standard uncertainty of the mean", number(found.standard_uncertainty)),
        ("results", str(found.count)),
        ("of these drawn in", str(found.drawn_in)),
    ]
    return Comparison(
        title=method,
        fields={
            "mean": found.mean,
            "standard_deviation": found.standard_deviation,
            "standard_uncertainty": found.standard_uncertainty,
            "count": found.count,
            "drawn_in": found.drawn_in,
            "tuning": tuning,
        },
        text=_pairs(rows),
        names=names,
        values=values,
        half_widths=None,
        bands=[Band(label="robust mean ± s", value=found.mean, half_width=found.standard_deviation)],
    )


def pooled(method: str, names: Sequence[str], values: Sequence[float], deviation: float) -> Comparison:
    """Algorithm S."""
    return Comparison(
        title=method,
        fields={"standard_deviation": deviation, "count": len(values)},
        text=_pairs([("robust pooled standard deviation", number(deviation)), ("laboratories", str(len(values)))]),
        names=names,
        values=values,
        half_widths=None,
        bands=[Band(label="pooled", value=deviation, half_width=0.0)],
    )


def consensus(
    method: str,
    names: Sequence[str],
    values: Sequence[float],
    uncertainties: Sequence[float],
    found: Consensus,
    member: NDArray[np.bool_],
    equivalence: Equivalence | None,
) -> Comparison:
    """A weighted mean, with or without a between-laboratory variance."""
    weights = np.zeros(len(values))
    weights[member] = found.weights
    laboratories: list[dict[str, object]] = []
    rows = []
    for position, (name, value, u) in enumerate(zip(names, values, uncertainties, strict=True)):
        entry: dict[str, object] = {
            "laboratory": name,
            "value": value,
            "standard_uncertainty": u,
            "included": bool(member[position]),
            "weight": float(weights[position]),
        }
        row = [name, number(value, 9), number(u, 4), number(float(weights[position]), 4)]
        if equivalence is not None:
            deviation, spread = (
                float(equivalence.deviation[position]),
                float(equivalence.standard_uncertainty[position]),
            )
            entry["degree_of_equivalence"] = deviation
            entry["degree_of_equivalence_standard_uncertainty"] = spread
            row += [number(deviation, 4), number(2.0 * spread, 4)]
        laboratories.append(entry)
        rows.append(row if member[position] else [f"{name} (left out)", *row[1:]])
    header = ["laboratory", "value", "u", "weight"] + (["d", "U(d), k=2"] if equivalence is not None else [])
    verdict = "consistent" if found.consistent else "NOT consistent"
    q = f"{number(found.chi_square)} with {found.degrees_of_freedom} degrees of freedom, p = {number(found.p_value, 3)}"
    summary = [
        ("value", number(found.value, 9)),
        ("standard uncertainty", number(found.standard_uncertainty)),
        ("between laboratories", number(found.between_laboratory_standard_deviation)),
        ("chi-squared", f"{q}: {verdict}"),
        ("Birge ratio", number(found.birge_ratio, 4)),
    ]
    fields = {
        "value": found.value,
        "standard_uncertainty": found.standard_uncertainty,
        "between_laboratory_standard_deviation": found.between_laboratory_standard_deviation,
        "chi_square": found.chi_square,
        "degrees_of_freedom": found.degrees_of_freedom,
        "p_value": found.p_value,
        "consistent": found.consistent,
        "birge_ratio": found.birge_ratio,
        "heterogeneity": found.heterogeneity,
        "knapp_hartung_standard_uncertainty": found.knapp_hartung_standard_uncertainty,
        "laboratories": laboratories,
    }
    return Comparison(
        title=method,
        fields=fields,
        text=table(header, rows) + "\n\n" + _pairs(summary),
        names=names,
        values=values,
        half_widths=[2.0 * u for u in uncertainties],
        bands=[Band(label="consensus, k = 2", value=found.value, half_width=2.0 * found.standard_uncertainty)],
    )


def _limits(limits: Limits | None) -> dict[str, float] | None:
    return None if limits is None else {"straggler": limits.straggler, "outlier": limits.outlier}


def precision(method: str, found: Precision) -> Comparison:
    """Repeatability and reproducibility."""
    cells = [
        {
            "laboratory": cell.laboratory,
            "count": cell.count,
            "mean": cell.mean,
            "standard_deviation": cell.standard_deviation,
            "h": cell.h,
            "k": cell.k,
        }
        for cell in found.cells
    ]
    tests = [
        {
            "test": test.name,
            "laboratories": list(test.laboratories),
            "statistic": test.result.statistic,
            "straggler_limit": test.result.straggler_limit,
            "outlier_limit": test.result.outlier_limit,
            "verdict": test.result.verdict,
        }
        for test in found.tests
    ]
    cell_rows = [
        [
            cell.laboratory,
            str(cell.count),
            number(cell.mean, 9),
            number(cell.standard_deviation, 4),
            _marked(abs(cell.h), cell.h, found.h_limits),
            "–" if cell.k is None else _marked(cell.k, cell.k, found.k_limits),
        ]
        for cell in found.cells
    ]
    test_rows = [
        [
            test.name,
            ", ".join(test.laboratories),
            number(test.result.statistic, 4),
            number(test.result.straggler_limit, 4),
            number(test.result.outlier_limit, 4),
            test.result.verdict,
        ]
        for test in found.tests
    ]
    summary = [
        ("mean", number(found.mean, 9)),
        ("repeatability s_r", number(found.repeatability_standard_deviation)),
        ("between laboratories s_L", number(found.between_laboratory_standard_deviation)),
        ("reproducibility s_R", number(found.reproducibility_standard_deviation)),
        ("limits r, R", f"{number(found.repeatability_limit)}, {number(found.reproducibility_limit)}"),
    ]
    text = table(["laboratory", "n", "mean", "s", "h", "k"], cell_rows)
    if test_rows:
        text += "\n\n" + table(["test", "suspect", "statistic", "5 %", "1 %", "verdict"], test_rows, left=2)
    return Comparison(
        title=method,
        fields={
            "mean": found.mean,
            "repeatability_standard_deviation": found.repeatability_standard_deviation,
            "between_laboratory_standard_deviation": found.between_laboratory_standard_deviation,
            "reproducibility_standard_deviation": found.reproducibility_standard_deviation,
            "repeatability_limit": found.repeatability_limit,
            "reproducibility_limit": found.reproducibility_limit,
            "laboratories": cells,
            "mandel_h_limits": _limits(found.h_limits),
            "mandel_k_limits": _limits(found.k_limits),
            "tests": tests,
        },
        text=text + "\n\n" + _pairs(summary),
        names=[cell.laboratory for cell in found.cells],
        values=[cell.mean for cell in found.cells],
        half_widths=[cell.standard_deviation or 0.0 for cell in found.cells],
        bands=[
            Band(label="mean ± s_R", value=found.mean, half_width=found.reproducibility_standard_deviation),
            Band(label="mean ± s_r", value=found.mean, half_width=found.repeatability_standard_deviation),
        ],
    )


def levels(method: str, found: Mapping[str, Comparison]) -> Comparison:
    """The precision at each level, one after the other."""
    return Comparison(
        title=method,
        fields={"levels": [{"level": level} | dict(each.fields) for level, each in found.items()]},
        text="\n\n".join(f"level {level}\n\n{each.text}" for level, each in found.items()),
        names=[f"{level}: {name}" for level, each in found.items() for name in each.names],
        values=[value for each in found.values() for value in each.values],
        half_widths=[width for each in found.values() for width in each.half_widths or ()],
        bands=[],
    )


def _marked(size: float, value: float, limits: Limits | None) -> str:
    """A value, * for a straggler, ** for an outlier."""
    mark = "" if limits is None else "**" if size > limits.outlier else "*" if size > limits.straggler else ""
    return f"{value:.3f}{mark:<2}"


def variance(method: str, groups: Mapping[str, Sequence[Real]], found: AnalysisOfVariance) -> Comparison:
    """A one-way analysis of variance."""
    rows = [
        [
            "between",
            str(found.between_degrees_of_freedom),
            number(found.between_sum_of_squares, 9),
            number(found.between_mean_square, 9),
            number(found.f, 9),
            number(found.p_value, 4),
        ],
        [
            "within",
            str(found.within_degrees_of_freedom),
            number(found.within_sum_of_squares, 9),
            number(found.within_mean_square, 9),
            "",
            "",
        ],
    ]
    summary = [
        ("mean", number(found.mean, 9)),
        ("residual standard deviation", number(found.residual_standard_deviation, 9)),
        ("R squared", number(found.r_squared, 6)),
    ]
    means = [float(sum(float(value) for value in values)) / len(values) for values in groups.values()]
    return Comparison(
        title=method,
        fields={
            "mean": found.mean,
            "between_degrees_of_freedom": found.between_degrees_of_freedom,
            "within_degrees_of_freedom": found.within_degrees_of_freedom,
            "between_sum_of_squares": found.between_sum_of_squares,
            "within_sum_of_squares": found.within_sum_of_squares,
            "between_mean_square": found.between_mean_square,
            "within_mean_square": found.within_mean_square,
            "f": found.f,
            "p_value": found.p_value,
            "f_95": found.f_95,
            "f_975": found.f_975,
            "r_squared": found.r_squared,
            "residual_standard_deviation": found.residual_standard_deviation,
        },
        text=table(["source", "df", "sum of squares", "mean square", "F", "p"], rows) + "\n\n" + _pairs(summary),
        names=list(groups),
        values=means,
        half_widths=None,
        bands=[Band(label="mean ± residual s", value=found.mean, half_width=found.residual_standard_deviation)],
    )


def scores(
    method: str, names: Sequence[str], values: Sequence[float], found: Mapping[str, Sequence[float]]
) -> Comparison:
    """Scores of each laboratory."""
    titles = {"z": "z", "z_prime": "z'", "zeta": "zeta", "en": "E_n"}
    rows = [
        [name, number(value, 9), *(f"{found[score][position]:.3f}" for score in found)]
        for position, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    entries = [
        {"laboratory": name, "value": value}
        | {score: found.get(score, [None] * len(names))[position] for score in titles}
        for position, (name, value) in enumerate(zip(names, values, strict=True))
    ]
    shown = next(iter(found))
    limit = 1.0 if shown == "en" else 2.0
    return Comparison(
        title=f"{method}: {titles[shown]}",
        fields={"scores": entries},
        text=table(["laboratory", "value", *(titles[score] for score in found)], rows),
        names=names,
        values=list(found[shown]),
        half_widths=None,
        bands=[Band(label="satisfactory", value=0.0, half_width=limit)],
    )


def draw(path: Path, found: Comparison) -> None:
    """Results by laboratory with their half widths, and the consensus as a band. Raises CommandError."""
    with drawing(path, width=max(6.0, 0.4 * len(found.names) + 2.0)) as figure:
        axes = figure.subplots()
        positions = list(range(len(found.names)))
        for band, colour in zip(found.bands, ("tab:blue", "tab:green"), strict=False):
            axes.axhline(band.value, color=colour)
            if band.half_width > 0.0:
                low, high = band.value - band.half_width, band.value + band.half_width
                axes.axhspan(low, high, color=colour, alpha=0.15, label=band.label)
        axes.errorbar(positions, found.values, yerr=found.half_widths, fmt="o", color="black", capsize=3)
        axes.set_xticks(positions, found.names, rotation=45 if len(found.names) > 8 else 0)
        axes.set_title(found.title)
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
