"""An evaluated budget as JSON, as tables, as a drawing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from steelyard.calibration.engine.budget.evaluation import BudgetResult, OutputResult
from steelyard.calibration.engine.budget.regions import EllipticalRegion, complex_regions
from steelyard.calibration.engine.distributions.unbounded import Normal, StudentT
from steelyard.calibration.engine.montecarlo.simulation import OutputDistribution, SimulationResult
from steelyard.calibration.engine.montecarlo.validation import Validation, validate
from steelyard.cli.calc.plots import drawing
from steelyard.cli.calc.printing import number, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LINES = 40
_UNSEEN = (None, "1")
"""Units that nobody writes."""


def as_json(
    result: BudgetResult,
    simulated: SimulationResult | None,
    written: Mapping[str, str],
    units: Mapping[str, str | None],
    digits: int,
) -> dict[str, object]:
    """The contract's object; what is infinite becomes null when it is printed."""
    names = [each.name for each in result.outputs]
    found: dict[str, object] = {
        "outputs": {each.name: _output(each, written, units.get(each.name)) for each in result.outputs},
        "correlation": _matrix(names, result.correlation.tolist()),
        "covariance": _matrix(names, result.covariance.tolist()),
        "coverage_probability": result.coverage_probability,
    }
    regions = complex_regions(result)
    if regions:
        found["complex"] = {each.name: _region(each) for each in regions}
    if simulated is not None:
        found["monte_carlo"] = {
            "outputs": {
                each.name: {
                    "value": each.value,
                    "standard_uncertainty": each.standard_uncertainty,
                    "symmetric_interval": list(each.intervals.symmetric),
                    "shortest_interval": list(each.intervals.shortest),
                    "trials": simulated.trials,
                    "validation": _validation(_validated(result.output(each.name), each, digits)),
                }
                for each in simulated.outputs
            },
            "covariance": _matrix(names, simulated.covariance.tolist()),
            "trials": simulated.trials,
            "seed": simulated.seed,
            "converged": simulated.converged,
        }
    return found


def _output(each: OutputResult, written: Mapping[str, str], unit: str | None) -> dict[str, object]:
    lines = each.contributions
    return {
        "value": each.value,
        "standard_uncertainty": each.standard_uncertainty,
        "degrees_of_freedom": each.degrees_of_freedom,
        "coverage_factor": each.coverage_factor,
        "expanded_uncertainty": each.expanded_uncertainty,
        "interval": [each.low, each.high],
        "contributions": {written[line.name]: line.contribution for line in lines},
        "sensitivities": {written[line.name]: line.sensitivity for line in lines},
        "shares": {written[line.name]: line.share for line in lines},
        "stated": None if each.stated is None else each.stated.text,
        "unit": unit,
        **({} if each.bias is None else {"second_order_bias": each.bias}),
    }


def _region(each: EllipticalRegion) -> dict[str, object]:
    return {
        "value": list(each.centre),
        "coverage_factor": each.coverage_factor,
        "semi_axes": list(each.semi_axes),
        "angle": each.angle,
    }


def _matrix(names: Sequence[str], rows: Sequence[Sequence[float]]) -> dict[str, dict[str, float]]:
    return {name: dict(zip(names, row, strict=True)) for name, row in zip(names, rows, strict=True)}


def _validated(output: OutputResult, drawn: OutputDistribution, digits: int) -> Validation | None:
    if not output.standard_uncertainty > 0.0:
        return None
    return validate(
        standard_uncertainty=output.standard_uncertainty,
        gum_interval=(output.low, output.high),
        monte_carlo_interval=drawn.intervals.symmetric,
        digits=digits,
    )


def _validation(found: Validation | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "digits": found.digits,
        "tolerance": found.tolerance,
        "d_low": found.d_low,
        "d_high": found.d_high,
        "valid": found.valid,
    }


def as_text(
    result: BudgetResult,
    simulated: SimulationResult | None,
    written: Mapping[str, str],
    units: Mapping[str, str | None],
    digits: int,
) -> str:
    """What people want to read: each output's statement and its budget, the largest contribution first."""
    parts: list[str] = []
    drawn = {} if simulated is None else {each.name: each for each in simulated.outputs}
    for each in result.outputs:
        parts.append(_statement(each, result.coverage_probability, units.get(each.name)))
        if each.stated is not None:
            parts.append(_lines(each, written))
        if simulated is not None:
            parts.append(_monte_carlo(each, drawn[each.name], simulated, digits))
    for region in complex_regions(result):
        major, minor = (number(axis, 3) for axis in region.semi_axes)
        angle = math.degrees(region.angle)
        centre = f"{region.centre[0]:.9g} {region.centre[1]:+.9g}j"
        parts.append(
            f"{region.name}: ellipse about {centre}, semi-axes {major} and {minor}\n"
            f"    major axis at {angle:.4g} deg to the real one, k = {region.coverage_factor:.3g}"
        )
    if len(result.outputs) > 1:
        names = [each.name for each in result.outputs]
        rows = [
            [name, *(number(value, 4) for value in row)]
            for name, row in zip(names, result.correlation.tolist(), strict=True)
        ]
        parts.append(table(["correlation", *names], rows))
    return "\n\n".join(parts)


def _statement(each: OutputResult, probability: float, unit: str | None) -> str:
    if each.stated is None:
        return f"{each.name} = {each.value:.12g}, no derivative there: see Monte Carlo"
    stated = f"{each.stated.text} {unit}" if unit not in _UNSEEN else each.stated.text
    return (
        f"{each.name} = {stated}    k = {each.coverage_factor:.3g}, p = {100.0 * probability:.6g} %\n"
        f"    y = {each.value:.12g}, u = {number(each.standard_uncertainty, 4)}, "
        f"nu_eff = {number(each.degrees_of_freedom, 4)}, interval [{each.low:.9g}, {each.high:.9g}]"
        + ("" if each.bias is None else f", second-order bias {number(each.bias, 3)}")
    )


def _lines(each: OutputResult, written: Mapping[str, str]) -> str:
    shown = [line for line in each.contributions if line.standard_uncertainty > 0.0][:_MOST_LINES]
    rows = [
        [
            written[line.name],
            f"{line.estimate:.10g}" + (f" {line.unit}" if line.unit not in _UNSEEN else ""),
            number(line.standard_uncertainty, 4),
            number(line.degrees_of_freedom, 4),
            number(line.sensitivity, 5),
            number(line.contribution, 4),
            f"{100.0 * line.share:.1f} %",
        ]
        for line in shown
    ]
    left = len(each.contributions) - len(shown)
    rest = f"\n({left} more)" if left else ""
    return table(["quantity", "estimate", "u(x)", "nu", "sensitivity", "u(y)", "share"], rows) + rest


def _monte_carlo(each: OutputResult, drawn: OutputDistribution, simulated: SimulationResult, digits: int) -> str:
    low, high = drawn.intervals.symmetric
    shortest_low, shortest_high = drawn.intervals.shortest
    settled = {None: "", True: ", settled", False: ", NOT settled"}[simulated.converged]
    text = (
        f"Monte Carlo, {simulated.trials} trials{settled} (seed {simulated.seed}): "
        f"y = {number(drawn.value, 10)}, u = {number(drawn.standard_uncertainty, 4)}\n"
        f"    symmetric [{low:.9g}, {high:.9g}], shortest [{shortest_low:.9g}, {shortest_high:.9g}]"
    )
    if math.isnan(drawn.standard_uncertainty):
        text += "\n    no standard uncertainty: an input is t with degrees of freedom of 2 or less, without a variance"
    found = _validated(each, drawn, digits)
    if found is not None:
        verdict = "confirmed" if found.valid else "NOT confirmed: state the Monte Carlo interval"
        ends = f"d_low {number(found.d_low, 2)}, d_high {number(found.d_high, 2)}"
        text += f"\n    GUM result to {digits} digits {verdict} ({ends}, tolerance {number(found.tolerance, 2)})"
    return text


def draw(path: Path, result: BudgetResult, simulated: SimulationResult | None, written: Mapping[str, str]) -> None:
    """Contributions of each output as bars, and its distribution beside them. Raises CommandError."""
    count = len(result.outputs)
    drawn = {} if simulated is None else {each.name: each for each in simulated.outputs}
    with drawing(path, width=10.0, height=3.2 * count) as figure:
        axes = figure.subplots(count, 2, squeeze=False)
        for row, each in zip(axes, result.outputs, strict=True):
            _draw_bars(row[0], each, written)
            _draw_distribution(row[1], each, drawn.get(each.name))


def _draw_bars(axes: Axes, each: OutputResult, written: Mapping[str, str]) -> None:
    shown = [line for line in each.contributions if line.contribution > 0.0][:_MOST_LINES]
    axes.barh([written[line.name] for line in reversed(shown)], [line.contribution for line in reversed(shown)])
    axes.axvline(each.standard_uncertainty, color="black", linestyle="--", label="combined")
    axes.set_title(f"{each.name}: contributions to the standard uncertainty")
    axes.legend()


def _draw_distribution(axes: Axes, each: OutputResult, drawn: OutputDistribution | None) -> None:
    axes.set_title(f"{each.name} = {each.value:.6g}" if each.stated is None else f"{each.name} = {each.stated.text}")
    if each.standard_uncertainty > 0.0:
        nu = each.degrees_of_freedom
        u = each.standard_uncertainty
        shape = (
            Normal(value=each.value, standard_uncertainty=u)
            if math.isinf(nu)
            else StudentT(value=each.value, scale=u, degrees_of_freedom=nu)
        )
        xs = [each.value + u * step / 25.0 for step in range(-100, 101)]
        axes.plot(xs, shape.pdf(xs).tolist(), color="tab:blue", label="GUM framework")
    axes.axvline(each.low, color="tab:blue", linestyle=":")
    axes.axvline(each.high, color="tab:blue", linestyle=":")
    if drawn is not None:
        low, high = drawn.intervals.symmetric
        margin = 0.6 * (high - low)
        axes.hist(
            drawn.draws,
            bins=100,
            range=(low - margin, high + margin),
            density=True,
            alpha=0.4,
            color="tab:orange",
            label="Monte Carlo",
        )
        axes.axvline(low, color="tab:orange", linestyle=":")
        axes.axvline(high, color="tab:orange", linestyle=":")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
