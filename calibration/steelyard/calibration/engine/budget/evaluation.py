"""One uncertainty budget from its inputs to the statement of its results (JCGM 100:2008, clauses 5 to 8)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steelyard.calibration.engine.budget.correlation import Correlation
from steelyard.calibration.engine.budget.coverage import coverage_factor
from steelyard.calibration.engine.budget.errors import BudgetError, EvaluationError
from steelyard.calibration.engine.budget.model import Model
from steelyard.calibration.engine.budget.parser import nearest
from steelyard.calibration.engine.budget.propagation import Propagation, propagate
from steelyard.calibration.engine.budget.quantities import Quantity
from steelyard.calibration.engine.budget.rounding import StatedResult, state
from steelyard.calibration.engine.distributions.distribution import Floats

MOST_INPUTS_OF_SECOND_ORDER = 200
"""Second-order terms take time and memory with the square and the cube of the number of inputs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Budget:
    """What is to be evaluated.

    `quantities` by name, all inputs of the model at least; `coverage_probability` p in (0, 1); `fixed_coverage_factor`
    k to use instead of t_p; `second_order` as in 5.1.2, note; `truncate_degrees_of_freedom` as in G.4.1.
    """

    model: Model
    quantities: Mapping[str, Quantity]
    correlation: Correlation | None = None
    coverage_probability: float = 0.95
    fixed_coverage_factor: float | None = None
    second_order: bool = False
    truncate_degrees_of_freedom: bool = True

    def __post_init__(self) -> None:
        """Refuse a model whose inputs are not given, and a coverage that cannot be."""
        for name in self.model.inputs:
            if name not in self.quantities:
                raise BudgetError("quantities", name, f"the model needs it; {nearest(name, self.quantities)}")
        if not 0.0 < self.coverage_probability < 1.0:
            raise BudgetError("coverage_probability", self.coverage_probability, "must be between 0 and 1, as 0.95")
        if self.second_order and len(self.model.inputs) > MOST_INPUTS_OF_SECOND_ORDER:
            remedy = f"possible for {MOST_INPUTS_OF_SECOND_ORDER} inputs at most, not {len(self.model.inputs)}"
            raise BudgetError("second_order", True, f"{remedy}; use Monte Carlo")
        k = self.fixed_coverage_factor
        if k is not None and not (math.isfinite(k) and k > 0.0):
            raise BudgetError("coverage_factor", k, "must be greater than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """A line of the budget: an input quantity and what it contributes to an output.

    `sensitivity` c_i, nan for a constant, which is not differentiated by; `contribution` u_i(y) = |c_i| u(x_i) in the
    output's unit; `share` in the first-order u_c^2(y), covariances divided evenly between their two quantities, so that
    shares sum to 1 and can be negative.
    """

    name: str
    estimate: float
    standard_uncertainty: float
    degrees_of_freedom: float
    sensitivity: float
    contribution: float
    share: float
    unit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputResult:
    """One output: estimate, combined standard uncertainty, nu_eff, k, U = k u_c, interval y -+ U.

    `contributions` of all quantities of the budget, the largest first. `bias` to second order, None unless asked for.
    """

    name: str
    value: float
    standard_uncertainty: float
    degrees_of_freedom: float
    coverage_factor: float
    expanded_uncertainty: float
    low: float
    high: float
    contributions: tuple[Contribution, ...]
    bias: float | None

    @property
    def stated(self) -> StatedResult | None:
        """Value and expanded uncertainty, rounded (7.2.6); None without an uncertainty."""
        return state(self.value, self.expanded_uncertainty) if math.isfinite(self.expanded_uncertainty) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BudgetResult:
    """The outputs in the order of the model; `covariance` and `correlation` between them, float64[M, M].

    A correlation with an output that has no uncertainty is nan.
    """

    outputs: tuple[OutputResult, ...]
    covariance: Floats
    correlation: Floats
    coverage_probability: float

    def output(self, name: str) -> OutputResult:
        """The output of this name. Raises BudgetError if there is none."""
        for each in self.outputs:
            if each.name == name:
                return each
        raise BudgetError("outputs", name, f"no such output; {nearest(name, [each.name for each in self.outputs])}")


def evaluate_budget(budget: Budget, *, require_derivatives: bool = True) -> BudgetResult:
    """Evaluate it. Raises EvaluationError where the model has no finite value or derivative at the estimates.

    Without `require_derivatives` outputs that have none have an uncertainty of nan: Monte Carlo needs values only.
    """
    model, quantities = budget.model, budget.quantities
    estimates = {name: np.asarray(each.estimate) for name, each in quantities.items()}
    fault = model.fault(estimates)
    if fault is not None:
        raise fault
    found = propagate(
        model,
        estimates,
        {name: each.standard_uncertainty for name, each in quantities.items()},
        degrees_of_freedom={name: each.degrees_of_freedom for name, each in quantities.items()},
        correlation=budget.correlation,
        second_order=budget.second_order,
    )
    if require_derivatives:
        _require_derivatives(found)
    outputs = tuple(_output(budget, found, index) for index in range(len(found.outputs)))
    u = found.standard_uncertainty
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = found.covariance / np.outer(u, u)
    np.fill_diagonal(correlation, 1.0)
    return BudgetResult(
        outputs=outputs,
        covariance=found.covariance,
        correlation=np.clip(correlation, -1.0, 1.0),
        coverage_probability=budget.coverage_probability,
    )


def _require_derivatives(found: Propagation) -> None:
    bad = np.argwhere(~np.isfinite(found.sensitivity))
    if bad.size:
        output, name = found.outputs[bad[0][0]], found.inputs[bad[0][1]]
        remedy = "the model has no derivative at the estimate; use Monte Carlo, or write the model another way there"
        raise EvaluationError(f"model: {output}", f"d({output})/d({name})", remedy)
    for index, u in enumerate(found.standard_uncertainty):
        if not np.isfinite(u):
            remedy = "the terms of second order make the variance negative or infinite; leave them out, use Monte Carlo"
            raise EvaluationError(f"model: {found.outputs[index]}", float(u), remedy)


def _output(budget: Budget, found: Propagation, index: int) -> OutputResult:
    value, u = float(found.value[index]), float(found.standard_uncertainty[index])
    nu = float(found.degrees_of_freedom[index])
    k = budget.fixed_coverage_factor
    if k is None:
        truncate = budget.truncate_degrees_of_freedom
        k = float(coverage_factor(budget.coverage_probability, nu, truncate=truncate))
    places = {name: place for place, name in enumerate(found.inputs)}
    contributions = []
    for name, each in budget.quantities.items():
        place = places.get(name)
        contributions.append(
            Contribution(
                name=name,
                estimate=each.estimate,
                standard_uncertainty=each.standard_uncertainty,
                degrees_of_freedom=each.degrees_of_freedom,
                sensitivity=_sensitivity(found, index, place, each),
                contribution=0.0 if place is None else float(found.contributions[index, place]),
                share=0.0 if place is None else float(found.shares[index, place]),
                unit=each.unit,
            )
        )
    return OutputResult(
        name=found.outputs[index],
        value=value,
        standard_uncertainty=u,
        degrees_of_freedom=nu,
        coverage_factor=k,
        expanded_uncertainty=k * u,
        low=value - k * u,
        high=value + k * u,
        contributions=tuple(sorted(contributions, key=lambda each: -each.contribution)),
        bias=None if found.bias is None else float(found.bias[index]),
    )


def _sensitivity(found: Propagation, index: int, place: int | None, quantity: Quantity) -> float:
    if quantity.standard_uncertainty == 0.0:
        return math.nan
    return 0.0 if place is None else float(found.sensitivity[index, place])
