"""Input quantities, their correlations, coverage factors, rounding, units: by hand, and what is refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from steelyard.calibration.engine.budget.correlation import Coefficient, correlate
from steelyard.calibration.engine.budget.coverage import coverage_factor, effective_degrees_of_freedom
from steelyard.calibration.engine.budget.dimensions import parse_unit
from steelyard.calibration.engine.budget.errors import BudgetError, CorrelationError, QuantityError, UnitError
from steelyard.calibration.engine.budget.evaluation import Budget, evaluate_budget
from steelyard.calibration.engine.budget.model import parse_model
from steelyard.calibration.engine.budget.quantities import (
    Quantity,
    certified,
    constant,
    degrees_of_freedom_of_reliability,
    distributed,
    known,
    observed,
)
from steelyard.calibration.engine.budget.regions import complex_regions, elliptical_coverage_factor
from steelyard.calibration.engine.budget.rounding import state
from steelyard.calibration.engine.budget.unit_check import output_units
from steelyard.calibration.engine.distributions.unbounded import Normal, StudentT


def test_observations_give_mean_and_deviation_of_the_mean() -> None:
    found = observed([1.0, 2.0, 3.0, 4.0])
    assert found.estimate == 2.5
    assert found.standard_uncertainty == pytest.approx(math.sqrt(5.0 / 3.0 / 4.0))
    assert found.degrees_of_freedom == 3.0
    assert isinstance(found.distribution, StudentT)


def test_a_pooled_deviation_serves_a_single_observation() -> None:
    found = observed([20.0], pooled_standard_deviation=0.3, degrees_of_freedom=15.0)
    assert (found.estimate, found.standard_uncertainty, found.degrees_of_freedom) == (20.0, 0.3, 15.0)
    assert observed([1.0, 3.0], pooled_standard_deviation=0.3).degrees_of_freedom == math.inf


def test_observations_all_equal_have_no_uncertainty() -> None:
    found = observed([5.0, 5.0, 5.0])
    assert (found.standard_uncertainty, found.distribution) == (0.0, None)


def test_certificates() -> None:
    assert certified(10.0, 0.4, coverage_factor=2.0).standard_uncertainty == 0.2
    assert certified(10.0, 0.4, coverage_probability=0.95).standard_uncertainty == pytest.approx(
        0.4 / 1.959964, rel=1e-6
    )
    # JCGM 100:2008, table G.2: t_0.95(5) = 2.57.
    five = certified(10.0, 0.4, coverage_probability=0.95, degrees_of_freedom=5.0)
    assert five.standard_uncertainty == pytest.approx(0.4 / 2.57, rel=1e-3)
    assert isinstance(five.distribution, StudentT)
    assert isinstance(certified(10.0, 0.4, coverage_factor=2.0).distribution, Normal)


def test_a_t_distribution_has_its_own_interval_in_the_budget() -> None:
    t = StudentT(value=3.0, scale=2.0, degrees_of_freedom=4.0)
    quantity = distributed(t)
    result = evaluate_budget(Budget(model=parse_model("y = x"), quantities={"x": quantity})).outputs[0]
    assert (result.low, result.high) == pytest.approx((float(t.quantile(0.025)), float(t.quantile(0.975))))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: known(1.0, -0.1), ["standard_uncertainty", "-0.1", "negative"]),
        (lambda: known(1.0, 0.1, 0.0), ["degrees_of_freedom", "greater than 0"]),
        (lambda: known(math.nan, 0.1), ["value", "nan", "finite"]),
        (lambda: known(1.0, math.inf), ["standard_uncertainty", "finite"]),
        (lambda: constant(math.inf), ["value", "finite"]),
        (lambda: observed([]), ["observations", "two at least"]),
        (lambda: observed([1.0]), ["observations", "pooled_standard_deviation"]),
        (lambda: observed([1.0, math.nan]), ["observations", "nan", "finite"]),
        (lambda: observed([1.0], pooled_standard_deviation=-1.0), ["pooled_standard_deviation", "-1.0"]),
        (lambda: certified(1.0, 0.1), ["coverage_factor", "coverage_probability"]),
        (lambda: certified(1.0, 0.1, coverage_factor=2.0, coverage_probability=0.95), ["one of the two"]),
        (lambda: certified(1.0, 0.1, coverage_factor=0.0), ["coverage_factor", "greater than 0"]),
        (lambda: certified(1.0, 0.1, coverage_probability=95.0), ["coverage_probability", "between 0 and 1"]),
        (lambda: certified(1.0, -0.1, coverage_factor=2.0), ["expanded_uncertainty", "negative"]),
        (lambda: degrees_of_freedom_of_reliability(0.0), ["reliability", "greater than 0"]),
    ],
)
def test_impossible_quantities_are_refused_by_name(make: Callable[[], Quantity], words: list[str]) -> None:
    with pytest.raises(QuantityError) as refused:
        make()
    for word in words:
        assert word in str(refused.value)


THREE = {name: known(1.0, 0.1) for name in "abc"}


def pair(first: str, second: str, r: float) -> Coefficient:
    return Coefficient(first=first, second=second, coefficient=r)


@pytest.mark.parametrize(
    ("coefficients", "words"),
    [
        ([pair("a", "b", 1.1)], ["correlations[0].coefficient", "1.1", "between -1 and 1"]),
        ([pair("a", "b", math.nan)], ["correlations[0].coefficient", "nan"]),
        ([pair("a", "d", 0.1)], ["correlations[0].between", "'d'", "no such quantity"]),
        ([pair("a", "a", 0.1)], ["correlations[0].between", "two different"]),
        ([pair("a", "b", 0.1), pair("b", "a", 0.2)], ["correlations[1].between", "given already"]),
        (
            [pair("a", "b", 0.9), pair("a", "c", 0.9), pair("b", "c", -0.9)],
            ["correlations", "a, b, c", "not positive semidefinite", "-0.8"],
        ),
    ],
)
def test_impossible_correlations_are_refused_by_name(coefficients: list[Coefficient], words: list[str]) -> None:
    with pytest.raises(CorrelationError) as refused:
        correlate(THREE, coefficients)
    for word in words:
        assert word in str(refused.value)


def test_impossible_simultaneous_observations_are_refused_by_name() -> None:
    quantities = {
        "a": observed([1.0, 2.0, 3.0]),
        "b": observed([1.0, 2.0]),
        "c": known(1.0, 0.1),
        "d": observed([2.0, 2.0, 2.0]),
        "e": observed([3.0, 1.0, 2.0]),
    }
    for group, word in (
        (["a", "b"], "equally many"),
        (["a", "c"], "no observations"),
        (["a", "d"], "no uncertainty"),
        (["a"], "two different"),
        (["a", "x"], "no such quantity"),
    ):
        with pytest.raises(CorrelationError, match=word):
            correlate(quantities, simultaneous=[group])
    with pytest.raises(CorrelationError, match="given already"):
        correlate(quantities, [pair("a", "e", 0.1)], simultaneous=[["a", "e"]])


def test_a_correlation_with_a_constant_is_refused() -> None:
    with pytest.raises(CorrelationError, match="no uncertainty"):
        correlate({"a": constant(1.0), "b": known(1.0, 0.1)}, [pair("a", "b", 0.5)])


def test_full_correlation_is_possible_and_cancels() -> None:
    quantities = {"a": known(3.0, 0.1), "b": known(1.0, 0.1)}
    correlation = correlate(quantities, [pair("a", "b", 1.0)])
    model = parse_model("y = a - b; z = a + b", outputs=["y", "z"])
    difference, total = evaluate_budget(Budget(model=model, quantities=quantities, correlation=correlation)).outputs
    assert difference.standard_uncertainty == pytest.approx(0.0, abs=1e-12)
    assert total.standard_uncertainty == pytest.approx(0.2)


def test_coverage_factors_truncate_and_interpolate() -> None:
    assert float(coverage_factor(0.95, 4.9)) == float(coverage_factor(0.95, 4.0))
    assert float(coverage_factor(0.95, 4.9, truncate=False)) < float(coverage_factor(0.95, 4.9))
    assert float(coverage_factor(0.95, 3.9999999)) == float(coverage_factor(0.95, 4.0))
    assert float(coverage_factor(0.95, 0.5)) == pytest.approx(float(coverage_factor(0.95, 0.5, truncate=False)))
    assert float(coverage_factor(0.95, 1e12)) == pytest.approx(1.959964, abs=1e-6)
    with pytest.raises(BudgetError, match="coverage_probability"):
        coverage_factor(1.0)


def test_degrees_of_freedom_of_estimates_that_were_made_together() -> None:
    # The difference of two means of the same five pairs has four degrees of freedom, however they correlate.
    quantities = {"a": observed([1.0, 2.0, 4.0, 3.0, 5.5]), "b": observed([1.2, 1.9, 3.5, 3.2, 5.0])}
    correlation = correlate(quantities, simultaneous=[["a", "b"]])
    model = parse_model("y = a - b")
    found = evaluate_budget(Budget(model=model, quantities=quantities, correlation=correlation)).outputs[0]
    direct = observed(np.subtract([1.0, 2.0, 4.0, 3.0, 5.5], [1.2, 1.9, 3.5, 3.2, 5.0]))
    assert found.standard_uncertainty == pytest.approx(direct.standard_uncertainty)
    assert found.degrees_of_freedom == pytest.approx(4.0)


def test_degrees_of_freedom_with_a_known_correlation_follow_from_the_variance_of_the_variance() -> None:
    # Simulated: u_a and u_b are estimated with 8 and 20 degrees of freedom, r = 0.6 is known.
    draw = np.random.default_rng(3)
    u_a2 = draw.chisquare(8.0, 1_000_000) / 8.0
    u_b2 = 4.0 * draw.chisquare(20.0, 1_000_000) / 20.0
    u2 = u_a2 + u_b2 + 2.0 * 0.6 * np.sqrt(u_a2 * u_b2)
    simulated = 2.0 * np.mean(u2) ** 2 / np.var(u2)
    quantities = {"a": known(0.0, 1.0, 8.0), "b": known(0.0, 2.0, 20.0)}
    correlation = correlate(quantities, [pair("a", "b", 0.6)])
    budget = Budget(model=parse_model("y = a + b"), quantities=quantities, correlation=correlation)
    assert evaluate_budget(budget).outputs[0].degrees_of_freedom == pytest.approx(simulated, rel=0.02)


def test_degrees_of_freedom_without_any_estimated_uncertainty_are_infinite() -> None:
    assert float(effective_degrees_of_freedom(2.0, np.ones(2), np.full(2, np.inf))) == math.inf
    assert float(effective_degrees_of_freedom(0.0, np.zeros(2), np.ones(2))) == math.inf


@pytest.mark.parametrize(
    ("value", "u", "text"),
    [
        (10.05762, 0.027, "(10.058 ± 0.027)"),
        (1.2339999, 0.0996, "(1.23 ± 0.10)"),
        (50000838.2, 93.4, "(50000838 ± 93)"),
        (123456.0, 1234.0, "(123500 ± 1200)"),
        (5.6703724e-8, 4.1e-13, "(5.67037 ± 0.00004)e-8"),
        (0.0, 0.0123, "(0.000 ± 0.012)"),
        (-0.00123, 0.0123, "(-0.001 ± 0.012)"),
        (3.0, 0.0, "(3 ± 0)"),
        (2.5, 0.25, "(2.50 ± 0.25)"),
        (1.0, 0.125, "(1.00 ± 0.12)"),
        (6.02214076e23, 1.2e16, "(6.02214076 ± 0.00000012)e23"),
    ],
)
def test_results_are_stated_with_two_digits_of_uncertainty(value: float, u: float, text: str) -> None:
    digits = 1 if u == 4.1e-13 else 2
    assert state(value, u, digits=digits).text == text


def test_rounding_refuses_what_is_no_uncertainty() -> None:
    for value, u, digits in ((1.0, -1.0, 2), (math.nan, 1.0, 2), (1.0, math.inf, 2), (1.0, 1.0, 3)):
        with pytest.raises(BudgetError):
            state(value, u, digits=digits)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("V", "V", True),
        ("mV", "V", False),
        ("°C", "K", True),
        ("µm·K⁻¹", "um/K", True),
        ("kg/m3", "g/L", True),
        ("J", "W s", True),
        ("N.m", "J", True),
        ("kPa", "bar", False),
        ("1/(K s)", "K-1.s-1", True),
        ("kΩ", "kOhm", True),
        ("kW.h", "MJ", False),
    ],
)
def test_units_that_can_be_added(first: str, second: str, same: bool) -> None:
    a, b = parse_unit(first), parse_unit(second)
    assert a is not None
    assert b is not None
    assert a.agrees(b) is same


@pytest.mark.parametrize("text", ["", "%", "ppm", "rad", "furlong", "pH", "C", "ft", "m//s", "V/V"])
def test_units_without_dimension_or_unknown_are_not_judged(text: str) -> None:
    assert parse_unit(text) is None


@pytest.mark.parametrize(
    ("text", "units", "unit"),
    [
        ("y = a + b", {"a": "V", "b": "V"}, "V"),
        ("y = a*b + c", {"a": "V", "b": "A", "c": "W"}, "W"),
        ("y = sqrt(a^2 + b^2) - abs(-c)", {"a": "mm", "b": "mm", "c": "mm"}, "mm"),
        ("y = a*(1 + c*b)", {"a": "m", "b": "K", "c": "1/K"}, None),
        ("y = 1000*a + b", {"a": "V", "b": "mV"}, None),
        ("y = a + b", {"a": "V", "b": None}, None),
        ("y = log(a) + b", {"a": "V", "b": "A"}, None),
        ("y = a^b + c", {"a": "V", "b": "1", "c": "A"}, None),
        ("y = a*b - c", {"a": "V", "b": "1", "c": "V"}, "V"),
        ("z = y/b; y = a + a", {"a": "V", "b": "A"}, None),
    ],
)
def test_consistent_units_are_accepted_and_named(text: str, units: dict[str, str | None], unit: str | None) -> None:
    model = parse_model(text)
    assert list(output_units(model, units).values()) == [unit]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("y = a + b", {"a": "V", "b": "A"}),
        ("y = a - b", {"a": "mg", "b": "g"}),
        ("y = a*b + c", {"a": "V", "b": "A", "c": "J"}),
        ("y = z + c; z = a/b", {"a": "V", "b": "A", "c": "V"}),
    ],
)
def test_a_sum_of_different_units_is_refused_with_its_place(text: str, units: dict[str, str | None]) -> None:
    with pytest.raises(UnitError, match=r"model: y: '[+-]': line 1, column \d+: joins terms of different units"):
        output_units(parse_model(text), units)


def test_the_region_of_a_complex_output() -> None:
    # JCGM 102:2011, table 1: k_p = 2.45 for p = 0.95 and two quantities.
    assert elliptical_coverage_factor(0.95) == pytest.approx(2.45, abs=0.005)
    quantities = {"a": known(1.0, 0.3), "b": known(2.0, 0.3)}
    correlation = correlate(quantities, [pair("a", "b", 0.5)])
    model = parse_model("Z = complex(a, b); w = a", outputs=["Z", "w"])
    result = evaluate_budget(Budget(model=model, quantities=quantities, correlation=correlation))
    (region,) = complex_regions(result)
    assert (region.name, region.centre) == ("Z", (1.0, 2.0))
    k = elliptical_coverage_factor(0.95)
    assert region.semi_axes == pytest.approx((k * 0.3 * math.sqrt(1.5), k * 0.3 * math.sqrt(0.5)))
    assert region.angle == pytest.approx(math.pi / 4.0)


def test_second_order_terms_of_very_many_inputs_are_refused() -> None:
    quantities = {f"x{index}": known(1.0, 0.1) for index in range(201)}
    model = parse_model("y = " + "*".join(quantities))
    assert evaluate_budget(Budget(model=model, quantities=quantities)).outputs[0].standard_uncertainty == pytest.approx(
        0.1 * math.sqrt(201.0)
    )
    with pytest.raises(BudgetError, match=r"second_order.*200 inputs at most"):
        Budget(model=model, quantities=quantities, second_order=True)


def test_a_budget_names_what_it_misses() -> None:
    model = parse_model("y = length + d")
    with pytest.raises(BudgetError, match=r"quantities: 'd'"):
        Budget(model=model, quantities={"length": known(1.0, 0.1)})
    result = evaluate_budget(Budget(model=parse_model("y = x"), quantities={"x": known(1.0, 0.1)}))
    with pytest.raises(BudgetError, match="no such output"):
        result.output("z")
