"""A quantity as documents write it: value and uncertainty, observations, certificate, distribution."""

from __future__ import annotations

import math
from collections.abc import Callable

from steelyard.calibration.engine.budget.errors import BudgetError
from steelyard.calibration.engine.budget.quantities import (
    Quantity,
    certified,
    constant,
    degrees_of_freedom_of_reliability,
    distributed,
    known,
    observed,
)
from steelyard.calibration.engine.distributions.bounded import (
    Arcsine,
    CurvilinearTrapezoid,
    Rectangular,
    Trapezoidal,
    Triangular,
)
from steelyard.calibration.engine.distributions.empirical import Empirical
from steelyard.calibration.engine.distributions.errors import DistributionError
from steelyard.calibration.engine.distributions.unbounded import Exponential, Gamma, Normal, StudentT
from steelyard.cli.calc.documents import Table
from steelyard.cli.errors import CommandError

_ALIASES = {
    "gaussian": "normal",
    "student": "t",
    "student_t": "t",
    "students_t": "t",
    "uniform": "rectangular",
    "triangle": "triangular",
    "u_shaped": "arcsine",
    "arc_sine": "arcsine",
    "arcsin": "arcsine",
    "trapezoid": "trapezoidal",
    "curvilinear_trapezoidal": "curvilinear_trapezoid",
}
"""What else people call the distributions."""


def read_quantity(table: Table) -> Quantity:
    """Read a quantity in one of its forms; docs/reference/calc-budget.md lists them.

    Raises CommandError that names the field for a value out of range, a missing or an unknown key.
    """
    unit = _unit(table)
    try:
        quantity = _read(table, unit)
    except (BudgetError, DistributionError) as error:
        raise table.fault(error.field, error.remedy) from error
    table.finish()
    return quantity


def _read(table: Table, unit: str | None) -> Quantity:
    if "samples" in table:
        return distributed(Empirical.of(table.numbers("samples")), _degrees_of_freedom(table), unit=unit)
    if "observations" in table:
        return _observed(table, unit)
    if "distribution" in table:
        return _distributed(table, unit)
    if "half_width" in table or "lower" in table or "upper" in table:
        raise table.fault("distribution", f"is missing; limits need one of {', '.join(_BOUNDED)}")
    if "expanded_uncertainty" in table:
        return _certified(table, unit)
    value = table.number("value")
    u = table.optional_number("standard_uncertainty")
    nu = _degrees_of_freedom(table)
    if u is None:
        if nu is not None:
            raise table.fault("standard_uncertainty", "is missing, but there are degrees of freedom of it")
        return constant(value, unit=unit)
    return known(value, u, math.inf if nu is None else nu, unit=unit)


def _observed(table: Table, unit: str | None) -> Quantity:
    pooled = table.optional_number("pooled_standard_deviation")
    found = observed(
        table.numbers("observations"),
        pooled_standard_deviation=pooled,
        degrees_of_freedom=_degrees_of_freedom(table),
        unit=unit,
    )
    shape = table.optional_text("distribution")
    name = "t" if shape is None else _distribution_name(shape)
    if name not in {"t", "normal"}:
        raise table.fault("distribution", "the mean of observations is 't' or 'normal'; leave it out for t")
    if name == "normal" and found.standard_uncertainty > 0.0:
        normal = Normal(value=found.estimate, standard_uncertainty=found.standard_uncertainty)
        return Quantity(
            estimate=found.estimate,
            standard_uncertainty=found.standard_uncertainty,
            degrees_of_freedom=found.degrees_of_freedom,
            distribution=normal,
            observations=found.observations,
            unit=unit,
        )
    return found


def _certified(table: Table, unit: str | None) -> Quantity:
    nu = _degrees_of_freedom(table)
    return certified(
        table.number("value"),
        table.number("expanded_uncertainty"),
        coverage_factor=table.optional_number("coverage_factor"),
        coverage_probability=table.optional_number("coverage_probability"),
        degrees_of_freedom=math.inf if nu is None else nu,
        unit=unit,
    )


def _distributed(table: Table, unit: str | None) -> Quantity:
    name = _distribution_name(table.text("distribution"))
    if name not in _UNBOUNDED and name not in _BOUNDED:
        table.choice("distribution", (*_UNBOUNDED, *_BOUNDED))
    return _UNBOUNDED[name](table, unit) if name in _UNBOUNDED else _bounded(table, name, unit)


def _distribution_name(written: str) -> str:
    """The project's name of a distribution, whatever its case, hyphens or apostrophes."""
    name = written.strip().casefold().replace("'", "").replace("-", "_").replace(" ", "_")
    return _ALIASES.get(name, name)


def _normal(table: Table, unit: str | None) -> Quantity:
    if "expanded_uncertainty" in table:
        found = _certified(table, unit)
        u, nu = found.standard_uncertainty, found.degrees_of_freedom
    else:
        u, nu = table.number("standard_uncertainty"), _degrees_of_freedom(table) or math.inf
    value = table.number("value")
    if u == 0.0:
        return constant(value, unit=unit)
    if u < 0.0:
        raise table.fault("standard_uncertainty", "must not be negative")
    return distributed(Normal(value=value, standard_uncertainty=u), nu, unit=unit)


def _t(table: Table, unit: str | None) -> Quantity:
    scale = "scale" if "scale" in table or "standard_uncertainty" not in table else "standard_uncertainty"
    t = StudentT(
        value=table.number("value"),
        scale=table.number(scale, above=0.0),
        degrees_of_freedom=table.number("degrees_of_freedom"),
    )
    return distributed(t, unit=unit)


def _exponential(table: Table, unit: str | None) -> Quantity:
    return distributed(Exponential(value=table.number("value")), _degrees_of_freedom(table), unit=unit)


def _gamma(table: Table, unit: str | None) -> Quantity:
    gamma = Gamma(shape=table.number("shape"), scale=table.number("scale", 1.0))
    return distributed(gamma, _degrees_of_freedom(table), unit=unit)


_UNBOUNDED: dict[str, Callable[[Table, str | None], Quantity]] = {
    "normal": _normal,
    "t": _t,
    "exponential": _exponential,
    "gamma": _gamma,
}
_BOUNDED = ("rectangular", "triangular", "trapezoidal", "curvilinear_trapezoid", "arcsine")


def _bounded(table: Table, name: str, unit: str | None) -> Quantity:
    beta = table.number("beta") if name == "trapezoidal" else 0.0
    inexactness = table.number("inexactness") if name == "curvilinear_trapezoid" else 0.0
    lower, upper = _limits(table, name)
    nu = _degrees_of_freedom(table)
    if lower == upper and inexactness == 0.0:
        return constant(lower, unit=unit)
    if name == "trapezoidal":
        return distributed(Trapezoidal(lower=lower, upper=upper, beta=beta), nu, unit=unit)
    if name == "curvilinear_trapezoid" and inexactness != 0.0:
        return distributed(CurvilinearTrapezoid(lower=lower, upper=upper, inexactness=inexactness), nu, unit=unit)
    if name == "triangular":
        return distributed(Triangular(lower=lower, upper=upper), nu, unit=unit)
    if name == "arcsine":
        return distributed(Arcsine(lower=lower, upper=upper), nu, unit=unit)
    return distributed(Rectangular(lower=lower, upper=upper), nu, unit=unit)


_WIDTHS = {"rectangular": math.sqrt(3.0), "triangular": math.sqrt(6.0), "arcsine": math.sqrt(2.0)}
"""Half-width over standard uncertainty (JCGM 100:2008, 4.3.7, 4.3.9; JCGM 101:2008, 6.4.6.3)."""


def _limits(table: Table, name: str) -> tuple[float, float]:
    """Lower and upper limit, however they are written."""
    lower, upper = table.optional_number("lower"), table.optional_number("upper")
    half_width, value = table.optional_number("half_width"), table.optional_number("value")
    u = table.optional_number("standard_uncertainty") if name in _WIDTHS else None
    if half_width is None and u is not None and lower is None and upper is None:
        half_width = u * _WIDTHS[name]
        if u < 0.0:
            raise table.fault("standard_uncertainty", "must not be negative")
    if half_width is None:
        if lower is None or upper is None:
            missing = "lower" if lower is None else "upper"
            raise table.fault(missing, "is missing; give lower and upper, or value and half_width")
        if lower > upper:
            raise table.fault("upper", f"must not be below lower, which is {lower:g}")
        if value is not None and not math.isclose(value, 0.5 * (lower + upper), rel_tol=1e-9, abs_tol=1e-12):
            raise table.fault("value", f"is not the middle of the limits, {0.5 * (lower + upper):g}; leave it out")
        return lower, upper
    if lower is not None or upper is not None:
        raise table.fault("half_width", "give lower and upper, or value and half_width, not both")
    if half_width < 0.0:
        raise table.fault("half_width", "must not be negative")
    if value is None:
        raise table.fault("value", "is missing; the half-width stands about it")
    return value - half_width, value + half_width


def _degrees_of_freedom(table: Table) -> float | None:
    """Given as such or by the reliability of the uncertainty; None if not given."""
    nu = table.optional_number("degrees_of_freedom", infinite=True)
    reliability = table.optional_number("reliability")
    if nu is not None and reliability is not None:
        raise table.fault("reliability", "give degrees_of_freedom or reliability, not both")
    if nu is not None and nu <= 0.0:
        raise table.fault("degrees_of_freedom", "must be greater than 0")
    return nu if reliability is None else degrees_of_freedom_of_reliability(reliability)


def _unit(table: Table) -> str | None:
    unit = table.raw("unit")
    if unit is None or unit == "":
        return None
    if isinstance(unit, bool) or not isinstance(unit, str | int):
        raise CommandError(f"{table.source}: {table.field('unit')}: {unit!r}: must be a text")
    return str(unit)
