"""Global and specific risks: published numbers, closed form against integral against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples
from scipy.special import ndtr

from steelyard.calibration.engine.conformance.errors import ConformanceError
from steelyard.calibration.engine.conformance.limits import Limits
from steelyard.calibration.engine.conformance.normal_risk import normal_risks
from steelyard.calibration.engine.conformance.posterior import posterior
from steelyard.calibration.engine.conformance.risk import global_risks
from steelyard.calibration.engine.distributions.bounded import (
    Arcsine,
    CurvilinearTrapezoid,
    Rectangular,
    Trapezoidal,
    Triangular,
)
from steelyard.calibration.engine.distributions.empirical import Empirical
from steelyard.calibration.engine.distributions.unbounded import Exponential, Gamma, Normal, StudentT

STANDARD = Normal(value=0.0, standard_uncertainty=1.0)

# D. Deaver (Fluke), "How to maintain your confidence in a world of declining test uncertainty ratios", NCSL 1993, pages
# 7 and 10: tolerance in standard deviations of the process, their ratio to the measurement's, guard-band factor;
# consumer's and producer's risk as printed, with the tolerances of the second reader (suncal).
DEAVER = [
    (2.0, 4.0, 1.0, (0.008, 1e-4), None),
    (2.5, 4.0, 1.0, (0.0025, 1e-4), None),
    (2.5, 1.0, 1.0, (0.005, 1e-3), None),
    (2.0, 2.0, 0.91, (0.008, 5e-4), (0.066, 1e-3)),
    (2.0, 4.0, 1.0, (0.008, 5e-4), (0.015, 5e-4)),
]


@pytest.mark.parametrize(("limit", "ratio", "factor", "consumer", "producer"), DEAVER)
def test_risks_of_deaver(limit, ratio, factor, consumer, producer):
    tolerance, acceptance = Limits(lower=-limit, upper=limit), Limits(lower=-limit * factor, upper=limit * factor)
    found = global_risks(STANDARD, 1.0 / ratio, tolerance, acceptance)
    assert found.consumer == pytest.approx(consumer[0], abs=consumer[1])
    if producer is not None:
        assert found.producer == pytest.approx(producer[0], abs=producer[1])


# The same, to the digits of two independent integrals (scipy.integrate.quad, suncal 1.7).
@pytest.mark.parametrize(
    ("limit", "ratio", "factor", "consumer", "producer"),
    [
        (2.0, 4.0, 1.0, 0.008006084834450, 0.014850884211255),
        (2.5, 4.0, 1.0, 0.002445348712704, 0.005319389091350),
        (2.5, 1.0, 1.0, 0.004723566502497, 0.069404107594486),
        (2.0, 2.0, 0.91, 0.008051608545312, 0.066106452159034),
    ],
)
def test_both_ways_of_calculation_reach_the_digits_of_independent_integrals(limit, ratio, factor, consumer, producer):
    tolerance, acceptance = Limits(lower=-limit, upper=limit), Limits(lower=-limit * factor, upper=limit * factor)
    integral = global_risks(STANDARD, 1.0 / ratio, tolerance, acceptance)
    closed = normal_risks(
        0.0,
        1.0,
        1.0 / ratio,
        lower=-limit,
        upper=limit,
        acceptance_lower=-limit * factor,
        acceptance_upper=limit * factor,
    )
    for found in (integral, closed):
        assert float(found.consumer) == pytest.approx(consumer, abs=1e-14)
        assert float(found.producer) == pytest.approx(producer, abs=1e-14)


PRIORS = [
    STANDARD,
    StudentT(value=0.2, scale=0.5, degrees_of_freedom=3.0),
    Rectangular(lower=-1.5, upper=1.0),
    Triangular(lower=-2.0, upper=1.5),
    Trapezoidal(lower=-1.5, upper=1.5, beta=0.4),
    CurvilinearTrapezoid(lower=-1.5, upper=1.2, inexactness=0.2),
    Arcsine(lower=-1.2, upper=1.2),
    Exponential(value=0.8),
    Gamma(shape=0.5, scale=1.0),
    Gamma(shape=3.0, scale=0.3),
]
RULES = [
    (Limits(lower=-1.0, upper=1.0), None),
    (Limits(lower=-1.0, upper=1.0), Limits(lower=-0.7, upper=0.9)),
    (Limits(upper=0.9), Limits(upper=0.8)),
    (Limits(lower=-0.3), None),
    (Limits(lower=-0.5, upper=0.5), Limits(lower=-0.6)),
]


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
@pytest.mark.parametrize(("tolerance", "acceptance"), RULES)
@pytest.mark.parametrize("u", [0.02, 0.4])
def test_simulation_agrees_with_the_integral_for_any_prior(prior, tolerance, acceptance, u):
    n = 200_000
    generator = np.random.default_rng(20_260_101)
    true = prior.sample(generator, n)
    measured = true + u * generator.standard_normal(n)
    within = acceptance or tolerance
    conforms = (true >= tolerance.lower) & (true <= tolerance.upper)
    accepted = (measured >= within.lower) & (measured <= within.upper)
    found = global_risks(prior, u, tolerance, acceptance)
    for risk, cases in [
        (found.consumer, accepted & ~conforms),
        (found.producer, conforms & ~accepted),
        (found.accepted, accepted),
        (found.conforming, conforms),
    ]:
        assert np.mean(cases) == pytest.approx(risk, abs=4.5 * math.sqrt((risk + 1e-5) / n))


@given(
    st.floats(-1.5, 1.5),
    st.floats(0.05, 3.0),
    st.floats(0.01, 2.0),
    st.sampled_from([(-1.0, 1.0), (-math.inf, 1.0), (-1.0, math.inf), (-0.2, 2.0)]),
    st.floats(-0.3, 0.15),
)
@settings(max_examples=examples(60))
def test_closed_form_and_integral_agree(mean, deviation, u, limits, band):
    tolerance = Limits(lower=limits[0], upper=limits[1])
    acceptance = tolerance.guarded(band)
    integral = global_risks(Normal(value=mean, standard_uncertainty=deviation), u, tolerance, acceptance)
    closed = normal_risks(
        mean,
        deviation,
        u,
        lower=tolerance.lower,
        upper=tolerance.upper,
        acceptance_lower=acceptance.lower,
        acceptance_upper=acceptance.upper,
    )
    assert integral.consumer == pytest.approx(float(closed.consumer), abs=1e-13)
    assert integral.producer == pytest.approx(float(closed.producer), abs=1e-13)
    assert integral.accepted == pytest.approx(float(closed.accepted), abs=1e-13)


def test_the_closed_form_takes_whole_fleets_and_limits_at_the_mean():
    fleet = normal_risks(np.zeros((3, 1)), [0.5, 1.0], 0.25, lower=0.0, upper=[1.0, 2.0])
    one = global_risks(STANDARD, 0.25, Limits(lower=0.0, upper=2.0))
    assert fleet.consumer.shape == (3, 2)
    assert float(fleet.consumer[2, 1]) == pytest.approx(one.consumer, abs=1e-14)


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_every_item_is_in_one_of_four_cases(prior):
    found = global_risks(prior, 0.3, Limits(lower=-0.8, upper=0.9), Limits(lower=-0.6, upper=0.7))
    both = found.conforming - found.producer
    assert found.accepted == pytest.approx(both + found.consumer, abs=1e-13)
    assert found.conditional_false_accept == pytest.approx(found.consumer / found.accepted)
    assert found.conditional_false_reject == pytest.approx(found.producer / (1.0 - found.accepted))


@pytest.mark.parametrize("factor", [2.0**-10, 2.0**10])
def test_another_unit_changes_no_risk(factor):
    one = global_risks(Rectangular(lower=-1.5, upper=1.0), 0.3, Limits(lower=-0.8, upper=0.9))
    other = global_risks(
        Rectangular(lower=-1.5 * factor, upper=1.0 * factor),
        0.3 * factor,
        Limits(lower=-0.8 * factor, upper=0.9 * factor),
    )
    assert other.consumer == pytest.approx(one.consumer, rel=1e-12)
    assert other.producer == pytest.approx(one.producer, rel=1e-12)


def test_one_limit_is_the_limit_of_two():
    one = global_risks(STANDARD, 0.3, Limits(upper=1.0))
    two = global_risks(STANDARD, 0.3, Limits(lower=-40.0, upper=1.0))
    assert two.consumer == pytest.approx(one.consumer, rel=1e-12)
    assert two.producer == pytest.approx(one.producer, rel=1e-12)


def test_a_far_better_measurement_makes_no_mistakes():
    found = global_risks(STANDARD, 1e-9, Limits(lower=-2.0, upper=2.0))
    assert found.consumer < 1e-9
    assert found.producer < 1e-9
    assert found.accepted == pytest.approx(0.954499736103642, abs=1e-9)


def test_draws_may_stand_for_a_prior():
    draws = np.random.default_rng(1).standard_normal(100_000)
    found = global_risks(Empirical.of(draws), 0.5, Limits(lower=-2.0, upper=2.0))
    exact = global_risks(STANDARD, 0.5, Limits(lower=-2.0, upper=2.0))
    assert found.consumer == pytest.approx(exact.consumer, abs=1e-3)
    after = posterior(Empirical.of(draws), 1.0, 0.5, Limits(upper=1.0))
    assert after.mean == pytest.approx(0.8, abs=0.01)


def test_nothing_accepted_leaves_no_conditional_risk():
    found = global_risks(STANDARD, 0.01, Limits(lower=-1.0, upper=1.0), Limits(lower=500.0, upper=501.0))
    assert found.accepted == 0.0
    assert found.conditional_false_accept is None


@given(st.floats(-3, 3), st.floats(0.1, 2.0), st.floats(0.1, 2.0), st.floats(-3, 3))
@settings(max_examples=examples(40))
def test_a_normal_prior_and_measurement_have_the_posterior_of_jcgm_106(mean, deviation, u, value):
    # JCGM 106:2012, A.4: weights are inverse variances.
    found = posterior(Normal(value=mean, standard_uncertainty=deviation), value, u, Limits(upper=0.5))
    weight = deviation**2 / (deviation**2 + u**2)
    expected, spread = mean + weight * (value - mean), deviation * u / math.hypot(deviation, u)
    assert found.mean == pytest.approx(expected, abs=1e-9)
    assert found.standard_uncertainty == pytest.approx(spread, rel=1e-9)
    assert found.conforming == pytest.approx(0.5 * math.erfc(-(0.5 - expected) / spread / math.sqrt(2.0)), abs=1e-10)
    assert found.conforming + found.nonconforming == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize(("value", "u"), [(1.0, 0.125), (2.0, 0.2), (-3.0, 0.3), (4.0, 0.5)])
def test_a_value_far_from_all_that_the_prior_expects_keeps_its_digits(value, u):
    mean, deviation = -0.5, 0.109375
    found = posterior(Normal(value=mean, standard_uncertainty=deviation), value, u, Limits(lower=-0.6, upper=0.5))
    weight = deviation**2 / (deviation**2 + u**2)
    middle, spread = mean + weight * (value - mean), deviation * u / math.hypot(deviation, u)
    expected = middle, spread, ndtr((-0.6 - middle) / spread), ndtr((middle - 0.5) / spread)
    assert (found.mean, found.standard_uncertainty, found.below, found.above) == pytest.approx(expected, rel=1e-9)


def test_a_quantity_that_cannot_be_negative_stays_positive_after_its_measurement():
    # JCGM 106:2012, annex B: a property near a physical limit.
    found = posterior(Exponential(value=1.0), -0.1, 0.2, Limits(lower=0.0))
    assert found.mean > 0.0
    assert found.conforming == pytest.approx(1.0, abs=1e-10)
    bathtub = posterior(Arcsine(lower=-1.0, upper=1.0), 0.9, 0.1, Limits(upper=0.95))
    assert bathtub.conforming + bathtub.above == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("u", [0.0, -1.0, math.nan, math.inf])
def test_a_measurement_without_uncertainty_is_refused(u):
    for call in (
        lambda: global_risks(STANDARD, u, Limits(upper=1.0)),
        lambda: normal_risks(0.0, 1.0, u, upper=1.0),
        lambda: posterior(STANDARD, 0.0, u, Limits(upper=1.0)),
    ):
        with pytest.raises(ConformanceError) as caught:
            call()
        assert caught.value.field == "measurement_standard_uncertainty"


def test_an_impossible_value_is_refused():
    with pytest.raises(ConformanceError, match="impossible by the prior"):
        posterior(Rectangular(lower=0.0, upper=1.0), 1e6, 0.1, Limits(upper=1.0))
    with pytest.raises(ConformanceError, match="value"):
        posterior(STANDARD, math.nan, 0.1, Limits(upper=1.0))
