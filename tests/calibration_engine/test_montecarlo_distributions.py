"""The distributions of JCGM 101:2008, table 1: density, distribution function, quantile and draws are of one kind."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest

from steelyard.calibration.engine.distributions.bounded import (
    Arcsine,
    CurvilinearTrapezoid,
    Rectangular,
    Trapezoidal,
    Triangular,
)
from steelyard.calibration.engine.distributions.distribution import Distribution
from steelyard.calibration.engine.distributions.empirical import Empirical
from steelyard.calibration.engine.distributions.errors import DistributionError
from steelyard.calibration.engine.distributions.unbounded import Exponential, Gamma, Normal, StudentT

DISTRIBUTIONS: list[Distribution] = [
    Normal(value=3.0, standard_uncertainty=0.5),
    StudentT(value=3.0, scale=0.5, degrees_of_freedom=5.0),
    Rectangular(lower=-1.0, upper=3.0),
    Triangular(lower=-1.0, upper=3.0),
    Trapezoidal(lower=-1.0, upper=3.0, beta=0.4),
    Trapezoidal(lower=-1.0, upper=3.0, beta=0.0),
    Trapezoidal(lower=-1.0, upper=3.0, beta=1.0),
    CurvilinearTrapezoid(lower=-1.0, upper=3.0, inexactness=0.5),
    CurvilinearTrapezoid(lower=-1.0, upper=3.0, inexactness=2.0),
    Arcsine(lower=-1.0, upper=3.0),
    Exponential(value=2.0),
    Gamma(shape=4.5, scale=2.0),
    Gamma(shape=0.7, scale=2.0),
]


def name(distribution: Distribution) -> str:
    return repr(distribution)


@pytest.mark.parametrize("each", DISTRIBUTIONS, ids=name)
def test_draws_have_the_distribution(each: Distribution) -> None:
    draws = each.sample(np.random.default_rng(1), 20_000)
    assert draws.shape == (20_000,)
    assert kstest(draws, each.cdf).pvalue > 1e-3
    # 5 standard errors; the t distribution's fourth moment is large.
    assert np.mean(draws) == pytest.approx(each.mean, abs=5.0 * each.standard_deviation / math.sqrt(20_000))
    assert np.std(draws) == pytest.approx(each.standard_deviation, rel=0.06)


@pytest.mark.parametrize("each", DISTRIBUTIONS, ids=name)
def test_quantile_is_the_inverse_of_the_distribution_function(each: Distribution) -> None:
    p = np.concatenate([[1e-6, 1e-3], np.linspace(0.01, 0.99, 99), [0.999, 1.0 - 1e-6]])
    x = each.quantile(p)
    assert np.all(np.diff(x) > 0.0)
    assert each.cdf(x) == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("each", DISTRIBUTIONS, ids=name)
def test_density_integrates_to_the_distribution_function(each: Distribution) -> None:
    points = each.quantile(np.array([0.02, 0.2, 0.5, 0.8, 0.98]))
    for low, high in itertools.pairwise(points):
        area, _ = quad(lambda x: float(each.pdf(x)), low, high, limit=200)
        assert area == pytest.approx(float(each.cdf(high) - each.cdf(low)), abs=1e-7)


@pytest.mark.parametrize("each", DISTRIBUTIONS, ids=name)
def test_moments_are_those_of_the_quantile_function(each: Distribution) -> None:
    mean, _ = quad(lambda p: float(each.quantile(p)), 0.0, 1.0, limit=400, epsabs=1e-9)
    square, _ = quad(lambda p: float((each.quantile(p) - each.mean) ** 2), 0.0, 1.0, limit=400, epsabs=1e-9)
    assert each.mean == pytest.approx(mean, abs=1e-6)
    assert each.standard_deviation == pytest.approx(math.sqrt(square), rel=2e-3)


@pytest.mark.parametrize("each", DISTRIBUTIONS[2:10], ids=name)
def test_bounded_distributions_stay_within_their_bounds(each: Distribution) -> None:
    margin = getattr(each, "inexactness", 0.0)
    draws = each.sample(np.random.default_rng(2), 100_000)
    assert -1.0 - margin <= draws.min()
    assert draws.max() <= 3.0 + margin
    outside = np.array([-1.0 - margin - 0.1, 3.0 + margin + 0.1])
    assert each.pdf(outside).tolist() == [0.0, 0.0]
    assert each.cdf(outside).tolist() == [0.0, 1.0]


def test_variances_of_table_1() -> None:
    assert Rectangular(lower=0.0, upper=1.0).standard_deviation ** 2 == pytest.approx(1.0 / 12.0)
    assert Triangular(lower=0.0, upper=1.0).standard_deviation ** 2 == pytest.approx(1.0 / 24.0)
    assert Trapezoidal(lower=0.0, upper=1.0, beta=0.5).standard_deviation ** 2 == pytest.approx(1.25 / 24.0)
    ctrap = CurvilinearTrapezoid(lower=0.0, upper=1.0, inexactness=0.3)
    assert ctrap.standard_deviation**2 == pytest.approx(1.0 / 12.0 + 0.01)
    assert Arcsine(lower=0.0, upper=1.0).standard_deviation ** 2 == pytest.approx(1.0 / 8.0)
    t = StudentT(value=0.0, scale=2.0, degrees_of_freedom=6.0)
    assert t.standard_deviation**2 == pytest.approx(4.0 * 6.0 / 4.0)
    assert Exponential(value=3.0).standard_deviation == 3.0
    # 6.4.11.2: after q = 5 counts, G(6, 1) with expectation and variance q + 1.
    assert (Gamma(shape=6.0, scale=1.0).mean, Gamma(shape=6.0, scale=1.0).standard_deviation ** 2) == pytest.approx(
        (6, 6)
    )


def test_moments_that_do_not_exist_are_not_made_up() -> None:
    assert StudentT(value=1.0, scale=1.0, degrees_of_freedom=2.0).standard_deviation == math.inf
    assert StudentT(value=1.0, scale=1.0, degrees_of_freedom=2.0).mean == 1.0
    assert math.isnan(StudentT(value=1.0, scale=1.0, degrees_of_freedom=1.0).mean)


def test_samples_given() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, 4000)
    each = Empirical.of(values)
    assert each.mean == pytest.approx(values.mean())
    assert each.standard_deviation == pytest.approx(values.std(ddof=1))
    draws = each.sample(np.random.default_rng(4), 50_000)
    assert np.isin(draws, values).all()
    assert float(each.quantile(0.5)) == pytest.approx(np.median(values))
    p = np.linspace(0.01, 0.99, 50)
    assert each.cdf(each.quantile(p)) == pytest.approx(p)
    # The density is constant between two values that were given: its area is a sum.
    edges = np.concatenate([[4.9], np.sort(values[(values > 4.9) & (values < 5.0)]), [5.0]])
    area = float(np.diff(edges) @ each.pdf(0.5 * (edges[1:] + edges[:-1])))
    assert area == pytest.approx(float(each.cdf(5.0) - each.cdf(4.9)), rel=1e-9)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Normal(value=1.0, standard_uncertainty=0.0), ["standard_uncertainty", "greater than 0"]),
        (lambda: Normal(value=math.nan, standard_uncertainty=1.0), ["value", "finite"]),
        (lambda: StudentT(value=1.0, scale=1.0, degrees_of_freedom=-1.0), ["degrees_of_freedom", "-1.0"]),
        (lambda: StudentT(value=1.0, scale=-1.0, degrees_of_freedom=1.0), ["scale", "-1.0"]),
        (lambda: Rectangular(lower=1.0, upper=1.0), ["upper", "greater than lower"]),
        (lambda: Triangular(lower=1.0, upper=0.0), ["upper"]),
        (lambda: Arcsine(lower=math.inf, upper=0.0), ["lower", "finite"]),
        (lambda: Trapezoidal(lower=0.0, upper=1.0, beta=1.5), ["beta", "between 0"]),
        (lambda: CurvilinearTrapezoid(lower=0.0, upper=1.0, inexactness=0.6), ["inexactness", "half"]),
        (lambda: CurvilinearTrapezoid(lower=0.0, upper=1.0, inexactness=0.0), ["inexactness"]),
        (lambda: Exponential(value=-1.0), ["value", "greater than 0"]),
        (lambda: Gamma(shape=0.0, scale=1.0), ["shape"]),
        (lambda: Empirical.of([1.0]), ["samples", "two"]),
        (lambda: Empirical.of([1.0, math.nan]), ["samples", "finite"]),
        (lambda: Empirical.of([1.0, 1.0]), ["samples", "equal"]),
    ],
)
def test_impossible_parameters_are_refused_by_name(make: Callable[[], Distribution], words: list[str]) -> None:
    with pytest.raises(DistributionError) as refused:
        make()
    for word in words:
        assert word in str(refused.value)
