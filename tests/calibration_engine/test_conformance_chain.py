"""Reliability and cost through a chain of calibrations: the solar experiment of NCSLI draft RP-19."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from steelyard.calibration.engine.conformance.annual_cost import SupportPlan, annual_support, failure_probability
from steelyard.calibration.engine.conformance.chain import (
    ChainLevel,
    ChainReliability,
    reliability_at,
    standard_uncertainty_of_reliability,
)
from steelyard.calibration.engine.conformance.errors import ConformanceError

# NCSLI draft RP-19, tables 5-8 to 5-10: from the standards laboratory down to the end item. Tolerance half-width,
# observed reliability; half the last digit of EOPR, AOPR, BOPR (None: not printed); false accept, false reject.
SOLAR = [
    ("comparator", 0.25, 0.95, 5e-5, 0.9527, 0.9733, 0.9943, 0.0057, 0.0084),
    ("lamp", 1.0, 0.9973, 5e-5, 0.9986, 0.9991, None, 0.0004, 0.0017),
    ("solar experiment", 10.0, 0.99993, 5e-6, 0.99994, 0.99996, None, 0.0000, 0.0000),
]


def solar_chain() -> dict[str, ChainReliability]:
    reference, found = standard_uncertainty_of_reliability(0.0625, 0.9986), {}
    for name, tolerance, observed, *_ in SOLAR:
        found[name] = reliability_at(ChainLevel(tolerance=tolerance, observed_reliability=observed), reference)
        reference = found[name].standard_uncertainty
    return found


def test_reliability_through_the_chain_of_rp_19():
    chain = solar_chain()
    for name, _, _, half_digit, end, average, beginning, accept, reject in SOLAR:
        found = chain[name]
        assert found.end_of_period == pytest.approx(end, abs=half_digit), name
        assert found.average_over_period == pytest.approx(average, abs=half_digit), name
        if beginning is not None:
            assert found.beginning_of_period == pytest.approx(beginning, abs=half_digit), name
        assert found.false_accept == pytest.approx(accept, abs=5e-5), name
        assert found.false_reject == pytest.approx(reject, abs=5e-5), name


# Inputs: suncal (Sandia), test/ex_solarexperiment.yaml. Lamp and comparator are repaired where they are found out of
# tolerance. The solar experiment is adjusted: by RP-19 the part 1 - EOPR of table 5-8; with the part that is found out
# of tolerance, 1 - 0.99993, adjustments would be 11.88 and the support 178 688.30.
PLANS = [
    SupportPlan(items=2, interval=0.5, calibration=800, adjusted=0.0, repaired=1.0 - 0.95, repair=9000,
                calibration_days=4, repair_days=30, price=90_000),
    SupportPlan(items=3, interval=0.3333333, calibration=400, adjusted=0.0, repaired=1.0 - 0.9973, repair=7500,
                calibration_days=2, repair_days=30, price=75_000),
    SupportPlan(items=1, interval=1.0, calibration=156_800, adjusted=1.0 - 0.99994, repaired=0.0, adjustment=156_800,
                calibration_days=30, adjustment_days=3, price=250_000),
]  # fmt: skip


def test_annual_cost_of_the_chain_of_rp_19():
    # Table 5-12; the total with suncal's tolerance.
    costs = [annual_support(plan) for plan in PLANS]
    assert sum(each.calibration for each in costs) == pytest.approx(176_637, abs=0.5)
    assert sum(each.adjustment for each in costs) == pytest.approx(10, abs=0.5)
    assert sum(each.spares_price for each in costs) == pytest.approx(29_801, abs=0.5)
    support = sum(each.support for each in costs)
    assert support == pytest.approx(178_687, abs=0.5)
    failing = failure_probability(10.0, solar_chain()["solar experiment"], fails_at=30.0)
    assert support + 35e6 * failing == pytest.approx(178_690, abs=15)


def test_an_item_that_never_waits_needs_no_spare():
    found = annual_support(
        SupportPlan(items=4, interval=2.0, calibration=100, adjusted=0.5, repaired=0.0, adjustment=10)
    )
    assert (found.spares, found.calibration, found.adjustment, found.support) == (0.0, 200.0, 10.0, 210.0)


def test_failures_are_those_of_simulated_items():
    level = reliability_at(ChainLevel(tolerance=1.0, observed_reliability=0.8), 0.1)
    random = np.random.default_rng(2)
    ratio = level.end_of_period / level.beginning_of_period
    within = level.beginning_of_period * ratio ** random.random(400_000)
    error = np.abs(random.standard_normal(400_000)) / norm.ppf(0.5 * (1.0 + within))
    harm = np.where(error > 1.0, np.sin(0.5 * math.pi * np.minimum(error - 1.0, 1.0)) ** 2, 0.0)
    assert failure_probability(1.0, level, fails_at=2.0) == pytest.approx(float(harm.mean()), rel=0.02)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"items": 0.0}, "items"),
        ({"interval": 0.0}, "interval"),
        ({"interval": math.nan}, "interval"),
        ({"repair": -1.0}, "repair"),
        ({"adjusted": 1.5}, "adjusted"),
        ({"readiness": 2.0}, "readiness"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(changed, field):
    with pytest.raises(ConformanceError) as caught:
        annual_support(replace(PLANS[0], **changed))
    assert caught.value.field == field


def test_what_fails_within_its_tolerance_is_refused():
    with pytest.raises(ConformanceError, match="fails_at"):
        failure_probability(10.0, solar_chain()["solar experiment"], fails_at=10.0)


def test_a_chain_that_measures_no_better_than_its_items_is_refused():
    with pytest.raises(ConformanceError, match="no better than the spread"):
        reliability_at(ChainLevel(tolerance=1.0, observed_reliability=0.95), 1.0)
    with pytest.raises(ConformanceError, match="reliability"):
        reliability_at(ChainLevel(tolerance=1.0, observed_reliability=1.0), 0.1)
    with pytest.raises(ConformanceError, match="tolerance"):
        reliability_at(ChainLevel(tolerance=0.0, observed_reliability=0.9), 0.1)
    with pytest.raises(ConformanceError, match="reference_standard_uncertainty"):
        reliability_at(ChainLevel(tolerance=1.0, observed_reliability=0.9), 0.0)
